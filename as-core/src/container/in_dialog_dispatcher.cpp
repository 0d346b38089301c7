// Requests with a To tag: the session decides, never the service profiles (SPF-44, AS-66).
#include "container/core.h"
#include "container/dispatcher.h"
#include "container/hook_runner.h"
#include "container/request_checks.h"
#include "container/transactions.h"
#include "dialog/dialog_state.h"

namespace herald::container {
namespace {

using Request = std::shared_ptr<detail::RequestState>;

std::shared_ptr<detail::SessionState> session_of(Core& core, const SipMessage& message) {
  const auto& headers = message.headers;
  return core.sessions.find_dialog(headers.get("Call-ID").value_or(""), dialog::tag_of(headers.get("To").value_or("")),
                                   dialog::tag_of(headers.get("From").value_or("")));
}

// RFC 3261 12.2.2: the peer's Contact is the new remote target.
void refresh_target(detail::SessionState& session, const SipMessage& message) {
  if (!dialog::refreshes_target(message.method())) return;
  const auto contacts = message.headers.list("Contact");
  if (contacts.empty()) return;
  if (const auto contact = NameAddr::parse(contacts.front()); contact && !contact->uri.empty()) {
    session.dialog.remote_target = contact->uri;
  }
}

// A NOTIFY that overtakes the 200 to our SUBSCRIBE makes the dialog (RFC 6665 4.1.2.4).
void adopt_notify(Core& core, detail::SessionState& session, const SipMessage& message) {
  auto& dialog = session.dialog;
  if (!dialog.remote_tag.empty() || message.method() != "NOTIFY") return;
  dialog.remote_tag = dialog::tag_of(message.headers.get("From").value_or(""));
  for (const auto route : message.headers.list("Record-Route")) dialog.route_set.emplace_back(route);
  core.sessions.enter_dialog(session, "");
  if (dialog.state == dialog::State::initial) dialog.state = dialog::State::early;
}

}  // namespace

void dispatch_in_dialog(Core& core, const Request& request) {
  const auto& message = request->message;
  const auto session = session_of(core, message);
  if (!session || !session->valid() || session->dialog.state == dialog::State::terminated) {
    if (core.notifier->take(request)) return;  // AS-66: a subscription is a dialog, but no session
    if (core.subscriber->take(request)) return;
    // Not ours to end: a proxied dialog bypasses us, unless a peer sends it here with a way on.
    if (request->incoming->isc.has_onward_route() && request->incoming->isc.trusted) {
      static_cast<void>(proxy_onward(core, request));
      return;
    }
    return refuse(core, *request, Refusal{481, {}, {}, "no such dialog"});
  }
  const auto cseq = dialog::CSeq::parse(message.headers.get("CSeq").value_or(""));
  if (!cseq || !session->dialog.take_remote_cseq(cseq->number, message.method())) {
    return refuse(core, *request, Refusal{500, {}, {}, "CSeq is lower than seen"});
  }
  if (const auto refusal = check_require(message, "Require")) return refuse(core, *request, *refusal);
  adopt_notify(core, *session, message);
  refresh_target(*session, message);
  auto& hosted = *session->application->hosted;
  bind_to_session(core, request, *session);
  if (hosted.quarantined) return refuse(core, *request, Refusal{500, {}, {}, "module in quarantine"});
  if (message.method() == "INVITE") {
    request->incoming->transaction->on_cancel([weak_core = core.weak_from_this(), weak = std::weak_ptr(request)] {
      const auto alive = weak_core.lock();
      const auto cancelled = weak.lock();
      if (alive && cancelled) dispatch_cancel(*alive, cancelled);
    });
  }
  run_request_hook(core, hosted, request);
}

void dispatch_ack(Core& core, SipMessage ack) {
  if (!ack.is_request()) return;
  const auto session = session_of(core, ack);
  if (!session || !session->valid()) return;  // late, or for a call that was proxied: nothing to answer
  auto request = std::make_shared<detail::RequestState>();
  request->core = core.weak_from_this();
  request->message = std::move(ack);
  request->trace = TraceId::create();
  request->incoming = std::make_unique<detail::RequestState::Incoming>();
  request->session = session;
  request->application = session->application->weak_from_this();
  if (!session->application->hosted->quarantined) run_request_hook(core, *session->application->hosted, request);
}

}  // namespace herald::container
