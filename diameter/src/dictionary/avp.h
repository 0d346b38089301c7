// Building and reading AVPs without the library's ceremony. Builders return false when the library refuses (out of memory or
// an AVP the dictionary lacks); readers never trust a value to be present (D3: it may be unparsed).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct avp;
struct msg;

namespace herald::diameter {

// A message or a grouped AVP as a parent of AVPs: the library takes both as void*.
class AvpParent {
 public:
  AvpParent(msg* message) noexcept : raw_(message) {}  // NOLINT(google-explicit-constructor): either kind of parent
  AvpParent(avp* group) noexcept : raw_(group) {}      // NOLINT(google-explicit-constructor)
  [[nodiscard]] void* raw() const noexcept { return raw_; }

 private:
  void* raw_;
};

// Appends at the end (or as first child: Session-Id). The value is copied.
[[nodiscard]] bool add_text(AvpParent parent, std::uint32_t code, std::uint32_t vendor, std::string_view value,
                            bool first = false);
[[nodiscard]] bool add_u32(AvpParent parent, std::uint32_t code, std::uint32_t vendor, std::uint32_t value);
[[nodiscard]] bool add_i32(AvpParent parent, std::uint32_t code, std::uint32_t vendor, std::int32_t value);  // Enumerated
// Null when refused. Fill it after adding.
[[nodiscard]] avp* add_group(AvpParent parent, std::uint32_t code, std::uint32_t vendor);

// Vendor-Specific-Application-Id{10415, auth} and Auth-Session-State NO_STATE_MAINTAINED. SH-01
[[nodiscard]] bool add_application(AvpParent parent, std::uint32_t application);
// Experimental-Result{10415, code}
[[nodiscard]] bool add_experimental_result(AvpParent parent, std::uint32_t code);

// The first such AVP directly below the parent; null when absent.
[[nodiscard]] avp* find_child(AvpParent parent, std::uint32_t code, std::uint32_t vendor = 0) noexcept;
// The next AVP beside it with the same code and vendor; null when there is none.
[[nodiscard]] avp* next_same(avp* item) noexcept;
// Views live as long as the message. Nothing when absent, unparsed or of another type.
[[nodiscard]] std::optional<std::string_view> text_of(avp* item) noexcept;
[[nodiscard]] std::optional<std::uint32_t> u32_of(avp* item) noexcept;  // Unsigned32 and Enumerated

}  // namespace herald::diameter
