#include "sip/client_transactions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/su_tag.h>
#include <sofia-sip/tport.h>
#include <utility>

#include "herald/log.h"
#include "sip/client_outcome.h"
#include "sip/sip_catalog.h"
#include "sip/sip_metrics.h"
#include "sip/sofia_message.h"

namespace herald::sip {
namespace {

constexpr std::size_t kReleasedAtOnce = 64;  // the rest gets its turn after other work

url_string_t* as_url(const std::string& text) {
  return reinterpret_cast<url_string_t*>(const_cast<char*>(text.c_str()));  // NOLINT: Sofia reads it
}

std::uint64_t ticket_of(Handle handle) { return std::uint64_t{handle.generation} << 32U | handle.index; }
Handle handle_of(std::uint64_t ticket) { return {static_cast<std::uint32_t>(ticket), static_cast<std::uint32_t>(ticket >> 32U)}; }

// RFC 3261 20.33: delta-seconds, then a comment and parameters we do not use.
std::optional<Duration> retry_after(const SipMessage& response) {
  const auto value = response.headers.get("Retry-After");
  if (!value) return std::nullopt;
  long long seconds = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (error != std::errc() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min<long long>(seconds, 86400));
}

SipMessage local_response(const SipMessage& request, int status, std::string reason, std::optional<Duration> retry) {
  SipMessage out;
  if (reason.empty()) reason = sip_reason_phrase(status);
  out.start = SipStatusLine{status, std::move(reason)};
  for (const char* name : {"From", "To", "Call-ID", "CSeq"}) {
    if (const auto value = request.headers.get(name)) out.headers.add(name, std::string(*value));
  }
  if (retry) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*retry).count();
    out.headers.add("Retry-After", std::to_string(std::max<long long>(1, seconds)));
  }
  return out;
}

bool was_connected(nta_outgoing_t* outgoing) {
  auto* tport = nta_outgoing_transport(outgoing);
  const bool connected = tport && tport_is_connected(tport);
  if (tport) tport_unref(tport);
  return connected;
}

const char* protocol_name(Transport transport) {
  switch (transport) {
    case Transport::udp:
      return "UDP";
    case Transport::tcp:
      return "TCP";
    case Transport::tls:
      return "TLS";
  }
  return "UDP";
}

}  // namespace

struct ClientTransactions::Request {
  enum class State { resolving, waiting, sent, between };

  ClientTransactions* owner = nullptr;
  SipMessage message;
  Deadline deadline = Deadline::never();
  OnResponse callback;  // empty: abandoned or answered; NTA's transaction may still be running
  TimerId deadline_timer;
  State state = State::between;
  std::vector<Target> targets;
  std::size_t next = 0;  // targets before it were tried
  nta_outgoing_t* outgoing = nullptr;
  NextHopGuard::HopId hop = 0;
  Transport transport = Transport::udp;
  std::optional<ClientResult> last;  // of a target that failed
  std::optional<Duration> closed_for;

  void enter(State to) {
    const auto count = [this](State s) -> std::size_t* {
      switch (s) {
        case State::resolving:
          return &owner->resolving_;
        case State::waiting:
          return &owner->waiting_;
        case State::sent:
          return &owner->sent_;
        case State::between:
          break;
      }
      return nullptr;
    };
    if (auto* from = count(state)) --*from;
    state = to;
    if (auto* into = count(to)) ++*into;
  }
};

class ClientTransactions::Ticket final : public ClientTransaction {
 public:
  Ticket(std::weak_ptr<ClientTransactions> owner, Handle handle) : owner_(std::move(owner)), handle_(handle) {}
  ~Ticket() override {
    if (const auto owner = owner_.lock()) owner->abandon(handle_);
  }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  void cancel() override {
    if (const auto owner = owner_.lock()) owner->cancel(handle_);
  }

 private:
  std::weak_ptr<ClientTransactions> owner_;
  Handle handle_;
};

ClientTransactions::ClientTransactions(SofiaRoot& root, SofiaAgent& agent, const StackOptions& options)
    : root_(root),
      agent_(agent),
      user_agent_(options.user_agent),
      tcp_above_bytes_(options.tcp_above_bytes),
      guard_(root.clock(), options.hops, options.t1 * 64),
      resolver_(root, ResolverOptions{options.dns_servers, options.dns_timeout}),
      random_(std::random_device{}()) {}

