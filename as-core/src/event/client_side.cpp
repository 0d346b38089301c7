#include "event/client_side.h"

#include <cstdint>
#include <random>

#include "event/watch_rules.h"
#include "herald/trace.h"

namespace herald::event {
namespace {

Expected<NameAddr> address(const char* name, const std::string& text) {
  if (!one_line(text)) return fail(ErrorCode::invalid, std::string(name) + " must be one line");
  auto parsed = NameAddr::parse(text);
  if (!parsed || !SipUri::parse(parsed->uri)) return fail(ErrorCode::invalid, std::string(name) + " is no address");
  if (parsed->params.has("tag")) return fail(ErrorCode::invalid, std::string(name) + " must have no tag");
  return parsed;
}

sip::Transport transport_of(const sip::SipStack& stack, const std::string& hop) {
  const auto uri = SipUri::parse(hop);
  if (uri && (uri->scheme == "sips" || uri->params.get("transport").value_or("") == "tls")) return sip::Transport::tls;
  if (uri && uri->params.get("transport").value_or("") == "tcp") return sip::Transport::tcp;
  const auto& listening = stack.listening();
  for (const auto& one : listening)
    if (one.transport == sip::Transport::udp) return sip::Transport::udp;
  return listening.empty() ? sip::Transport::udp : listening.front().transport;
}

}  // namespace

double ClientSide::jitter() const {
  if (random) return random();
  static thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

Expected<dialog::DialogState> ClientSide::open(const std::string& from, const std::string& to, const std::string& uri,
                                               const std::vector<std::string>& routes) const {
  const auto sender = address("From", from);
  if (!sender) return fail(sender.error());
  const auto receiver = address("To", to);
  if (!receiver) return fail(receiver.error());
  dialog::DialogState dialog;
  dialog.remote_target = uri.empty() ? receiver->uri : uri;
  if (!one_line(dialog.remote_target) || !SipUri::parse(dialog.remote_target)) {
    return fail(ErrorCode::invalid, "Request-URI is none");
  }
  for (const auto& route : routes) {
    if (route.empty()) continue;
    auto value = route.find('<') == std::string::npos ? "<" + route + ">" : route;
    if (!one_line(value) || !NameAddr::parse(value)) return fail(ErrorCode::invalid, "Route is malformed");
    dialog.route_set.push_back(std::move(value));
  }
  dialog.call_id = random_token(24) + "@" + call_id_host;
  dialog.local_tag = random_token(12);
  dialog.local_address = sender->text();
  dialog.remote_address = receiver->text();
  std::string hop = dialog.remote_target;
  if (!dialog.route_set.empty()) {
    if (const auto route = NameAddr::parse(dialog.route_set.front())) hop = route->uri;
  }
  const auto own = SipUri::parse(sender->uri);
  dialog.local_contact = stack.contact_uri(transport_of(stack, hop), own && own->is_sip() ? own->user : std::string());
  return dialog;
}

void ClientSide::destroy_later(std::unique_ptr<sip::ClientTransaction> transaction) const {
  if (transaction) executor.complete([kept = std::move(transaction)] {});
}

std::string usage_key(std::string_view call_id, std::string_view local_tag) {
  std::string key;
  key.reserve(call_id.size() + local_tag.size() + 1);
  return key.append(call_id).append("\n").append(local_tag);  // neither can contain a line feed
}

std::string usage_key(const SipMessage& notify) {
  return usage_key(notify.headers.get("Call-ID").value_or(""), dialog::tag_of(notify.headers.get("To").value_or("")));
}

void adopt_notify(dialog::DialogState& dialog, const SipMessage& notify) {
  dialog.remote_tag = dialog::tag_of(notify.headers.get("From").value_or(""));
  dialog.route_set.clear();
  for (const auto route : notify.headers.list("Record-Route")) dialog.route_set.emplace_back(route);  // in order: RFC 3261 12.1.1
  dialog.state = dialog::State::confirmed;
  refresh_target(dialog, notify);
}

void refresh_target(dialog::DialogState& dialog, const SipMessage& message) {
  const auto contacts = message.headers.list("Contact");
  if (contacts.empty()) return;
  if (const auto contact = NameAddr::parse(contacts.front()); contact && SipUri::parse(contact->uri)) {
    dialog.remote_target = contact->uri;
  }
}

}  // namespace herald::event
