#include "refer_order.h"

#include <algorithm>
#include <charconv>

#include "herald/sip_uri.h"

namespace herald::receiver {
namespace {

constexpr std::size_t kMaxReferTo = 2048;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

int hex(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool lists(const SipHeaders& headers, std::string_view name, std::string_view tag) {
  const auto values = headers.list(name);
  return std::any_of(values.begin(), values.end(), [&](std::string_view value) { return lower(value) == tag; });
}

// The header fields of the request that is asked for. Only these are taken over: whoever sends a REFER must not write Route,
// Contact or an identity into a request of ours.
ReferRefusal read_fields(std::string_view text, ReferOrder& order) {
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto field = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto equals = field.find('=');
    const auto name = unescape(field.substr(0, equals));
    const auto value = equals == std::string_view::npos ? std::optional<std::string>("") : unescape(field.substr(equals + 1));
    if (!name || !value) return {400, "Refer-To holds a malformed escape"};
    if (same_header_name(*name, "Event")) {
      if (!order.event.empty()) return {400, "two Event fields in Refer-To"};
      order.event = *value;
    } else if (same_header_name(*name, "Expires")) {
      std::uint32_t seconds = 0;
      const auto [rest, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
      if (error != std::errc() || rest != value->data() + value->size()) return {400, "Expires in Refer-To is no number"};
      order.expires = std::chrono::seconds(seconds);
    } else if (same_header_name(*name, "Accept")) {
      for (const auto each : split_header_list(*value)) order.accept.emplace_back(each);
    } else if (lower(*name) == "body") {
      return {603, "a body in Refer-To is not sent"};
    }
  }
  return {};
}

ReferRefusal read_event(const std::string& package, ReferOrder& order) {
  if (order.event.empty()) return {400, "no Event in Refer-To"};
  const auto semicolon = order.event.find(';');
  order.package = lower(order.event.substr(0, semicolon));
  while (!order.package.empty() && order.package.back() == ' ') order.package.pop_back();
  if (order.package != package) return {603, "event package " + order.package + " is not known here"};
  if (semicolon == std::string::npos) return {};
  const auto params = SipParams::parse(std::string_view(order.event).substr(semicolon));
  if (!params) return {400, "Event in Refer-To is malformed"};
  order.app = params->get("appid").value_or("");
  if (order.app.size() >= 2 && order.app.front() == '"') order.app = order.app.substr(1, order.app.size() - 2);
  return {};
}

}  // namespace

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  return out;
}

ReferRefusal read_refer(const SipMessage& request, const std::string& package, ReferOrder& order) {
  const auto& headers = request.headers;
  const auto targets = headers.list("Refer-To");
  if (targets.size() != 1) return {400, std::to_string(targets.size()) + " Refer-To instead of one"};
  if (targets.front().size() > kMaxReferTo) return {400, "Refer-To is too long"};
  const auto address = NameAddr::parse(targets.front());
  auto uri = address ? SipUri::parse(address->uri) : Expected<SipUri>(fail(ErrorCode::invalid, ""));
  if (!uri) return {400, "Refer-To is malformed"};
  if (!uri->is_sip()) return {603, "only SIP addresses are subscribed to"};
  const auto method = uri->params.get("method").value_or("INVITE");  // RFC 3261 19.1.1
  if (method != "SUBSCRIBE") return {603, "method " + std::string(method) + " is not done for others"};
  if (auto wrong = read_fields(uri->headers, order); wrong.status != 0) return wrong;
  if (auto wrong = read_event(package, order); wrong.status != 0) return wrong;
  uri->params.remove("method");
  uri->headers.clear();
  uri->password.clear();
  order.uri = uri->text();
  order.referred_by = headers.get("Referred-By").value_or("");
  order.refer_sub_false = lower(headers.get("Refer-Sub").value_or("")).starts_with("false") &&
                          (lists(headers, "Supported", "norefersub") || lists(headers, "Require", "norefersub"));
  order.silent = order.refer_sub_false || lists(headers, "Require", "nosub");
  return {};
}

}  // namespace herald::receiver
