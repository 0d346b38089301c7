#include "herald/trace.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <openssl/rand.h>
#include <utility>

namespace herald {

namespace {

// One call into the generator for many tokens: RAND_bytes costs about a microsecond whatever it returns.
class RandomBytes {
 public:
  unsigned char next() {
    if (used_ == pool_.size()) {
      // Without randomness no tag, token or URL is safe: there is no way to go on.
      if (RAND_bytes(pool_.data(), static_cast<int>(pool_.size())) != 1) std::abort();
      used_ = 0;
    }
    return std::exchange(pool_[used_++], static_cast<unsigned char>(0));
  }

 private:
  std::array<unsigned char, 1024> pool_{};
  std::size_t used_ = pool_.size();
};

unsigned char random_byte() {
  thread_local RandomBytes bytes;
  return bytes.next();
}

}  // namespace

std::string random_token(std::size_t length) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  constexpr unsigned kFair = 256 / 36 * 36;  // bytes above would favour the first letters
  std::string token;
  token.reserve(length);
  while (token.size() < length) {
    const auto byte = random_byte();
    if (byte < kFair) token.push_back(kAlphabet[byte % 36]);
  }
  return token;
}

TraceId TraceId::create() {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  text.reserve(32);
  for (int i = 0; i < 16; ++i) {
    const auto byte = random_byte();
    text.push_back(kHex[byte >> 4U]);
    text.push_back(kHex[byte & 15U]);
  }
  return TraceId(std::move(text));
}

std::optional<TraceId> TraceId::from_traceparent(std::string_view header) {
  // 00-<32 hex>-<16 hex>-<2 hex>; later versions may append fields. W3C Trace Context 3.2.
  if (header.size() < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  const auto id = header.substr(3, 32);
  const auto lower_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!std::all_of(id.begin(), id.end(), lower_hex)) return std::nullopt;
  if (std::all_of(id.begin(), id.end(), [](char c) { return c == '0'; })) return std::nullopt;
  return TraceId(std::string(id));
}

}  // namespace herald
