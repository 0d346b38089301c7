#include "registration_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <openssl/evp.h>

#include "account.h"

namespace herald::receiver {
namespace {

std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::seconds(value);
}

bool same_uri(const std::string& a, const std::string& b) {
  const auto left = SipUri::parse(a);
  const auto right = SipUri::parse(b);
  return left && right && left->equals(*right);
}

}  // namespace

std::string contact_uri(const AgentOptions& options, const UserAccount& account) {
  return "sip:" + account.contact_user + "@" + options.contact;
}

std::string contact_header(const AgentOptions& options, const UserAccount& account) {
  std::string value = "<" + contact_uri(options, account) + ">";
  std::string apps;
  for (const auto& app : options.policy.apps) apps.append(apps.empty() ? "" : ",").append(app);
  if (!apps.empty()) value += ";+g.oma.pusheventapp=\"" + apps + "\"";
  if (options.sessions.enabled) value += ";message";  // RFC 4569: sessions of MSRP
  return value + ";+sip.instance=\"<" + instance_urn(account.identity) + ">\";methods=\"" + joined(served_methods(options), ",") +
         "\"";
}

std::string instance_urn(const std::string& identity) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto name = "herald-receiver " + identity;
  EVP_Digest(name.data(), name.size(), digest.data(), &size, EVP_md5(), nullptr);
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0f) | 0x30);  // a name-based UUID, RFC 4122 4.3
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3f) | 0x80);
  std::string urn = "urn:uuid:";
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) urn.push_back('-');
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x", digest.at(i));
    urn += hex.data();
  }
  return urn;
}

std::chrono::seconds granted_expires(const SipMessage& response, const std::string& contact_uri, std::chrono::seconds asked) {
  for (const auto value : response.headers.list("Contact")) {
    const auto contact = NameAddr::parse(value);
    if (!contact || !same_uri(contact->uri, contact_uri)) continue;
    if (const auto expires = seconds_of(contact->params.get("expires").value_or(""))) return *expires;
  }
  return seconds_of(response.headers.get("Expires").value_or("")).value_or(asked);
}

Duration refresh_after(std::chrono::seconds granted) noexcept {
  const Duration whole = granted;
  const Duration after = granted > std::chrono::seconds(1200) ? whole - std::chrono::seconds(600) : whole / 2;
  return std::max<Duration>(after, std::chrono::seconds(1));
}

Duration retry_after_failure(unsigned failures, std::optional<Duration> told) noexcept {
  const Duration own = std::chrono::seconds(std::min(60U, 1U << std::min(failures > 0 ? failures - 1 : 0U, 6U)));
  return std::max(own, std::min<Duration>(told.value_or(Duration::zero()), std::chrono::hours(1)));
}

std::optional<std::chrono::seconds> min_expires(const SipMessage& response) {
  return seconds_of(response.headers.get("Min-Expires").value_or(""));
}

}  // namespace herald::receiver
