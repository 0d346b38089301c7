// Makes a received message safe for freeDiameter 1.2.1 before the library looks at it.
//
// The library aborts the process on an answer in which anything before Result-Code does not fit its dictionary (an unknown AVP
// with the M bit, a wrong length, a broken group, an unknown command), and forgets an answer without any callback when that
// happens after a 2xxx (D1, D2; FD-61). So what does not fit is set aside in the raw octets: the AVP gets a code nobody
// knows and loses its M bit, which the library skips. A body that is no list of AVPs at all becomes one such AVP.
// Requests keep their errors, which the library answers properly; only nesting without end is cut off.
//
// Thread: pure functions over the octets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace herald::diameter {

// What the library's dictionary says about an AVP, copied once at start.
struct AvpModel {
  std::uint8_t fixed_flags = 0;  // mask of the flags the library enforces
  std::uint8_t flags = 0;        // their values
  std::uint32_t size = 0;        // of the data; 0 = any
  bool grouped = false;
  struct Child {
    std::uint32_t code = 0;
    std::uint32_t vendor = 0;
    int min = 0;
    int max = -1;  // -1 = any number
    int head = 0;  // position at most, 0 = anywhere
  };
  std::vector<Child> children;  // rules of a group
};

class MessageModels {
 public:
  void add(std::uint32_t code, std::uint32_t vendor, AvpModel model);
  void add_command(std::uint32_t code) { commands_.insert(code); }
  [[nodiscard]] const AvpModel* find(std::uint32_t code, std::uint32_t vendor) const noexcept;
  [[nodiscard]] bool knows_command(std::uint32_t code) const noexcept { return commands_.contains(code); }
  [[nodiscard]] std::size_t size() const noexcept { return avps_.size(); }

 private:
  std::unordered_map<std::uint64_t, AvpModel> avps_;
  std::unordered_set<std::uint32_t> commands_;
};

struct GuardReport {
  bool answer = false;
  std::uint32_t command = 0;
  std::uint32_t application = 0;
  std::uint32_t end_to_end = 0;
  bool body_replaced = false;    // nothing of the body could be kept
  unsigned set_aside = 0;        // AVPs
  std::uint32_t first_code = 0;  // of those
  std::uint32_t first_vendor = 0;
  [[nodiscard]] bool touched() const noexcept { return body_replaced || set_aside > 0; }
};

// Nothing when there is no header in it.
std::optional<GuardReport> guard_message(std::span<std::uint8_t> message, const MessageModels& models);

// The code of an AVP that was set aside.
inline constexpr std::uint32_t kSetAsideCode = 0xfffffff0U;

}  // namespace herald::diameter
