#include "digest.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <openssl/evp.h>

#include "herald/sip_uri.h"

namespace herald::receiver {
namespace {

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string plain;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) ++i;
    plain.push_back(text[i]);
  }
  return plain;
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result.push_back('\\');
    result.push_back(c);
  }
  return result + "\"";
}

bool is_md5(std::string_view algorithm) { return algorithm.empty() || same(algorithm, "MD5"); }

std::string hash(const DigestChallenge& challenge, const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const EVP_MD* kind = is_md5(challenge.algorithm) ? EVP_md5() : EVP_sha256();
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, kind, nullptr) != 1) return {};
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex.push_back(kHex[digest.at(i) >> 4]);
    hex.push_back(kHex[digest.at(i) & 15]);
  }
  return hex;
}

std::string count_text(std::uint32_t count) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", count);
  return text.data();
}

bool offers_auth(std::string_view qop) {
  const auto offered = split_header_list(qop);
  return std::any_of(offered.begin(), offered.end(), [](std::string_view each) { return same(each, "auth"); });
}

}  // namespace

Expected<DigestChallenge> DigestChallenge::parse(std::string_view header) {
  header = trimmed(header);
  const auto space = header.find_first_of(" \t");
  if (space == std::string_view::npos) return fail(ErrorCode::invalid, "challenge without parameters");
  if (!same(header.substr(0, space), "Digest")) return fail(ErrorCode::unsupported, "challenge is not Digest");
  DigestChallenge challenge;
  std::string qop;
  for (const auto part : split_header_list(header.substr(space + 1))) {
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return fail(ErrorCode::invalid, "challenge parameter without value");
    const auto name = trimmed(part.substr(0, equals));
    auto value = unquoted(trimmed(part.substr(equals + 1)));
    if (same(name, "realm"))
      challenge.realm = std::move(value);
    else if (same(name, "nonce"))
      challenge.nonce = std::move(value);
    else if (same(name, "opaque"))
      challenge.opaque = std::move(value);
    else if (same(name, "algorithm"))
      challenge.algorithm = std::move(value);
    else if (same(name, "qop"))
      qop = std::move(value);
    else if (same(name, "stale"))
      challenge.stale = same(value, "true");
  }
  if (challenge.nonce.empty()) return fail(ErrorCode::invalid, "challenge without nonce");
  if (!is_md5(challenge.algorithm) && !same(challenge.algorithm, "SHA-256"))
    return fail(ErrorCode::unsupported, "digest algorithm " + challenge.algorithm);
  challenge.qop_auth = offers_auth(qop);
  if (!qop.empty() && !challenge.qop_auth) return fail(ErrorCode::unsupported, "quality of protection " + qop);
  return challenge;
}

std::string digest_response(const DigestChallenge& challenge, const DigestCredentials& credentials,
                            const DigestRequest& request) {
  const auto secret = hash(challenge, credentials.username + ":" + challenge.realm + ":" + credentials.password);
  const auto what = hash(challenge, request.method + ":" + request.uri);
  if (!challenge.qop_auth) return hash(challenge, secret + ":" + challenge.nonce + ":" + what);
  return hash(challenge,
              secret + ":" + challenge.nonce + ":" + count_text(request.nonce_count) + ":" + request.cnonce + ":auth:" + what);
}

std::string digest_authorization(const DigestChallenge& challenge, const DigestCredentials& credentials,
                                 const DigestRequest& request) {
  std::string value = "Digest username=" + quoted(credentials.username) + ", realm=" + quoted(challenge.realm) +
                      ", nonce=" + quoted(challenge.nonce) + ", uri=" + quoted(request.uri) +
                      ", response=" + quoted(digest_response(challenge, credentials, request));
  if (!challenge.algorithm.empty()) value += ", algorithm=" + challenge.algorithm;
  if (!challenge.opaque.empty()) value += ", opaque=" + quoted(challenge.opaque);
  if (challenge.qop_auth) value += ", qop=auth, nc=" + count_text(request.nonce_count) + ", cnonce=" + quoted(request.cnonce);
  return value;
}

std::string empty_authorization(std::string_view username, std::string_view realm, std::string_view uri) {
  return "Digest username=" + quoted(username) + ", realm=" + quoted(realm) + ", nonce=\"\", uri=" + quoted(uri) +
         ", response=\"\"";
}

}  // namespace herald::receiver
