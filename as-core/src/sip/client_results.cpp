// How a request ends: an answer, a transport's failure, the deadline, or its owner's wish.
#include <algorithm>
#include <chrono>
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

bool was_connected(nta_outgoing_t* outgoing) {
  auto* tport = nta_outgoing_transport(outgoing);
  const bool connected = tport && tport_is_connected(tport);
  if (tport) tport_unref(tport);
  return connected;
}

}  // namespace

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
  if (!request->callback) {
    const auto status = result.response.status();
    const bool success = result.origin == ResponseOrigin::peer && status >= 200 && status < 300;
    // Given up, and yet there is a dialog now that somebody must end.
    if (success && request->message.method() == "INVITE" && late_success_) late_success_(std::move(result.response));
    return;
  }
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
  give_up_invite(*request);
  callback(std::move(result));
}

// Nobody waits for it any more: the peer need not ring on. A 2xx that is under way all the same comes as a late success.
void ClientTransactions::give_up_invite(const Request& request) {
  if (request.outgoing && request.message.method() == "INVITE") {
    nta_outgoing_tcancel(request.outgoing, nullptr, nullptr, TAG_END());
  }
}

void ClientTransactions::abandon(Handle handle) {
  auto* request = find(handle);
  if (!request) return;
  root_.timers().cancel(std::exchange(request->deadline_timer, {}));
  const auto callback = std::exchange(request->callback, nullptr);  // what it owns ends after the books are right
  if (request->outgoing) return give_up_invite(*request);
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

}  // namespace herald::sip
