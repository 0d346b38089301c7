// The notifier's side of event packages: who subscribed, what they are told. RFC 6665 4.2, RFC 5839, RFC 6446.
//
//   init            context.notifier().add_package(package_);
//   do_subscribe    auto wish = context.notifier().read(request);         // answers 489, 406, 415, 423 … itself
//                   if (!wish) co_return;
//                   ... policy of the module ...
//                   co_await context.notifier().accept(std::move(*wish), grant);   // record, 200, first NOTIFY
//   later           context.notifier().changed("oma-push", user, app);    // -> package.content() when a NOTIFY may go
//
// A subscription is a dialog of its own (RFC 6665 4.5.2): plain data in the store, no session. Refreshes, un-subscribing, expiry
// and restarts are the notifier's; the module is told when one has ended.
//
// Thread: a subscription lives on the home shard of its resource, and so do all calls about it; read() and accept() run on the
// shard that got the request. Lifetime: packages outlive the container's stop(). Errors: see each call.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/sip_servlet.h"
#include "herald/task.h"

namespace herald {

enum class SubscriptionStatus : std::uint8_t { pending, active, terminated };
[[nodiscard]] std::string_view to_string(SubscriptionStatus status) noexcept;

// RFC 6665 4.1.3; `none` when there is nothing to say.
enum class EndReason : std::uint8_t { none, deactivated, probation, rejected, timeout, giveup, noresource, invariant };
[[nodiscard]] std::string_view to_string(EndReason reason) noexcept;
[[nodiscard]] std::optional<EndReason> parse_end_reason(std::string_view text) noexcept;

// RFC 6665 5.4: what a package fixes. May change with a reload; asked for at each use.
struct EventRules {
  std::string package;
  // Media types it may send, ranges allowed; the first is what a SUBSCRIBE without Accept gets.
  std::vector<std::string> body_types;
  std::chrono::seconds default_expires{3600};
  std::chrono::seconds min_expires{60};
  std::chrono::seconds max_expires{86400};
  double expiry_jitter = 0.1;               // up to this part less than asked, so that refreshes do not come all at once
  double max_rate = 1.0;                    // NOTIFYs per second and subscription at most (AS-64); 0: no limit
  std::size_t max_request_bytes = 1300;     // of a NOTIFY as a whole (PS-24)
  std::size_t max_subscriptions = 2000000;  // per shard; beyond: 500 with Retry-After
  bool charging_vector = false;             // NOTIFYs carry the icid of their SUBSCRIBE (AS-61)
};

// RFC 6446, notifications per second; none: not asked for.
struct EventRates {
  std::optional<double> max_rate, min_rate, adaptive_min_rate;
  friend bool operator==(const EventRates&, const EventRates&) = default;
};

struct SubscriptionInfo {
  std::string id;  // make_id()
  std::string package;
  std::string event_id;             // "id" parameter; empty: none
  std::string resource;             // canonical user
  std::string key;                  // the package's division of it: an application
  std::string subscriber;           // asserted identity, canonical; empty: anonymous
  std::string contact;              // remote target
  std::string attributes;           // the package's own, kept with the record
  std::vector<std::string> accept;  // media ranges; empty: no Accept came
  EventRates rates;
  SubscriptionStatus status = SubscriptionStatus::active;
  WallTime created{};
  WallTime expires{};
};

// A SUBSCRIBE that is fit to be decided on.
struct SubscribeRequest {
  SipServletRequest request;
  std::string package;
  std::string event_id;
  SipParams event_params;  // of the Event header, without id and rates
  EventRates rates;
  std::optional<std::chrono::seconds> expires;  // as asked
  std::vector<std::string> accept;
  std::string subscriber;                        // from P-Asserted-Identity of a trusted peer only (S-5); empty: anonymous
  std::optional<std::string> suppress_if_match;  // RFC 5839
  [[nodiscard]] bool fetch() const noexcept { return expires && expires->count() == 0; }
};

struct Grant {
  std::string resource;  // canonical; its home shard owns the subscription
  std::string key;
  SubscriptionStatus status = SubscriptionStatus::active;  // pending: nobody has decided yet (PS-62)
  std::string attributes;
};

enum class NotifyCause : std::uint8_t {
  initial,  // and the answer to a fetch
  refresh,
  change,    // changed(), min_rate
  decision,  // pending -> active
  ended,     // the last one
};

struct NotifyWish {
  NotifyCause cause = NotifyCause::change;
  std::size_t room = 0;  // octets left for body and the content's header fields within max_request_bytes
};

struct NotifyContent {
  bool nothing = false;  // cause change: nothing to tell after all, no NOTIFY
  std::string type;      // empty: no body
  std::string body;
  std::vector<SipHeaderField> headers;  // besides what the notifier sets
  std::string etag;                     // RFC 5839, of the state after this NOTIFY; empty: none
  std::uint64_t batch = 0;              // comes back in notified()
  bool more = false;                    // there is more for the next NOTIFY
};

struct NotifyOutcome {
  int status = 0;  // final
  ResponseOrigin origin = ResponseOrigin::peer;
  SipMessage response;              // what the peer said; empty for a local one
  bool subscription_ended = false;  // PS-73
  [[nodiscard]] bool delivered() const noexcept { return status >= 200 && status < 300; }
};

// What a module brings to the notifier. Called on the home shard of the resource only.
class EventPackage {
 public:
  virtual ~EventPackage() = default;
  [[nodiscard]] virtual EventRules rules() const = 0;
  // Is there a body type this Accept allows? Default: any of rules().body_types. PS-67
  [[nodiscard]] virtual bool acceptable(const std::vector<std::string>& accept) const;
  // The state to tell now. At most one NOTIFY per subscription is out, so none is asked for before the last was notified().
  // While the subscription is pending it is not asked (the NOTIFY has no body).
  virtual Task<NotifyContent> content(SubscriptionInfo subscription, NotifyWish wish) = 0;
  // How the NOTIFY with that batch fared. Not called when content() gave batch 0.
  virtual void notified(const SubscriptionInfo& subscription, std::uint64_t batch, const NotifyOutcome& outcome);
  // Accepted, or read back after a restart: it may be notified from now on.
  virtual void began(const SubscriptionInfo& subscription, bool restored);
  // It is no more, whoever ended it. `by_subscriber`: un-SUBSCRIBE.
  virtual void ended(const SubscriptionInfo& subscription, EndReason reason, bool by_subscriber);
};

class Notifier {
 public:
  virtual ~Notifier() = default;
  // During init; the package's subscriptions are read back after the init of all servlets.
  virtual void add_package(EventPackage& package) = 0;
  // Reads and checks a SUBSCRIBE (or, for the package "refer", a REFER: RFC 3515 2.4.4). What is not fit is answered here:
  // 400, 403, 406, 415, 423, 489; then nothing.
  [[nodiscard]] virtual std::optional<SubscribeRequest> read(const SipServletRequest& request) = 0;
  // Writes the record, answers 200 (or `status`, 202 for REFER) and sends the first NOTIFY. Error: the request was answered
  // with what the error is to SIP.
  virtual Future<SubscriptionInfo> accept(SubscribeRequest request, Grant grant, int status = 200) = 0;

