#include <array>
#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <sys/random.h>

#include "herald/record.h"

namespace herald {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford base 32
constexpr std::size_t kTimeDigits = 10;                                   // 48 bits
constexpr std::size_t kRandomDigits = 16;                                 // 80 bits

// From the operating system, a page at a time: a system call for every id would cost more than the id.
class RandomPool {
 public:
  unsigned char next() {
    if (used_ == pool_.size()) refill();
    return pool_.at(used_++);
  }

 private:
  void refill() {
    std::size_t have = 0;
    while (have < pool_.size()) {
      const auto got = getrandom(pool_.data() + have, pool_.size() - have, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) throw std::runtime_error("no random numbers from the operating system");
      have += static_cast<std::size_t>(got);
    }
    used_ = 0;
  }
  std::array<unsigned char, 1024> pool_{};
  std::size_t used_ = pool_.size();
};

}  // namespace

std::string make_id(WallTime now) {
  thread_local RandomPool random;
  std::string id(kTimeDigits + kRandomDigits, '0');
  auto left = static_cast<std::uint64_t>(now.time_since_epoch().count()) & 0xffff'ffff'ffffULL;
  for (std::size_t i = kTimeDigits; i-- > 0; left >>= 5) id[i] = kDigits[left & 31];
  for (std::size_t i = kTimeDigits; i < id.size(); ++i) id[i] = kDigits[random.next() & 31];
  return id;
}

}  // namespace herald
