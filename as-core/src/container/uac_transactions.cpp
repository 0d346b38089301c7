// Requests of our own, and what their responses do to dialogs. RFC 3261 12.1.2, 12.2.1.2; sip-servlet-api.md 5; SV-7.
#include "container/core.h"
#include "container/hook_runner.h"
#include "container/request_checks.h"
#include "container/transactions.h"
#include "herald/metrics.h"

namespace herald::container {
namespace {

using detail::RequestState;
using detail::ResponseState;
using detail::SessionState;
using Request = std::shared_ptr<RequestState>;

sip::Transport transport_of(const Core& core, const SipMessage& request) {
  std::string hop = request.uri();
  if (const auto routes = request.headers.list("Route"); !routes.empty()) {
    if (const auto route = NameAddr::parse(routes.front())) hop = route->uri;
  }
  const auto uri = SipUri::parse(hop);
  if (uri && (uri->scheme == "sips" || uri->params.get("transport").value_or("") == "tls")) return sip::Transport::tls;
  if (uri && uri->params.get("transport").value_or("") == "tcp") return sip::Transport::tcp;
  const auto& listening = core.parts.stack.listening();
  for (const auto& address : listening) {
    if (address.transport == sip::Transport::udp) return sip::Transport::udp;
  }
  return listening.empty() ? sip::Transport::udp : listening.front().transport;
}

// RFC 3261 8.1.1.8, 12.1.2: dialogs need a Contact; MESSAGE and PUBLISH must not have one.
void add_contact(const Core& core, SessionState& session, SipMessage& message) {
  if (!dialog::refreshes_target(message.method()) || message.headers.has("Contact")) return;
  auto& contact = session.dialog.local_contact;
  if (contact.empty()) {
    std::string user;
    if (const auto from = NameAddr::parse(message.headers.get("From").value_or(""))) {
      if (const auto uri = SipUri::parse(from->uri); uri && uri->is_sip()) user = uri->user;
    }
    contact = core.parts.stack.contact_uri(transport_of(core, message), user);
  }
  message.headers.add("Contact", "<" + contact + ">");
}

void dialog_formed(Core& core, SessionState& session, const SipMessage& response, const std::string& method) {
  const auto former = session.dialog.remote_tag;
  if (!dialog::complete_uac_dialog(session.dialog, response)) return;
  core.sessions.enter_dialog(session, former);
  if (response.status() < 200) {
    if (session.dialog.state == dialog::State::initial) session.dialog.state = dialog::State::early;
    return;
  }
  session.dialog.state = dialog::State::confirmed;
  if (method == "INVITE") session.invite_usage = true;
  if (method == "SUBSCRIBE" || method == "REFER") ++session.subscriptions;
}

void update_dialog(Core& core, SessionState& session, const RequestState& request, const SipMessage& response) {
  const auto status = response.status();
  const auto& method = request.message.method();
  auto& dialog = session.dialog;
  if (status == 100 || dialog.state == dialog::State::terminated) return;
  const bool in_dialog = dialog.state == dialog::State::confirmed;
  if (!in_dialog) {
    if (!dialog::forms_dialog(method)) return;
    if (status < 300) return dialog_formed(core, session, response, method);
    // A failed attempt may be tried again in the same Call-ID: back to initial.
    core.sessions.leave_dialog(session);
    dialog.state = dialog::State::initial;
    dialog.remote_tag.clear();
    dialog.route_set.clear();
    dialog.remote_target.clear();
    return;
  }
  if (status < 200) return;
  if (status == 481 || status == 408) {  // RFC 3261 12.2.1.2, RFC 6665 4.2.2
    if (method == "INVITE" || method == "BYE" || method == "UPDATE") session.invite_usage = false;
    if ((method == "SUBSCRIBE" || method == "NOTIFY") && session.subscriptions > 0) --session.subscriptions;
    if (status == 481) {
      session.invite_usage = false;
      session.subscriptions = 0;  // the peer knows nothing of this dialog
    }
    return core.sessions.terminate(session);
  }
  if (method == "BYE") {
    session.invite_usage = false;
    return core.sessions.terminate(session);
  }
  if (method == "NOTIFY" && ends_subscription(request.message)) {
    if (session.subscriptions > 0) --session.subscriptions;
    return core.sessions.terminate(session);
  }
  if (status < 300 && dialog::refreshes_target(method)) {
    if (const auto contacts = response.headers.list("Contact"); !contacts.empty()) {
      if (const auto contact = NameAddr::parse(contacts.front())) dialog.remote_target = contact->uri;
    }
  }
}

void on_response(const std::weak_ptr<Core>& weak_core, const std::weak_ptr<RequestState>& weak_request,
                 sip::ClientResult result) {
  const auto core = weak_core.lock();
  const auto request = weak_request.lock();
  if (!core || !request || result.response.is_request()) return;
  const auto session = request->session.lock();
  const auto status = result.response.status();
  const bool invite = request->message.method() == "INVITE" && result.origin == ResponseOrigin::peer;
  if (!session || !session->valid()) {
    if (invite && status >= 200 && status < 300) take_late_success(*core, result.response);
    return;
  }
  if (invite && status >= 200) core->invites.answered(result.response);
  update_dialog(*core, *session, *request, result.response);

  auto response = std::make_shared<ResponseState>();
  response->message = std::move(result.response);
  response->request = request;
  response->origin = result.origin;
  if (status < 200) {
    if (status > 100) run_provisional_hook(*core, *session->application->hosted, response);
    return;
  }
  response->committed = true;
  --core->client_transactions;
  auto& outgoing = *request->outgoing;
  core->destroy_later(std::move(outgoing.transaction));  // the stack is in its callback
  std::erase(session->clients, request);
  session->used = true;
  const auto application = request->application;
  if (outgoing.promise) {
    auto promise = std::move(*outgoing.promise);
    outgoing.promise.reset();
    promise.set(SipServletResponse(std::move(response)));
  }
  core->sessions.check_later(application);
}

Future<SipServletResponse> refused(ErrorCode code, std::string text) {
  return ready<SipServletResponse>(fail(code, std::move(text)));
}

}  // namespace

void take_late_success(Core& core, const SipMessage& response) {
  static const auto repeated =
      metrics::counter("herald_container_late_success_total", "2xx to INVITEs that came late", {{"kind", "repeated"}});
  static const auto unwanted =
      metrics::counter("herald_container_late_success_total", "2xx to INVITEs that came late", {{"kind", "unwanted"}});
  auto reply = core.invites.reply_to(response);
  if (!reply) return;
  core.parts.stack.send_ack(std::move(reply->ack));
  if (!reply->bye) return repeated.add();
  unwanted.add();
  const auto number = ++core.last_farewell;
  core.farewells[number] = core.parts.stack.send(std::move(*reply->bye), Deadline::never(),
                                                 [weak = core.weak_from_this(), number](const sip::ClientResult& result) {
                                                   const auto alive = weak.lock();
                                                   if (!alive || result.response.status() < 200) return;
                                                   auto done = alive->farewells.extract(number);
                                                   if (!done.empty()) alive->destroy_later(std::move(done.mapped()));
                                                 });
}

Future<SipServletResponse> send_request(const Request& request, Deadline deadline) {
  if (!request->outgoing) return refused(ErrorCode::invalid, "an incoming request cannot be sent; proxy it onward");
  if (request->outgoing->sent) return refused(ErrorCode::gone, "the request was sent before");
  const auto core = request->core.lock();
  const auto session = request->session.lock();
  if (!core || core->stopped || !session || !session->valid()) return refused(ErrorCode::gone, "the session has ended");
  if (session->dialog.state == dialog::State::terminated) return refused(ErrorCode::gone, "the dialog has ended");
  auto& outgoing = *request->outgoing;
  outgoing.sent = true;
  if (request->message.method() == "ACK") {
    core->invites.acknowledged(request->message);
    core->parts.stack.send_ack(request->message);
    return refused(ErrorCode::gone, "an ACK has no response");
  }
  add_contact(*core, *session, request->message);
  if (dialog::forms_dialog(request->message.method()) && !session->in_table) core->sessions.enter_dialog(*session);
  if (request->message.method() == "INVITE") core->invites.sent(request->message);
  request->deadline = deadline;
  outgoing.promise.emplace();
  auto future = outgoing.promise->future();
  session->clients.push_back(request);
  ++core->client_transactions;
  outgoing.transaction =
      core->parts.stack.send(request->message, deadline,
                             [weak_core = std::weak_ptr<Core>(core), weak = std::weak_ptr<RequestState>(request)](
                                 sip::ClientResult result) { on_response(weak_core, weak, std::move(result)); });
  return future;
}

}  // namespace herald::container
