#include "initiator/initiator_auth.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <openssl/crypto.h>

#include "herald/sip_uri.h"
#include "job/push_records.h"
#include "pushes/submission.h"
#include "text/base64.h"

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

namespace {

Checked<const Initiator*> by_certificate(const std::string& subject, const PushConfig& config) {
  for (const auto& initiator : config.initiators) {
    const auto& patterns = initiator.certificates;
    if (std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return matches_pattern(p, subject); })) {
      return &initiator;
    }
  }
  return refuse(401, 2001, "no account has this client certificate");
}

}  // namespace

Checked<const Initiator*> authenticate(const HttpRequest& request, const PushConfig& config) {
  if (!request.client_certificate_name.empty() && !request.header("Authorization")) {
    return by_certificate(request.client_certificate_name, config);
  }
  const auto credentials = credentials_of(request);
  if (!credentials || credentials->token.empty()) return refuse(401, 2001, "send Authorization: Bearer TOKEN");
  // Digests have one length, so that the comparison tells nothing about the token's; and no early way out.
  const auto offered = digest(credentials->token);
  const Initiator* found = nullptr;
  for (const auto& initiator : config.initiators) {
    if (initiator.digest.size() != offered.size()) continue;  // certificates only
    const bool right = CRYPTO_memcmp(offered.data(), initiator.digest.data(), offered.size()) == 0;
    const bool named = !credentials->name || *credentials->name == initiator.name;
    if (right && named) found = &initiator;
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

bool matches_address(std::string_view pattern, std::string_view address) noexcept {
  // Greedy with one step back: the last '*' takes more whenever what follows it does not fit.
  std::size_t p = 0;
  std::size_t a = 0;
  auto star = std::string_view::npos;
  std::size_t retry = 0;
  while (a < address.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = a;
    } else if (p < pattern.size() && same_text(pattern.substr(p, 1), address.substr(a, 1))) {
      ++p;
      ++a;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      a = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Checked<void> check_content_type(const Initiator& initiator, std::string_view type) {
  auto essence = type.substr(0, type.find(';'));
  while (essence.ends_with(' ')) essence.remove_suffix(1);
  const auto& patterns = initiator.content_types;
  if (std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return matches_pattern(p, essence); })) return {};
  return refuse(403, 2001, "content: this account may not push " + std::string(essence.substr(0, 100)));
}

Checked<void> check_recipient(const Initiator& initiator, const Recipient& recipient) {
  const auto& patterns = initiator.recipients;
  if (std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return matches_address(p, recipient.user); })) return {};
  return refuse(403, 2001, "this account may not push to that address");
}

Checked<void> check_submission(const Initiator& initiator, const Submission& submission) {
  if (submission.priority > initiator.max_priority) {
    return refuse(403, 2001, "priority: this account may not use more than " + std::string(to_string(initiator.max_priority)));
  }
  for (const auto& content : submission.contents) {
    if (content.type.empty()) continue;  // of an upload, which was checked when it came
    if (auto allowed = check_content_type(initiator, content.type); !allowed) return allowed;
  }
  for (std::size_t i = 0; i < submission.to.size(); ++i) {
    if (auto allowed = check_recipient(initiator, submission.to[i]); !allowed) {
      return refuse(403, 2001, "to[" + std::to_string(i) + "]: " + allowed.error().detail);
    }
  }
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
