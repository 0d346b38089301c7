// Responses of our server transactions, and the dialogs they make and end. RFC 3261 12.1.1, sip-servlet-api.md 5.
#include "container/core.h"
#include "container/request_checks.h"
#include "container/transactions.h"
#include "herald/metrics.h"

namespace herald::container {
namespace {

using detail::RequestState;
using detail::SessionState;

void count_response(int status) {
  static const std::array<metrics::Counter, 7> counters = [] {
    std::array<metrics::Counter, 7> all;
    for (std::size_t i = 1; i < all.size(); ++i) {
      all[i] = metrics::counter("herald_container_responses_sent_total", "Responses to incoming requests",
                                {{"class", std::to_string(i) + "xx"}});
    }
    return all;
  }();
  counters[static_cast<std::size_t>(status) / 100].add();
}

std::string local_contact(Core& core, const RequestState& request) {
  std::string user;
  if (const auto uri = SipUri::parse(request.message.uri()); uri && uri->is_sip()) user = uri->user;
  return core.parts.stack.contact_uri(request.incoming->peer.transport, user);
}

// A usage begins with the 2xx that makes or refreshes it.
void add_usage(SessionState& session, std::string_view method, bool first) {
  if (method == "INVITE") session.invite_usage = true;
  if ((method == "SUBSCRIBE" || method == "REFER") && first && session.subscriptions < 255) ++session.subscriptions;
}

// RFC 3261 12.1.1: what a response says about the dialog, before it goes out (it may need a Contact).
void update_dialog(Core& core, RequestState& request, SessionState& session, SipMessage& response) {
  const auto status = response.status();
  const auto& method = request.message.method();
  auto& dialog = session.dialog;
  if (status == 100 || request.incoming->own_dialog) return;
  if (status >= 300) {
    const bool never_was = dialog.state == dialog::State::initial || dialog.state == dialog::State::early;
    if (request.incoming->initial && dialog::forms_dialog(method) && never_was) {
      dialog.state = dialog::State::terminated;
      core.sessions.leave_dialog(session);
    }
    return;
  }
  if (request.incoming->initial && dialog::forms_dialog(method)) {
    if (!session.in_table) {
      auto made = dialog::uas_dialog(request.message, request.incoming->transaction->local_tag(), local_contact(core, request));
      if (!made) return;  // no usable Contact was refused before any hook saw it
      dialog = std::move(*made);
      core.sessions.enter_dialog(session);
    }
    if (!response.headers.has("Contact")) response.headers.add("Contact", "<" + dialog.local_contact + ">");
    if (status < 200) {
      if (dialog.state == dialog::State::initial) dialog.state = dialog::State::early;
      return;
    }
    dialog.state = dialog::State::confirmed;
    add_usage(session, method, true);
    return;
  }
  if (status < 200 || dialog.state == dialog::State::initial) return;
  // 2xx in a dialog
  if (dialog::refreshes_target(method) && method != "NOTIFY" && !response.headers.has("Contact") &&
      !dialog.local_contact.empty()) {
    response.headers.add("Contact", "<" + dialog.local_contact + ">");
  }
  add_usage(session, method, false);
  if (method == "BYE") {
    session.invite_usage = false;
    core.sessions.terminate(session);
  }
  if (method == "NOTIFY" && ends_subscription(request.message)) {
    if (session.subscriptions > 0) --session.subscriptions;
    core.sessions.terminate(session);
  }
}

}  // namespace

Expected<void> respond(Core& core, RequestState& request, SipMessage response) {
  if (!request.incoming) return fail(ErrorCode::invalid, "a request of our own cannot be answered here");
  auto& incoming = *request.incoming;
  if (incoming.proxied && !incoming.final_sent) return fail(ErrorCode::conflict, "the request was proxied");
  if (incoming.final_sent || !incoming.transaction) return fail(ErrorCode::gone, "the request has its final answer");
  if (response.is_request()) return fail(ErrorCode::internal, "no response");
  const auto status = response.status();
  if (status < 100 || status > 699) return fail(ErrorCode::invalid, "no SIP status: " + std::to_string(status));
  if (const auto session = request.session.lock(); session && session->valid()) {
    update_dialog(core, request, *session, response);
  }
  auto sent = incoming.transaction->respond(std::move(response));
  count_response(status);
  if (status >= 200) {
    incoming.final_sent = true;
    finish_server(core, request);
  }
  return sent;
}

void finish_server(Core& core, RequestState& request) {
  auto& incoming = *request.incoming;
  if (!incoming.in_progress) return;
  incoming.in_progress = false;
  --core.server_transactions;
  if (!incoming.merge_key.empty()) {
    const auto found = core.initial_in_progress.find(incoming.merge_key);
    if (found != core.initial_in_progress.end() && --found->second == 0) core.initial_in_progress.erase(found);
  }
  core.destroy_later(std::move(incoming.transaction));  // we may be inside its on_cancel
  if (const auto session = request.session.lock()) {
    if (session->servers > 0) --session->servers;
    session->used = true;
  }
  core.sessions.check_later(request.application);
}

}  // namespace herald::container
