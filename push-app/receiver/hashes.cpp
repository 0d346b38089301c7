#include "hashes.h"

#include <array>
#include <openssl/evp.h>

namespace herald::receiver {
namespace {

std::string hex_digest(std::string_view bytes, const EVP_MD* kind) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, kind, nullptr);
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += hex[digest.at(i) >> 4U];
    text += hex[digest.at(i) & 15U];
  }
  return text;
}

}  // namespace

std::string sha1_hex(std::string_view bytes) { return hex_digest(bytes, EVP_sha1()); }
std::string sha256_hex(std::string_view bytes) { return hex_digest(bytes, EVP_sha256()); }

}  // namespace herald::receiver