ClientTransactions::~ClientTransactions() {
  root_.timers().cancel(guard_timer_);
  for (const auto handle : mine_) {
    const auto request = live().take(handle);
    if (!request) continue;
    root_.timers().cancel(request->deadline_timer);
    if (request->outgoing) nta_outgoing_destroy(request->outgoing);
  }
}

// Of all stacks of this thread: NTA gives a callback one word and nothing else.
HandleTable<std::unique_ptr<ClientTransactions::Request>>& ClientTransactions::live() {
  static thread_local HandleTable<std::unique_ptr<Request>> table;
  return table;
}

ClientTransactions::Request* ClientTransactions::find(Handle handle) {
  auto* found = live().find(handle);
  return found && (*found)->owner == this ? found->get() : nullptr;
}

std::unique_ptr<ClientTransaction> ClientTransactions::send(SipMessage message, Deadline deadline, OnResponse callback) {
  auto made = std::make_unique<Request>();
  auto& request = *made;
  request.owner = this;
  request.deadline = deadline;
  request.callback = std::move(callback);
  request.message = std::move(message);
  if (!user_agent_.empty() && !request.message.headers.has("User-Agent")) request.message.headers.add("User-Agent", user_agent_);
  const auto handle = live().insert(std::move(made));
  if (mine_.size() >= sweep_at_) {
    std::erase_if(mine_, [this](Handle h) { return !find(h); });
    sweep_at_ = std::max<std::size_t>(1024, 2 * mine_.size());
  }
  mine_.push_back(handle);
  auto ticket = std::make_unique<Ticket>(weak_from_this(), handle);
  if (!deadline.is_never()) {
    request.deadline_timer = root_.timers().start_at(deadline.when(), [this, handle] { deadline_passed(handle); });
  }
  const auto hop = request.message.is_request() ? next_hop_of(request.message)
                                                : Expected<NextHop>(fail(ErrorCode::invalid, "a response is no request"));
  if (!hop) {
    log::warn("SIP request has no next hop", {{"error", hop.error().text}});
    fail_locally(handle, 503, "No next hop", ResponseOrigin::not_resolved);
    return ticket;
  }
  if (hop->numeric) {
    const auto transport = hop->transport_or_default();
    request.targets = {Target{transport, hop->host, hop->port_or_default(transport)}};
    advance(handle);
    return ticket;
  }
  request.enter(Request::State::resolving);
  resolver_.resolve(*hop, [weak = weak_from_this(), handle](Expected<std::vector<Target>> targets) {
    if (const auto self = weak.lock()) self->resolved(handle, std::move(targets));
  });
  return ticket;
}

void ClientTransactions::resolved(Handle handle, Expected<std::vector<Target>> targets) {
  auto* request = find(handle);
  if (!request) return;
  request->enter(Request::State::between);
  if (!targets) {
    log::event(catalog::kNoName, {{"error", targets.error().text}});
    return fail_locally(handle, 503, "Next hop not resolved", ResponseOrigin::not_resolved);
  }
  std::erase_if(*targets, [this](const Target& target) { return !reachable(target); });
  if (targets->empty()) return fail_locally(handle, 503, "No transport to the next hop", ResponseOrigin::not_resolved);
  request->targets = std::move(*targets);
  advance(handle);
}

bool ClientTransactions::reachable(const Target& target) const {
  return agent_.local(target.transport, is_ipv6(target.host)) != nullptr;
}

std::string ClientTransactions::via(const SofiaAgent::Local& local) {
  std::array<char, 20> branch{};
  std::snprintf(branch.data(), branch.size(), "%016llx", static_cast<unsigned long long>(random_()));  // NOLINT
  return std::string("Via: SIP/2.0/") + protocol_name(local.address.transport) + " " + local.sent_by + ";rport;branch=z9hG4bK" +
         branch.data() + "\r\n";
}

