// The servlet API: JSR 289's words, C++ and coroutines. A module derives from SipServlet; the container calls one hook per
// message on the shard that owns the session.
//
// Thread: everything here only on the owning shard.
// Ownership: requests, responses and sessions are handles; copies share. The container owns what is behind them. Using a handle
// after its session or transaction ended yields Error{gone}, never undefined behaviour.
// Errors: a hook that ends without an answer makes the container answer 500 and count it; an exception never leaves a hook.
//
// Differences from JSR 289 by intent: hooks return Task<void>; send() of a request can be awaited; attributes are typed;
// sessions are invalidated automatically when they are ready (SV-17); unread hooks answer 405 with Allow, or 501 (SV-4).
#pragma once

#include <any>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/deadline.h"
#include "herald/expected.h"
#include "herald/isc_context.h"
#include "herald/sip_message.h"
#include "herald/task.h"
#include "herald/trace.h"

namespace herald {

class SipApplicationSession;
class SipServletResponse;
class SipSession;
class ServletContext;

namespace detail {  // defined by the container
class AppSessionState;
class RequestState;
class ResponseState;
class SessionState;
}  // namespace detail

// Attributes by name and type; get of another type than was set is null.
class AttributeMap {
 public:
  template <class T>
  void set(std::string name, T value) {
    set_any(std::move(name), std::any(std::move(value)));
  }
  template <class T>
  [[nodiscard]] T* get(std::string_view name) noexcept {
    return std::any_cast<T>(find(name));
  }
  bool remove(std::string_view name);

 private:
  void set_any(std::string name, std::any value);
  std::any* find(std::string_view name) noexcept;
  std::vector<std::pair<std::string, std::any>> values_;
};

// What a request and a response have in common.
class SipServletMessage {
 public:
  virtual ~SipServletMessage() = default;
  SipServletMessage(const SipServletMessage&) = default;
  SipServletMessage& operator=(const SipServletMessage&) = default;
  SipServletMessage(SipServletMessage&&) = default;
  SipServletMessage& operator=(SipServletMessage&&) = default;

  [[nodiscard]] virtual const SipMessage& message() const noexcept = 0;
  [[nodiscard]] std::string_view method() const noexcept;  // of the request, for responses from CSeq
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept {
    return message().headers.get(name);
  }
  [[nodiscard]] const std::string& body() const noexcept { return message().body; }
  [[nodiscard]] const TraceId& trace() const noexcept;

  // Error{invalid} for system headers (Call-ID, CSeq, Via, Route, Record-Route, Max-Forwards, Content-Length, tags; Contact
  // except in REGISTER, 3xx, 485 and OPTIONS answers), Error{gone} once committed.
  Expected<void> set_header(std::string_view name, std::string value);
  Expected<void> add_header(std::string_view name, std::string value);
  Expected<void> remove_header(std::string_view name);
  Expected<void> set_content(std::string_view type, std::string body);

  [[nodiscard]] bool committed() const noexcept;
  [[nodiscard]] SipSession session() const;
  [[nodiscard]] SipApplicationSession application_session() const;

 protected:
  SipServletMessage() = default;
  virtual SipMessage* mutable_message() const noexcept = 0;  // null once committed
  virtual const detail::RequestState& request_state() const noexcept = 0;
};

class SipServletRequest final : public SipServletMessage {
 public:
  explicit SipServletRequest(std::shared_ptr<detail::RequestState> state) noexcept;

  [[nodiscard]] const SipMessage& message() const noexcept override;

  [[nodiscard]] bool is_initial() const noexcept;  // dispatched by application selection, not inside a dialog
  [[nodiscard]] const std::string& uri() const noexcept { return message().uri(); }
  [[nodiscard]] const IscContext& isc() const noexcept;
  [[nodiscard]] Deadline deadline() const noexcept;
  // Name of the service-profile trigger that chose this module; empty for in-dialog requests.
  [[nodiscard]] std::string_view trigger() const noexcept;
  // Address the request came from, "127.0.0.1:6060;transport=udp".
  [[nodiscard]] std::string peer() const;
  // A trusted peer brings back what this node sent: our own push met our own initial filter criteria. Proxy it onward. AS-47.
  [[nodiscard]] bool originated_here() const;

