#include "hss/digest.h"

#include <array>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace herald::lab {

std::string digest_ha1(std::string_view username, std::string_view realm, std::string_view password) {
  std::string text(username);
  text.append(":").append(realm).append(":").append(password);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), hash.data(), &length, EVP_md5(), nullptr);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += kHex[hash[i] >> 4];
    hex += kHex[hash[i] & 0x0F];
  }
  return hex;
}

std::string random_octets(std::size_t count) {
  std::string octets(count, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(octets.data()), static_cast<int>(count));
  return octets;
}

}  // namespace herald::lab