std::optional<ClientTransactions::Prepared> ClientTransactions::prepare(const SipMessage& request, const Target& target) {
  const bool ipv6 = is_ipv6(target.host);
  const auto* local = agent_.local(target.transport, ipv6);
  if (!local) return std::nullopt;
  Prepared out{request.text(), target};
  const auto start = out.text.find("\r\n") + 2;
  auto own = via(*local);
  // RFC 3261 18.1.1, PS-22: what would be cut into IP fragments goes over TCP, and its Via says so. No way back to UDP (PS-21).
  if (target.transport == Transport::udp && out.text.size() + own.size() > tcp_above_bytes_) {
    const auto* tcp = agent_.local(Transport::tcp, ipv6);
    if (!tcp) return std::nullopt;
    out.target.transport = Transport::tcp;
    own = via(*tcp);
  }
  out.text.insert(start, own);
  return out;
}

// The first address whose hop lets us through; else a place in a queue; else the end.
void ClientTransactions::advance(Handle handle) {
  auto* request = find(handle);
  if (!request) return;
  for (auto wanted : {NextHopGuard::Answer::go, NextHopGuard::Answer::wait}) {
    for (auto i = request->next; i < request->targets.size(); ++i) {
      auto prepared = prepare(request->message, request->targets[i]);
      if (!prepared) continue;
      const auto hop = guard_.hop(prepared->target.name());
      if (guard_.would(hop) != wanted) {
        if (const auto closed = guard_.closed_for(hop)) request->closed_for = closed;
        continue;
      }
      request->hop = hop;
      guard_.ask(hop, ticket_of(handle));
      if (wanted == NextHopGuard::Answer::wait) {
        request->next = i;
        request->enter(Request::State::waiting);
        return arm();
      }
      if (transmit(handle, i, std::move(*prepared))) return;
      guard_.finished(hop, NextHopGuard::Outcome::unused);
      return fail_locally(handle, 400, "Request cannot be sent", ResponseOrigin::hop_blocked);
    }
  }
  if (request->last) {
    auto last = std::move(*request->last);
    return fail_locally(handle, last.response.status(), last.response.reason(), last.origin, retry_after(last.response));
  }
  const bool none =
      std::none_of(request->targets.begin(), request->targets.end(), [this](const Target& t) { return reachable(t); });
  if (none) return fail_locally(handle, 503, "No transport to the next hop", ResponseOrigin::not_resolved);
  fail_locally(handle, 503, "Next hop blocked", ResponseOrigin::hop_blocked, request->closed_for);
}

bool ClientTransactions::transmit(Handle handle, std::size_t index, Prepared prepared) {
  auto* request = find(handle);
  auto msg = to_sofia(prepared.text);
  if (!msg) {
    log::error("SIP request does not parse", {{"method", request->message.method()}, {"error", msg.error().text}});
    return false;
  }
  const auto route = prepared.target.route();
  auto* outgoing = nta_outgoing_mcreate(agent_.get(), &ClientTransactions::on_response,
                                        static_cast<nta_outgoing_magic_t*>(handle.as_pointer()), as_url(route), msg->get(),
                                        NTATAG_USER_VIA(1), TAG_END());
  if (!outgoing) {
    log::error("SIP request refused by the transaction layer", {{"method", request->message.method()}});
    return false;
  }
  [[maybe_unused]] auto* const taken = msg->release();  // NTA's now
  request->outgoing = outgoing;
  request->transport = prepared.target.transport;
  request->next = index + 1;
  request->enter(Request::State::sent);
  return true;
}

int ClientTransactions::on_response(nta_outgoing_magic_t* magic, nta_outgoing_t*, const sip_t* sip) noexcept {
  const auto handle = Handle::from_pointer(magic);
  auto* found = live().find(handle);
  if (!found) return 0;
  // Kept alive while it works: the caller's callback may drop the stack's last other owner.
  const auto self = (*found)->owner->shared_from_this();
  self->root_.guarded("response", [&] { self->receive(handle, sip); });
  return 0;
}

