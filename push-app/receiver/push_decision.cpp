#include "push_decision.h"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace herald::receiver {
namespace {

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string without(std::string_view text, char first, char last) {
  if (text.size() >= 2 && text.front() == first && text.back() == last) text = text.substr(1, text.size() - 2);
  return std::string(text);
}

bool matches(std::string_view range, std::string_view type) {
  if (range == "*/*" || range == "*") return true;
  if (range.size() > 2 && range.ends_with("/*")) return type.starts_with(range.substr(0, range.size() - 1));
  return range == type;
}

bool contains(const std::vector<std::string>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

// PR-8: an Expires counts from the Date; without one nobody knows when.
bool has_expired(const SipHeaders& headers, WallTime now) {
  const auto date = parse_sip_date(headers.get("Date").value_or(""));
  const auto life = number_of<std::uint32_t>(headers.get("Expires").value_or(""));
  return date && life && *date + std::chrono::seconds(*life) < now;
}

}  // namespace

Expected<Answer> Answer::parse(std::string_view text) {
  Answer answer;
  const auto semicolon = text.find(';');
  const auto code = text.substr(0, semicolon);
  if (code == "none") {
    answer.status = 0;
  } else if (const auto status = number_of<int>(code); status && *status >= 200 && *status <= 699) {
    answer.status = *status;
  } else {
    return fail(ErrorCode::invalid, "an answer is a final status or \"none\", not \"" + std::string(code) + "\"");
  }
  if (semicolon == std::string_view::npos) return answer;
  constexpr std::string_view kRetryAfter = "retry-after=";
  const auto parameter = text.substr(semicolon + 1);
  if (parameter.starts_with(kRetryAfter)) answer.retry_after = number_of<unsigned>(parameter.substr(kRetryAfter.size()));
  if (!answer.retry_after || answer.status == 0)
    return fail(ErrorCode::invalid,
                "after an answer only ;retry-after=SECONDS may stand, not \";" + std::string(parameter) + "\"");
  return answer;
}

std::vector<std::string> requested_apps(const SipHeaders& headers) {
  std::vector<std::string> apps;
  for (const auto value : headers.list("Accept-Contact")) {
    const auto semicolon = value.find(';');
    if (semicolon == std::string_view::npos) continue;
    const auto params = SipParams::parse(value.substr(semicolon));
    if (!params) continue;
    const auto tag = params->get("+g.oma.pusheventapp");
    if (!tag) continue;
    const auto list = without(without(*tag, '"', '"'), '<', '>');  // named: the parts are views into it
    for (const auto each : split_header_list(list)) apps.emplace_back(each);
  }
  return apps;
}

std::optional<WallTime> parse_sip_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (copy.empty() || end == nullptr || *end != '\0') return std::nullopt;
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

Push read_push(const SipMessage& message, const PushPolicy& policy, WallTime now) {
  const auto& headers = message.headers;
  Push push;
  const auto apps = requested_apps(headers);
  if (!apps.empty()) {
    const auto known = std::find_if(apps.begin(), apps.end(), [&](const auto& app) { return contains(policy.apps, app); });
    push.known_app = known != apps.end();
    push.app = push.known_app ? *known : apps.front();
  }
  // RFC 3428 says nothing of a missing type; a body without one is taken as text (RFC 2045 5.2).
  const auto type = MediaType::parse(headers.get("Content-Type").value_or("text/plain"));
  push.type = type ? type->type : std::string(headers.get("Content-Type").value_or(""));
  push.encoding = std::string(headers.get("Content-Encoding").value_or(""));
  const auto sender = headers.has("P-Asserted-Identity") ? headers.list("P-Asserted-Identity") : headers.all("From");
  if (!sender.empty())
    if (const auto address = NameAddr::parse(sender.front())) push.from = address->uri;
  push.id = without(headers.get("Content-ID").value_or(""), '<', '>');
  if (push.id.empty()) push.id = std::string(headers.get("Call-ID").value_or(""));
  push.expired = has_expired(headers, now);
  return push;
}

bool accepted(const std::string& type, const PushPolicy& policy) {
  if (policy.accept.empty() || type == "text/plain") return true;  // RFC 3428 7: text/plain always
  return std::any_of(policy.accept.begin(), policy.accept.end(), [&](const auto& range) { return matches(range, type); });
}

// Where everything is taken but not what would have to be fetched, no range may cover message/external-body: senders learn from
// it.
std::vector<std::string> accept_list(const PushPolicy& policy) {
  std::vector<std::string> list;
  if (policy.accept.empty()) {
    if (policy.external_bodies)
      list = {"*/*"};
    else
      list = {"text/*", "application/*", "image/*", "audio/*", "video/*", "multipart/mixed"};
  } else {
    if (!contains(policy.accept, "text/plain")) list.emplace_back("text/plain");
    list.insert(list.end(), policy.accept.begin(), policy.accept.end());
    if (policy.external_bodies) list.emplace_back("message/external-body");
  }
  if (policy.reports) list.insert(list.end(), {"message/cpim", "message/imdn+xml"});  // RFC 5438 6: both say that IMDN is known
  return list;
}

std::string accept_header(const PushPolicy& policy) {
  std::string text;
  for (const auto& type : accept_list(policy)) text.append(text.empty() ? "" : ", ").append(type);
  return text;
}

std::string accept_encoding_header(const PushPolicy& policy) { return policy.gzip ? "gzip, identity" : "identity"; }

Verdict decide(const Push& push, std::size_t body_bytes, const PushPolicy& policy) {
  if (!push.known_app) return {488, {}, "application \"" + push.app + "\" is not here"};
  const bool decoded = push.encoding == "gzip" && policy.gzip;
  if (!push.encoding.empty() && push.encoding != "identity" && !decoded)
    return {415, {{"Accept-Encoding", accept_encoding_header(policy)}}, "encoding " + push.encoding};
  if (!accepted(push.type, policy)) return {415, {{"Accept", accept_header(policy)}}, "type " + push.type};
  if (policy.max_bytes > 0 && body_bytes > policy.max_bytes)
    return {413, {}, std::to_string(body_bytes) + " bytes, " + std::to_string(policy.max_bytes) + " at most"};
  return {};
}

}  // namespace herald::receiver
