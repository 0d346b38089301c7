#include "initiator_auth.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <openssl/crypto.h>

#include "base64.h"
#include "herald/sip_uri.h"
#include "push_records.h"

namespace herald::push {
namespace {

bool same_text(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

struct Credentials {
  std::optional<std::string> name;  // Basic only
  std::string token;
};

std::optional<Credentials> credentials_of(const HttpRequest& request) {
  const auto header = request.header("Authorization");
  if (!header) return std::nullopt;
  const auto space = header->find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  auto value = header->substr(space + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  const auto scheme = header->substr(0, space);
  if (same_text(scheme, "Bearer")) return Credentials{std::nullopt, std::string(value)};
  if (!same_text(scheme, "Basic")) return std::nullopt;
  const auto pair = decode_base64(value);
  const auto colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{pair->substr(0, colon), pair->substr(colon + 1)};
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view text) noexcept {
  if (pattern.ends_with('*')) {
    pattern.remove_suffix(1);
    return text.size() >= pattern.size() && same_text(pattern, text.substr(0, pattern.size()));
  }
  return same_text(pattern, text);
}

Checked<const Initiator*> authenticate(const HttpRequest& request, const PushConfig& config) {
  const auto credentials = credentials_of(request);
  if (!credentials || credentials->token.empty()) return refuse(401, 2001, "send Authorization: Bearer TOKEN");
  // Digests have one length, so that the comparison tells nothing about the token's; and no early way out.
  const auto offered = digest(credentials->token);
  const Initiator* found = nullptr;
  for (const auto& initiator : config.initiators) {
    const auto wanted = digest(initiator.token.value);
    const bool right = CRYPTO_memcmp(offered.data(), wanted.data(), wanted.size()) == 0;
    const bool named = !credentials->name || *credentials->name == initiator.name;
    if (right && named && !initiator.token.empty()) found = &initiator;
  }
  if (found == nullptr) return refuse(401, 2001, "unknown token");
  return found;
}

Checked<std::string> choose_sender(const Initiator& initiator, const PushConfig& config, const std::optional<std::string>& from) {
  if (!from) return initiator.identities.empty() ? config.sender_identity : initiator.identities.front();
  const auto wanted = canonical_identity(*from);
  for (const auto& identity : initiator.identities) {
    if (canonical_identity(identity) == wanted) return *from;
  }
  if (initiator.identities.empty() && canonical_identity(config.sender_identity) == wanted) return *from;
  return refuse(403, 2001, "from: this account may not send as that identity");
}

Checked<void> check_application(const Initiator& initiator, std::string_view application) {
  const auto& patterns = initiator.applications;
  const bool allowed =
      std::any_of(patterns.begin(), patterns.end(), [application](const auto& p) { return matches_pattern(p, application); });
  if (!allowed) return refuse(403, 2001, "app: this account may not use that application");
  return {};
}

Checked<void> SubmissionRates::take(const Initiator& initiator) {
  const double capacity = std::max(1.0, initiator.rate.per_second);
  const auto now = clock_.now();
  auto [place, fresh] = buckets_.try_emplace(initiator.name);
  auto& bucket = place->second;
  if (fresh) bucket.tokens = capacity;
  const double passed = fresh ? 0.0 : std::chrono::duration<double>(now - bucket.at).count();
  bucket.tokens = std::min(capacity, bucket.tokens + passed * initiator.rate.per_second);
  bucket.at = now;
  if (bucket.tokens < 1.0) {
    const double wait = initiator.rate.per_second > 0 ? (1.0 - bucket.tokens) / initiator.rate.per_second : 3600.0;
    Problem problem{
        429, 4001,
        "more than " + std::to_string(static_cast<long>(std::ceil(initiator.rate.per_second))) + " submissions a second"};
    problem.retry_after = std::chrono::seconds(static_cast<long>(std::ceil(std::min(wait, 3600.0))));
    return tl::unexpected(problem);
  }
  bucket.tokens -= 1.0;
  return {};
}

}  // namespace herald::push