  // -- UAS side ------------------------------------------------------------------------------------------------------
  [[nodiscard]] SipServletResponse create_response(int status, std::string_view reason = {}) const;
  // Shorthand for create_response(status, reason).send().
  Expected<void> respond(int status, std::string_view reason = {}) const;
  // The status the table of errors gives (container/status_of_error), with Retry-After when the error has one.
  Expected<void> refuse(const Error& error) const;
  [[nodiscard]] bool answered() const noexcept;  // a final response was sent, or the request was proxied
  [[nodiscard]] bool cancelled() const noexcept;

  // Forwards as a proxy along the Route that is left after our own was popped, original dialog identifier untouched,
  // Max-Forwards - 1, no Record-Route; relays the best response. Without such a Route: 404. AS-40, AS-47, SPF-42.
  Expected<void> proxy_onward() const;

  // -- UAC side ------------------------------------------------------------------------------------------------------
  // Continues the trace of whatever made us send; a new request has one of its own.
  Expected<void> set_trace(TraceId trace);
  Expected<void> set_uri(std::string uri);
  // Puts a Route in front; the request goes to the first Route, else to its URI.
  Expected<void> push_route(std::string uri);
  // Binds the request to the address and shard; responses: provisional ones to the session handler's
  // do_provisional_response, exactly one final one to the awaiter. Time-outs and transport failures come as locally
  // generated 408 and 503 (SV-7) with the cause. The deadline may end the wait before Timer F or B does. Error{gone}: the
  // session ended meanwhile, the request was sent before, or it is an ACK, which has no response.
  Future<SipServletResponse> send(Deadline deadline = Deadline::never());
  Expected<void> cancel();

  [[nodiscard]] const std::shared_ptr<detail::RequestState>& state() const noexcept { return state_; }

 private:
  SipMessage* mutable_message() const noexcept override;
  const detail::RequestState& request_state() const noexcept override { return *state_; }
  std::shared_ptr<detail::RequestState> state_;
};

// Who made a final response. status-mapping.md 6.
enum class ResponseOrigin {
  peer,
  timer,            // Timer B or F ended, or the deadline: outcome unknown
  not_resolved,     // DNS gave nothing
  connect_failed,   // refused or reset before a byte was written
  connection_lost,  // after the request was written: outcome unknown
  unreachable,      // ICMP
  tls_failed,       // certificate verification
  hop_blocked,      // circuit breaker open, or the next hop's queue full: nothing was sent
  cancelled,        // our own CANCEL, or shutdown
};
[[nodiscard]] std::string_view to_string(ResponseOrigin origin) noexcept;

class SipServletResponse final : public SipServletMessage {
 public:
  explicit SipServletResponse(std::shared_ptr<detail::ResponseState> state) noexcept;

  [[nodiscard]] const SipMessage& message() const noexcept override;

  [[nodiscard]] int status() const noexcept;
  [[nodiscard]] const std::string& reason() const noexcept;
  [[nodiscard]] SipServletRequest request() const;
  [[nodiscard]] ResponseOrigin origin() const noexcept;
  [[nodiscard]] bool locally_generated() const noexcept { return origin() != ResponseOrigin::peer; }
  // Delta-seconds of Retry-After, comment ignored.
  [[nodiscard]] std::optional<Duration> retry_after() const noexcept;

  Expected<void> send() const;               // UAS: commits
  Expected<SipServletRequest> create_ack();  // UAC, 2xx to INVITE
  [[nodiscard]] const std::shared_ptr<detail::ResponseState>& state() const noexcept { return state_; }

 private:
  SipMessage* mutable_message() const noexcept override;
  const detail::RequestState& request_state() const noexcept override;
  std::shared_ptr<detail::ResponseState> state_;
};

// One dialog, or one chain of transactions outside any.
class SipSession {
 public:
  enum class State { initial, early, confirmed, terminated };  // SV table in sip-servlet-api.md 5

