// Digest authentication of a client. RFC 2617, RFC 7616, RFC 3261 22.4. Pure functions.
// Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "herald/expected.h"

namespace herald::receiver {

struct DigestChallenge {
  std::string realm;
  std::string nonce;
  std::string opaque;
  std::string algorithm;  // as written; empty: MD5
  bool qop_auth = false;  // the server offers qop=auth
  bool stale = false;

  // The value of a WWW-Authenticate or Proxy-Authenticate header. Error{unsupported} for another scheme or algorithm than
  // Digest with MD5 or SHA-256, or when only auth-int is offered; Error{invalid} for what cannot be parsed.
  static Expected<DigestChallenge> parse(std::string_view header);
};

struct DigestCredentials {
  std::string username;
  std::string password;
};

struct DigestRequest {
  std::string method;
  std::string uri;
  std::string cnonce;
  std::uint32_t nonce_count = 1;
};

// The response parameter alone.
[[nodiscard]] std::string digest_response(const DigestChallenge& challenge, const DigestCredentials& credentials,
                                          const DigestRequest& request);
// The value of an Authorization header.
[[nodiscard]] std::string digest_authorization(const DigestChallenge& challenge, const DigestCredentials& credentials,
                                               const DigestRequest& request);
// The Authorization of a first REGISTER, which names the private identity and has no response yet. TS 24.229 5.1.1.2.2
[[nodiscard]] std::string empty_authorization(std::string_view username, std::string_view realm, std::string_view uri);

}  // namespace herald::receiver
