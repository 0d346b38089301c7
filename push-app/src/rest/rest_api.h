// The REST interface of push initiators, and the same for operators without a token. interfaces.md, HTTP.
// Thread: the shard that registered the routes.
#pragma once

#include <memory>

#include "delivery/knowledge.h"
#include "herald/http.h"
#include "herald/servlet_context.h"
#include "initiator/initiator_auth.h"
#include "pushes/push_service.h"
#include "rest/push_events.h"

namespace herald::push {

class RestApi : public std::enable_shared_from_this<RestApi> {
 public:
  RestApi(ServletContext& context, std::shared_ptr<PushService> service, Books books, std::shared_ptr<PushEvents> events,
          std::shared_ptr<ContentBook> contents);
  void add_routes();
  void stop() noexcept { stopped_ = true; }

 private:
  enum class Door : std::uint8_t { initiators, operators };
  struct Caller {
    std::shared_ptr<const PushConfig> config;  // keeps the initiator alive
    const Initiator* initiator = nullptr;      // null: an operator
    [[nodiscard]] std::optional<std::string> owner() const;
    [[nodiscard]] std::shared_ptr<const Initiator> account() const;
  };
  using Self = std::shared_ptr<RestApi>;
  using Handler = Task<HttpResponse> (*)(Self, Caller, HttpRequest);

  void add(HttpRoutes& routes, Door door, std::string_view method, std::string_view pattern, Handler handler,
           HttpRouteOptions options = {});
  static Task<HttpResponse> enter(Self self, Door door, Handler handler, HttpRequest request);
  [[nodiscard]] Checked<void> admit(Door door, const HttpRequest& request, Caller& caller, bool stream) const;
  static Task<HttpResponse> submit(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> show(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> list(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> cancel(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> show_registration(Self self, Caller caller, HttpRequest request);

  // -- rest_events.cpp --
  static Task<HttpResponse> watch(Self self, Caller caller, HttpRequest request);

  // -- rest_contents.cpp --
  static Task<HttpResponse> upload(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> show_content(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> remove_content(Self self, Caller caller, HttpRequest request);

  // -- rest_subscriptions.cpp --
  static Task<HttpResponse> list_subscriptions(Self self, Caller caller, HttpRequest request);
  static Task<Expected<std::vector<SubscriptionInfo>>> subscriptions_of_shard(Self self, unsigned shard, std::string user,
                                                                              std::string after, std::size_t limit);

  // -- rest_capabilities.cpp --
  static Task<HttpResponse> show_capabilities(Self self, Caller caller, HttpRequest request);

  // -- rest_invitations.cpp --
  static Task<HttpResponse> invite(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> show_invitation(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> cancel_invitation(Self self, Caller caller, HttpRequest request);

  // -- rest_consent.cpp --
  struct ConsentTarget {
    std::string user, application;  // canonical
  };
  [[nodiscard]] static Checked<ConsentTarget> read_consent_target(const Caller& caller, const HttpRequest& request);
  static Task<HttpResponse> show_consent(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> set_consent(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> clear_consent(Self self, Caller caller, HttpRequest request);
  static Task<HttpResponse> decide_consent(Self self, ConsentTarget target, ConsentDecision decision);

  [[nodiscard]] static ContentOwner content_owner(const Caller& caller);
  [[nodiscard]] Checked<void> take_rate(const Caller& caller);
  [[nodiscard]] static Task<Checked<SubmitRequest>> read_submission(Self self, Caller caller, HttpRequest* request);

  ServletContext& context_;
  std::shared_ptr<PushService> service_;
  Books books_;
  std::shared_ptr<PushEvents> events_;
  std::shared_ptr<ContentBook> contents_;
  PushMetrics metrics_;
  bool stopped_ = false;
};

}  // namespace herald::push