void ClientTransactions::receive(Handle handle, const sip_t* sip) {
  auto* request = find(handle);
  if (!request || !request->outgoing) return;
  const int status = nta_outgoing_status(request->outgoing);
  const bool from_peer = !nta_sip_is_internal(sip);
  if (from_peer) {
    const SofiaMessage msg(nta_outgoing_getresponse(request->outgoing));
    auto received = msg ? from_sofia(msg.get(), sip) : Expected<ReceivedMessage>(fail(ErrorCode::internal, "no response"));
    if (!received) {
      // Its status is known, its header fields are not fit to be handed up.
      stats::dropped(stats::Drop::malformed);
      log::event(catalog::kBadMessage, {{"method", request->message.method()}, {"status", status}});
      received = ReceivedMessage{local_response(request->message, status, {}, std::nullopt), 0};
    }
    if (status < 200) {
      if (!request->callback) return;
      const auto callback = request->callback;  // it may end the request
      ClientResult result{std::move(received->message), ResponseOrigin::peer};
      return callback(std::move(result));
    }
    end_attempt(*request, NextHopGuard::Outcome::answered);
    ClientResult result{std::move(received->message), ResponseOrigin::peer};
    if (status == 503) {
      if (const auto pause = retry_after(result.response)) {  // AS-84
        guard_.pause(request->hop, *pause);
        log::event(catalog::kHopBusy, {{"hop", guard_.name(request->hop)},
                                       {"seconds", std::chrono::duration_cast<std::chrono::seconds>(*pause).count()}});
      }
      if (request->callback && request->next < request->targets.size()) {  // AS-3
        request->last = std::move(result);
        advance(handle);
        return pump();
      }
    }
    pump();
    return deliver(handle, std::move(result));
  }
  if (status < 200) return;
  const SofiaMessage sent(nta_outgoing_getrequest(request->outgoing));
  const int error = sent ? msg_errno(sent.get()) : 0;
  const auto origin = origin_of(status, error, request->transport, was_connected(request->outgoing));
  log::debug("SIP request got no answer", {{"hop", guard_.name(request->hop)}, {"origin", to_string(origin)}, {"errno", error}});
  if (origin == ResponseOrigin::tls_failed) log::event(catalog::kTlsPeer, {{"hop", guard_.name(request->hop)}});
  end_attempt(*request, origin == ResponseOrigin::cancelled ? NextHopGuard::Outcome::unused : NextHopGuard::Outcome::failed);
  ClientResult result{local_response(request->message, local_status(origin), {}, std::nullopt), origin};
  if (request->callback && may_fail_over(origin) && request->next < request->targets.size()) {
    request->last = std::move(result);
    advance(handle);
    return pump();
  }
  pump();
  deliver(handle, std::move(result));
}

void ClientTransactions::end_attempt(Request& request, NextHopGuard::Outcome outcome) {
  nta_outgoing_destroy(std::exchange(request.outgoing, nullptr));
  request.enter(Request::State::between);
  if (guard_.finished(request.hop, outcome)) {
    const bool open = guard_.open(request.hop);
    log::event(open ? catalog::kHopDown : catalog::kHopUp, {{"hop", guard_.name(request.hop)}});
  }
}

// The one final result.
void ClientTransactions::deliver(Handle handle, ClientResult result) {
  if (!find(handle)) return;
  const auto request = live().take(handle);
  request->enter(Request::State::between);
  root_.timers().cancel(request->deadline_timer);
  if (!request->callback) return;
  stats::request_out(request->message.is_request() ? std::string_view(request->message.method()) : "", result.response.status(),
                     result.origin);
  request->callback(std::move(result));
}

// From the loop: the caller may still be inside send().
void ClientTransactions::fail_locally(Handle handle, int status, std::string reason, ResponseOrigin origin,
                                      std::optional<Duration> retry) {
  auto* request = find(handle);
  if (!request) return;
  ClientResult result{local_response(request->message, status, std::move(reason), retry), origin};
  root_.complete([weak = weak_from_this(), handle, result = std::move(result)]() mutable {
    if (const auto self = weak.lock()) self->deliver(handle, std::move(result));
  });
}

void ClientTransactions::deadline_passed(Handle handle) {
  auto* request = find(handle);
  if (!request) return;
  request->deadline_timer = {};
  ClientResult result{local_response(request->message, 408, {}, std::nullopt), ResponseOrigin::timer};
  if (!request->outgoing) {
    guard_.withdraw(ticket_of(handle));
    return deliver(handle, std::move(result));
  }
  // NTA goes on until its own end, so that the hop's count of what is in flight stays true.
  if (!request->callback) return;
  stats::request_out(request->message.method(), 408, ResponseOrigin::timer);
  const auto callback = std::exchange(request->callback, nullptr);
  callback(std::move(result));
}