  // -- on the resource's home shard --
  // The state of `key` (empty: all keys) changed: NOTIFYs go as soon as rates and outstanding ones allow, newest state only.
  virtual void changed(std::string_view package, std::string_view resource, std::string_view key) = 0;
  virtual bool changed(std::string_view id) = 0;
  // pending -> active, with a NOTIFY at once. False: no such subscription.
  virtual bool activate(std::string_view id) = 0;
  // Says so in a last NOTIFY. False: no such subscription.
  virtual bool end(std::string_view id, EndReason reason, std::optional<std::chrono::seconds> retry_after = {}) = 0;
  [[nodiscard]] virtual std::optional<SubscriptionInfo> get(std::string_view id) const = 0;
  [[nodiscard]] virtual std::vector<SubscriptionInfo> find(std::string_view package, std::string_view resource,
                                                           std::string_view key = {}) const = 0;
  // A live one that may be notified; cheaper than find().
  [[nodiscard]] virtual bool has_active(std::string_view package, std::string_view resource, std::string_view key) const = 0;
  // This shard's, by id; `after`: the last id of the page before.
  [[nodiscard]] virtual std::vector<SubscriptionInfo> list(std::string_view package, std::string_view after,
                                                           std::size_t limit) const = 0;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
};

}  // namespace herald
