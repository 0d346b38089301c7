#include "dialog/dialog_state.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace herald::dialog {

std::string_view to_string(State state) noexcept {
  switch (state) {
    case State::initial:
      return "initial";
    case State::early:
      return "early";
    case State::confirmed:
      return "confirmed";
    case State::terminated:
      return "terminated";
  }
  return "unknown";
}

bool forms_dialog(std::string_view method) noexcept { return method == "INVITE" || method == "SUBSCRIBE" || method == "REFER"; }

bool refreshes_target(std::string_view method) noexcept {
  static constexpr std::array kMethods{"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"};
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

Expected<CSeq> CSeq::parse(std::string_view value) {
  CSeq result;
  const auto* const end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, result.number);
  // RFC 3261 8.1.1.5: less than 2**31.
  if (error != std::errc() || result.number > 0x7fffffffU) return fail(ErrorCode::invalid, "CSeq has no usable number");
  auto method = std::string_view(rest, static_cast<std::size_t>(end - rest));
  const auto first = method.find_first_not_of(" \t");
  if (first == std::string_view::npos || first == 0) return fail(ErrorCode::invalid, "CSeq has no method");
  method.remove_prefix(first);
  result.method = std::string(method.substr(0, method.find_last_not_of(" \t") + 1));
  return result;
}

std::string tag_of(std::string_view address) {
  const auto parsed = NameAddr::parse(address);
  if (!parsed) return {};
  return std::string(parsed->params.get("tag").value_or(""));
}

std::string without_tag(std::string_view address) {
  auto parsed = NameAddr::parse(address);
  if (!parsed || !parsed->params.has("tag")) return std::string(address);
  parsed->params.remove("tag");
  parsed->raw.clear();
  return parsed->text();
}

Expected<void> DialogState::take_remote_cseq(std::uint32_t number, std::string_view method) {
  if (method == "ACK" || method == "CANCEL") return {};  // they carry the number of the INVITE
  if (has_remote_cseq && number <= remote_cseq) {
    return fail(ErrorCode::conflict, "CSeq " + std::to_string(number) + " after " + std::to_string(remote_cseq));
  }
  remote_cseq = number;
  has_remote_cseq = true;
  return {};
}

namespace {

std::string with_tag(const std::string& address, const std::string& tag) {
  if (tag.empty()) return address;
  // A bare URI with parameters would swallow the tag: RFC 3261 20, bracket it.
  if (address.find('<') == std::string::npos) return "<" + address + ">;tag=" + tag;
  return address + ";tag=" + tag;
}

std::string uri_of(std::string_view address) {
  const auto parsed = NameAddr::parse(address);
  return parsed ? parsed->uri : std::string(address);
}

bool is_loose(const std::string& route) {
  const auto uri = SipUri::parse(uri_of(route));
  return !uri || uri->params.has("lr");
}

bool is_sips(const std::string& uri) { return uri.size() > 5 && (uri[0] | 0x20) == 's' && uri.compare(3, 2, "s:") == 0; }

std::vector<std::string> values(const SipHeaders& headers, std::string_view name) {
  std::vector<std::string> result;
  for (const auto value : headers.list(name)) result.emplace_back(value);
  return result;
}

Expected<std::string> contact_of(const SipMessage& message) {
  const auto contacts = message.headers.list("Contact");
  if (contacts.empty()) return fail(ErrorCode::invalid, "no Contact");
  auto parsed = NameAddr::parse(contacts.front());
  if (!parsed || parsed->uri.empty()) return fail(ErrorCode::invalid, "Contact is malformed");
  return std::move(parsed->uri);
}

}  // namespace

SipMessage DialogState::make_request(std::string_view method) {
  SipMessage message;
  auto target = remote_target.empty() ? uri_of(remote_address) : remote_target;
  std::vector<std::string> routes = route_set;
  if (!routes.empty() && !is_loose(routes.front())) {
    // RFC 3261 12.2.1.1, strict router: it takes the Request-URI, the target goes to the end.
    auto strict = uri_of(routes.front());
    routes.erase(routes.begin());
    routes.push_back("<" + target + ">");
    target = std::move(strict);
  }
  message.start = SipRequestLine{std::string(method), std::move(target)};
  for (auto& route : routes) message.headers.add("Route", std::move(route));
  message.headers.add("From", with_tag(local_address, local_tag));
  message.headers.add("To", with_tag(remote_address, remote_tag));
  message.headers.add("Call-ID", call_id);
  message.headers.add("CSeq", std::to_string(++local_cseq) + " " + std::string(method));
  message.headers.add("Max-Forwards", "70");
  if (!local_contact.empty() && refreshes_target(method)) message.headers.add("Contact", "<" + local_contact + ">");
  return message;
}

Expected<DialogState> uas_dialog(const SipMessage& request, std::string_view local_tag, std::string_view local_contact) {
  const auto from = request.headers.get("From");
  const auto to = request.headers.get("To");
  const auto call_id = request.headers.get("Call-ID");
  const auto cseq = CSeq::parse(request.headers.get("CSeq").value_or(""));
  if (!from || !to || !call_id || !cseq) return fail(ErrorCode::invalid, "a header that makes the dialog is missing");
  auto target = contact_of(request);
  if (!target) return fail(std::move(target.error()));
  DialogState state;
  state.call_id = std::string(*call_id);
  state.local_tag = std::string(local_tag);
  state.remote_tag = tag_of(*from);
  state.local_address = without_tag(*to);
  state.remote_address = without_tag(*from);
  state.secure = is_sips(request.uri());
  state.remote_target = std::move(*target);
  state.local_contact = std::string(local_contact);
  state.route_set = values(request.headers, "Record-Route");  // in order: RFC 3261 12.1.1
  state.remote_cseq = cseq->number;
  state.has_remote_cseq = true;
  state.uas = true;
  return state;
}

Expected<void> complete_uac_dialog(DialogState& state, const SipMessage& response) {
  auto tag = tag_of(response.headers.get("To").value_or(""));
  if (tag.empty()) return fail(ErrorCode::invalid, "no To tag");
  if (!state.remote_tag.empty() && state.remote_tag != tag) return fail(ErrorCode::conflict, "another To tag");
  auto target = contact_of(response);
  // A provisional response may lack Contact; a 2xx without one leaves only what the response route says.
  if (target) state.remote_target = std::move(*target);
  if (state.remote_tag.empty() || state.state != State::confirmed) {
    state.route_set = values(response.headers, "Record-Route");
    std::reverse(state.route_set.begin(), state.route_set.end());  // RFC 3261 12.1.2
  }
  state.remote_tag = std::move(tag);
  return {};
}

}  // namespace herald::dialog
