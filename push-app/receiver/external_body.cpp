#include "external_body.h"

#include <algorithm>
#include <charconv>

#include "hashes.h"

namespace herald::receiver {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

std::string bare_id(std::string_view text) {
  if (text.size() >= 2 && text.front() == '<' && text.back() == '>') text = text.substr(1, text.size() - 2);
  return std::string(text);
}

// "https", host in lower case without port; nothing when there is none.
std::pair<std::string, std::string> scheme_and_host(std::string_view url) {
  const auto end = url.find("://");
  if (end == std::string_view::npos) return {};
  auto host = url.substr(end + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (host.starts_with('['))
    host = host.substr(0, host.find(']') + 1);
  else
    host = host.substr(0, host.find(':'));
  return {lower(url.substr(0, end)), lower(host)};
}

}  // namespace

Expected<ExternalBody> ExternalBody::parse(std::string_view content_type, std::string_view body) {
  const auto type = MediaType::parse(content_type);
  if (!type || type->type != "message/external-body") return fail(ErrorCode::invalid, "no message/external-body");
  const auto& params = type->params;
  if (lower(unquoted(params.get("access-type").value_or(""))) != "url")
    return fail(ErrorCode::unsupported, "only access-type URL is known");
  ExternalBody reference;
  reference.url = unquoted(params.get("url").value_or(""));
  // RFC 2017: white space in a long URL is folding.
  std::erase_if(reference.url, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
  if (reference.url.empty()) return fail(ErrorCode::invalid, "no URL");
  if (const auto size = params.get("size")) {
    const auto text = unquoted(*size);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return fail(ErrorCode::invalid, "size is no number");
    reference.size = value;
  }
  reference.hash = lower(unquoted(params.get("hash").value_or("")));
  if (const auto expiration = params.get("expiration")) {
    reference.expiration = parse_sip_date(unquoted(*expiration));
    if (!reference.expiration) return fail(ErrorCode::invalid, "expiration is no date");
  }
  // The enclosed header, as of a message without a start line.
  std::string wrapped("SIP/2.0 200 OK\r\n");
  wrapped.append(body);
  if (body.find("\r\n\r\n") == std::string_view::npos) wrapped += "\r\n\r\n";
  if (const auto enclosed = SipMessage::parse(wrapped)) {
    const auto inner = MediaType::parse(enclosed->headers.get("Content-Type").value_or(""));
    if (inner) reference.type = inner->type;
    reference.id = bare_id(enclosed->headers.get("Content-ID").value_or(""));
  }
  return reference;
}

int refuse_reference(const ExternalBody& reference, const ContentRules& rules, WallTime now, std::string& why) {
  const auto [scheme, host] = scheme_and_host(reference.url);
  if (scheme != "https" && !(rules.insecure && scheme == "http")) return why = "not https", 415;
  const bool allowed = std::any_of(rules.hosts.begin(), rules.hosts.end(),
                                   [&host = host](const std::string& each) { return each == "*" || lower(each) == host; });
  if (!allowed) return why = "host \"" + host + "\" is not allowed", 415;
  if (reference.expiration && *reference.expiration < now) return why = "the reference has expired", 415;
  if (reference.size && *reference.size > rules.max_bytes)
    return why = std::to_string(*reference.size) + " bytes, " + std::to_string(rules.max_bytes) + " at most", 513;
  return 0;
}

std::string wrong_content(const ExternalBody& reference, std::uint64_t size, const std::string& sha1) {
  if (reference.size && *reference.size != size)
    return std::to_string(size) + " bytes instead of " + std::to_string(*reference.size);
  if (!reference.hash.empty() && reference.hash != sha1) return "the hash differs";
  return "";
}

std::string wrong_content(const ExternalBody& reference, std::string_view bytes) {
  return wrong_content(reference, bytes.size(), reference.hash.empty() ? std::string() : sha1_hex(bytes));
}

}  // namespace herald::receiver
