#include "container/request_checks.h"

#include <algorithm>
#include <charconv>

#include "dialog/dialog_state.h"

namespace herald::container {
namespace {

Refusal refuse(int status, std::string why) { return {status, {}, {}, std::move(why)}; }

bool well_formed_address(const SipHeaders& headers, std::string_view name) {
  const auto value = headers.get(name);
  return value && NameAddr::parse(*value).has_value();
}

}  // namespace

const std::vector<std::string_view>& known_methods() {
  static const std::vector<std::string_view> methods{"INVITE", "ACK",     "BYE",  "CANCEL", "OPTIONS", "PRACK",   "SUBSCRIBE",
                                                     "NOTIFY", "MESSAGE", "INFO", "UPDATE", "REFER",   "PUBLISH", "REGISTER"};
  return methods;
}

bool is_known_method(std::string_view method) noexcept {
  const auto& methods = known_methods();
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

std::string allow_list(const std::vector<std::string_view>& methods) {
  std::string text;
  for (const auto method : methods) text.append(text.empty() ? "" : ", ").append(method);
  return text;
}

int max_forwards(const SipMessage& request) noexcept {
  const auto value = request.headers.get("Max-Forwards");
  if (!value) return 70;  // RFC 3261 16.6 step 3
  int number = -1;
  const auto [rest, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc() || rest != value->data() + value->size() || number < 0 || number > 255) return -1;
  return number;
}

std::optional<Refusal> check_request(const SipMessage& request) {
  const auto& headers = request.headers;
  if (!well_formed_address(headers, "From")) return refuse(400, "From");
  if (!well_formed_address(headers, "To")) return refuse(400, "To");
  if (headers.get("Call-ID").value_or("").empty()) return refuse(400, "Call-ID");
  const auto cseq = dialog::CSeq::parse(headers.get("CSeq").value_or(""));
  if (!cseq) return refuse(400, "CSeq");
  if (cseq->method != request.method()) return refuse(400, "CSeq method");

  const auto hops = max_forwards(request);
  if (hops < 0) return refuse(400, "Max-Forwards");
  if (hops == 0 && request.method() != "OPTIONS") return refuse(483, "Max-Forwards is 0");

  const auto uri = SipUri::parse(request.uri());
  if (!uri) return refuse(400, "Request-URI");
  if (!uri->is_sip() && !uri->is_tel()) return refuse(416, "Request-URI scheme " + uri->scheme);

  if (dialog::forms_dialog(request.method())) {
    const auto contacts = headers.list("Contact");
    if (contacts.size() != 1 || !NameAddr::parse(contacts.front())) return refuse(400, "Contact");  // RFC 3261 8.1.1.8
  }
  return std::nullopt;
}

std::optional<Refusal> check_require(const SipMessage& request, std::string_view header,
                                     const std::vector<std::string_view>& known) {
  if (request.method() == "ACK" || request.method() == "CANCEL") return std::nullopt;  // RFC 3261 8.2.2.3
  std::string unsupported;
  for (const auto tag : request.headers.list(header)) {
    const bool understood = std::any_of(known.begin(), known.end(), [tag](std::string_view each) { return each == tag; });
    if (!tag.empty() && !understood) unsupported.append(unsupported.empty() ? "" : ", ").append(tag);
  }
  if (unsupported.empty()) return std::nullopt;
  auto refusal = refuse(420, std::string(header) + ": " + unsupported);
  refusal.headers.push_back({"Unsupported", std::move(unsupported)});
  return refusal;
}

std::string merge_key(const SipMessage& request, std::string_view popped_route) {
  const auto& headers = request.headers;
  std::string key;
  const auto add = [&key](std::string_view part) { key.append(part).append("\n"); };
  add(dialog::tag_of(headers.get("From").value_or("")));
  add(headers.get("Call-ID").value_or(""));
  add(headers.get("CSeq").value_or(""));
  add(request.uri());
  add(popped_route);
  for (const auto route : headers.all("Route")) add(route);
  return key;
}

SipMessage make_response(int status, std::string_view reason) {
  SipMessage response;
  response.start = SipStatusLine{status, std::string(reason.empty() ? sip_reason_phrase(status) : reason)};
  return response;
}

}  // namespace herald::container
