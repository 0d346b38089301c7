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
#include "sip/client_request.h"
#include "sip/sip_catalog.h"
#include "sip/sip_metrics.h"
#include "sip/sofia_message.h"

namespace herald::sip {
namespace {

constexpr std::size_t kReleasedAtOnce = 64;  // the rest gets its turn after other work

url_string_t* as_url(const std::string& text) {
  return reinterpret_cast<url_string_t*>(const_cast<char*>(text.c_str()));  // NOLINT: Sofia reads it
}

}  // namespace

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
      paths_(agent, options.tcp_above_bytes),
      guard_(root.clock(), options.hops, options.t1 * 64),
      resolver_(root, ResolverOptions{options.dns_servers, options.dns_timeout}) {}

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
  std::erase_if(*targets, [this](const Target& target) { return !paths_.reachable(target); });
  if (targets->empty()) return fail_locally(handle, 503, "No transport to the next hop", ResponseOrigin::not_resolved);
  request->targets = std::move(*targets);
  advance(handle);
}

// The first address whose hop lets us through; else a place in a queue; else the end.
void ClientTransactions::advance(Handle handle) {
  auto* request = find(handle);
  if (!request) return;
  auto text = outgoing_text(request->message);
  if (!text) return refuse(handle, text.error());
  for (auto wanted : {NextHopGuard::Answer::go, NextHopGuard::Answer::wait}) {
    for (auto i = request->next; i < request->targets.size(); ++i) {
      const auto path = paths_.path(request->targets[i], text->size());
      if (!path) continue;
      const auto hop = guard_.hop(path->target.name());
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
      if (!transmit(handle, i, *path, std::move(*text))) guard_.finished(hop, NextHopGuard::Outcome::unused);
      return;
    }
  }
  if (request->last) {
    auto last = std::move(*request->last);
    return fail_locally(handle, last.response.status(), last.response.reason(), last.origin, retry_after(last.response));
  }
  const bool none =
      std::none_of(request->targets.begin(), request->targets.end(), [this](const Target& t) { return paths_.reachable(t); });
  if (none) return fail_locally(handle, 503, "No transport to the next hop", ResponseOrigin::not_resolved);
  fail_locally(handle, 503, "Next hop blocked", ResponseOrigin::hop_blocked, request->closed_for);
}

// False: it ends, unsent.
bool ClientTransactions::transmit(Handle handle, std::size_t index, const SendPaths::Path& path, OutgoingText text) {
  auto* request = find(handle);
  text.add_first_line(path.via);
  auto msg = to_sofia(text);
  if (!msg) {
    refuse(handle, msg.error());
    return false;
  }
  const auto route = path.target.route();
  auto* outgoing = nta_outgoing_mcreate(agent_.get(), &ClientTransactions::on_response,
                                        static_cast<nta_outgoing_magic_t*>(handle.as_pointer()), as_url(route), msg->get(),
                                        NTATAG_USER_VIA(1), TAG_END());
  if (!outgoing) {
    refuse(handle, Error{ErrorCode::internal, "refused by the transaction layer"});
    return false;
  }
  [[maybe_unused]] auto* const taken = msg->release();  // NTA's now
  request->outgoing = outgoing;
  request->transport = path.target.transport;
  request->next = index + 1;
  request->enter(Request::State::sent);
  return true;
}

void ClientTransactions::refuse(Handle handle, const Error& error) {
  log::error("SIP request cannot be sent", {{"method", find(handle)->message.method()}, {"error", error.text}});
  fail_locally(handle, 400, "Request cannot be sent", ResponseOrigin::hop_blocked);
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
      continue;
    }
    auto text = outgoing_text(request->message);
    const auto path = text ? paths_.path(request->targets[request->next], text->size()) : std::nullopt;
    if (!path) refuse(handle, text ? Error{ErrorCode::internal, "no transport"} : text.error());
    if (!path || !transmit(handle, request->next, *path, std::move(*text))) {
      guard_.finished(one.hop, NextHopGuard::Outcome::unused);
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
    auto text = outgoing_text(ack);
    for (const auto& target : *targets) {
      const auto path = text ? self->paths_.path(target, text->size()) : std::nullopt;
      if (!path) continue;
      text->add_first_line(path->via);
      auto msg = to_sofia(*text);
      if (!msg) break;
      const auto route = path->target.route();
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