void ClientTransactions::abandon(Handle handle) {
  auto* request = find(handle);
  if (!request) return;
  root_.timers().cancel(std::exchange(request->deadline_timer, {}));
  const auto callback = std::exchange(request->callback, nullptr);  // what it owns ends after the books are right
  if (request->outgoing) return;
  guard_.withdraw(ticket_of(handle));
  const auto ended = live().take(handle);
  ended->enter(Request::State::between);
}

void ClientTransactions::cancel(Handle handle) {
  auto* request = find(handle);
  if (!request) return;
  if (request->outgoing) {
    if (request->message.method() == "INVITE") nta_outgoing_tcancel(request->outgoing, nullptr, nullptr, TAG_END());
    return;
  }
  guard_.withdraw(ticket_of(handle));
  fail_locally(handle, 487, {}, ResponseOrigin::cancelled);
}

// Lets waiting requests go as far as their hops allow.
void ClientTransactions::pump() {
  const auto released = guard_.take_released(kReleasedAtOnce);
  for (const auto& one : released) {
    const auto handle = handle_of(one.ticket);
    auto* request = find(handle);
    if (!request) {
      if (one.go) guard_.finished(one.hop, NextHopGuard::Outcome::unused);
      continue;
    }
    request->enter(Request::State::between);
    if (!one.go) {
      ++request->next;
      request->closed_for = guard_.closed_for(one.hop);
      advance(handle);
    } else if (auto prepared = prepare(request->message, request->targets[request->next]);
               !prepared || !transmit(handle, request->next, std::move(*prepared))) {
      guard_.finished(one.hop, NextHopGuard::Outcome::unused);
      fail_locally(handle, 400, "Request cannot be sent", ResponseOrigin::hop_blocked);
    }
  }
  if (released.size() == kReleasedAtOnce && !std::exchange(pump_posted_, true)) {
    root_.complete([weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->pump_posted_ = false;
        self->pump();
      }
    });
    return;
  }
  arm();
}

void ClientTransactions::arm() {
  const auto due = guard_.due();
  if (due == guard_due_) return;
  root_.timers().cancel(std::exchange(guard_timer_, {}));
  guard_due_ = due;
  if (!due) return;
  guard_timer_ = root_.timers().start_at(*due, [this] {
    guard_timer_ = {};
    guard_due_.reset();
    pump();
  });
}

void ClientTransactions::send_ack(SipMessage ack) {
  const auto hop = ack.is_request() ? next_hop_of(ack) : Expected<NextHop>(fail(ErrorCode::invalid, "no ACK"));
  if (!hop) {
    log::warn("ACK has no next hop", {{"error", hop.error().text}});
    return;
  }
  const auto go = [weak = weak_from_this(), ack = std::move(ack)](Expected<std::vector<Target>> targets) {
    const auto self = weak.lock();
    if (!self || !targets) return;
    for (const auto& target : *targets) {
      const auto prepared = self->prepare(ack, target);
      if (!prepared) continue;
      auto msg = to_sofia(prepared->text);
      if (!msg) break;
      const auto route = prepared->target.route();
      nta_msg_tsend(self->agent_.get(), msg->release(), as_url(route), NTATAG_USER_VIA(1), TAG_END());
      return;
    }
    log::warn("ACK could not be sent");
  };
  if (!hop->numeric) return resolver_.resolve(*hop, go);
  const auto transport = hop->transport_or_default();
  go(std::vector<Target>{Target{transport, hop->host, hop->port_or_default(transport)}});
}

void ClientTransactions::refresh_gauges() const {
  auto& gauges = stats::client_gauges();
  gauges.resolving.set(static_cast<double>(resolving_));
  gauges.waiting.set(static_cast<double>(waiting_));
  gauges.sent.set(static_cast<double>(sent_));
  const auto hops = guard_.states();
  const auto down = std::count_if(hops.begin(), hops.end(), [](const HopState& hop) { return hop.open; });
  gauges.hops_down.set(static_cast<double>(down));
  gauges.hops_up.set(static_cast<double>(hops.size()) - static_cast<double>(down));
}

}  // namespace herald::sip