  explicit SipSession(std::weak_ptr<detail::SessionState> state) noexcept;
  [[nodiscard]] bool valid() const noexcept;
  [[nodiscard]] std::string id() const;
  [[nodiscard]] State state() const noexcept;
  [[nodiscard]] std::string call_id() const;
  [[nodiscard]] AttributeMap* attributes() const noexcept;  // null once invalid
  [[nodiscard]] SipApplicationSession application_session() const;
  // A request inside the dialog (never ACK or CANCEL). Error{gone} when the session is invalid or terminated.
  [[nodiscard]] Expected<SipServletRequest> create_request(std::string_view method) const;
  void invalidate() const;

 private:
  std::weak_ptr<detail::SessionState> state_;
};

struct ServletTimer {
  TimerId id;
};

// One instance of an application: a push delivery, a registration, a subscription.
class SipApplicationSession {
 public:
  explicit SipApplicationSession(std::weak_ptr<detail::AppSessionState> state) noexcept;
  [[nodiscard]] bool valid() const noexcept;
  [[nodiscard]] std::string id() const;
  [[nodiscard]] AttributeMap* attributes() const noexcept;  // null once invalid
  [[nodiscard]] std::vector<SipSession> sessions() const;
  // Invalid after this span unless prolonged; zero: never by time. Default: the node's session timeout (3 min).
  Expected<void> set_expires(Duration span) const;
  // Default true: invalid as soon as no session is active and no timer runs.
  void set_invalidate_when_ready(bool automatic) const;
  // Runs `work` once on this shard unless cancelled or the session is invalid by then.
  Expected<ServletTimer> create_timer(Duration delay, Work work) const;
  bool cancel_timer(ServletTimer timer) const;
  void invalidate() const;
  [[nodiscard]] std::shared_ptr<detail::AppSessionState> lock() const noexcept { return state_.lock(); }

 private:
  std::weak_ptr<detail::AppSessionState> state_;
};

class SipFactory {
 public:
  virtual ~SipFactory() = default;
  [[nodiscard]] virtual SipApplicationSession create_application_session() = 0;
  // The application session of that key on this shard, created when there is none (key-based targeting).
  [[nodiscard]] virtual SipApplicationSession application_session_by_key(std::string_view key) = 0;
  // A request outside any dialog: new Call-ID, From tag, CSeq 1, Max-Forwards 70. `from` and `to` are name-addr or URI texts
  // without tag. ACK and CANCEL are Error{invalid}.
  [[nodiscard]] virtual Expected<SipServletRequest> create_request(const SipApplicationSession& session, std::string_view method,
                                                                   std::string_view from, std::string_view to) = 0;
};

class SipServlet {
 public:
  virtual ~SipServlet() = default;
  // Once per shard before any request; a module creates its requests and routes from here on.
  virtual Task<void> init(ServletContext& context);
  // After drain, on the shard.
  virtual void destroy() noexcept {}

  virtual Task<void> do_invite(SipServletRequest request);
  virtual Task<void> do_ack(SipServletRequest request);
  virtual Task<void> do_bye(SipServletRequest request);
  virtual Task<void> do_cancel(SipServletRequest request);  // the container has answered 200 and 487 already
  virtual Task<void> do_options(SipServletRequest request);
  virtual Task<void> do_prack(SipServletRequest request);
  virtual Task<void> do_subscribe(SipServletRequest request);
  virtual Task<void> do_notify(SipServletRequest request);
  virtual Task<void> do_message(SipServletRequest request);
  virtual Task<void> do_info(SipServletRequest request);
  virtual Task<void> do_update(SipServletRequest request);
  virtual Task<void> do_refer(SipServletRequest request);
  virtual Task<void> do_publish(SipServletRequest request);
  virtual Task<void> do_register(SipServletRequest request);
  virtual Task<void> do_request(SipServletRequest request);  // any other method
  virtual Task<void> do_provisional_response(SipServletResponse response);

  // Methods this servlet overrides, for Allow (SV-4, AS-11 OPTIONS).
  [[nodiscard]] virtual std::vector<std::string_view> methods() const { return {}; }
  // Option tags that it understands: a Require of others is answered 420 before it hears of the request.
  [[nodiscard]] virtual std::vector<std::string_view> option_tags() const { return {}; }
};

}  // namespace herald
