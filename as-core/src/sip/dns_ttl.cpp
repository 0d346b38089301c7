#include "sip/dns_ttl.h"

#include <algorithm>
#include <ares.h>
#include <cstdint>

namespace herald::sip {
namespace {

// RFC 1035 4.1. Every step checks what is left.
class Cursor {
 public:
  Cursor(const unsigned char* data, std::size_t size) : data_(data), size_(size) {}

  bool skip(std::size_t n) {
    if (size_ - at_ < n) return false;
    at_ += n;
    return true;
  }
  bool skip_name() {
    char* name = nullptr;
    long length = 0;
    if (at_ >= size_ || ares_expand_name(data_ + at_, data_, static_cast<int>(size_), &name, &length) != ARES_SUCCESS)
      return false;
    ares_free_string(name);
    return length > 0 && skip(static_cast<std::size_t>(length));
  }
  std::optional<std::uint32_t> number(std::size_t bytes) {
    if (size_ - at_ < bytes) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8U | data_[at_ + i];
    at_ += bytes;
    return value;
  }

 private:
  const unsigned char* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<Duration> answer_ttl(const unsigned char* data, std::size_t size) {
  Cursor cursor(data, size);
  if (!cursor.skip(4)) return std::nullopt;
  const auto questions = cursor.number(2);
  const auto answers = cursor.number(2);
  if (!questions || !answers || !cursor.skip(4)) return std::nullopt;
  for (std::uint32_t i = 0; i < *questions; ++i) {
    if (!cursor.skip_name() || !cursor.skip(4)) return std::nullopt;
  }
  std::optional<Duration> shortest;
  for (std::uint32_t i = 0; i < *answers; ++i) {
    if (!cursor.skip_name() || !cursor.skip(4)) break;
    const auto ttl = cursor.number(4);
    const auto length = cursor.number(2);
    if (!ttl || !length || !cursor.skip(*length)) break;
    const Duration span = std::chrono::seconds(*ttl & 0x7fffffffU);  // RFC 2181 8
    shortest = shortest ? std::min(*shortest, span) : span;
  }
  return shortest;
}

}  // namespace herald::sip
