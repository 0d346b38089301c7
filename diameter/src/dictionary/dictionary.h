// The Diameter dictionary of Sh and Cx, defined in code because Debian's freeDiameter ships neither. TS 29.329, TS 29.229.
// Everything a peer may send is defined, also what we never use: an unknown AVP with the M bit is a trap of the library (FD-60).
// Thread: define() once, between fd_core_parseconf and fd_core_start; lookups afterwards from any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "herald/expected.h"

struct dict_object;

namespace herald::diameter {

inline constexpr std::uint32_t kVendorBase = 0;
inline constexpr std::uint32_t kVendor3gpp = 10415;
inline constexpr std::uint32_t kVendorEtsi = 13019;
inline constexpr std::uint32_t kApplicationCx = 16777216;
inline constexpr std::uint32_t kApplicationSh = 16777217;

enum class AvpType : std::uint8_t {
  octets,
  utf8,
  identity,
  uri,
  address,
  time,
  integer32,  // Enumerated
  unsigned32,
  unsigned64,
  grouped,
};

struct AvpRow {
  std::uint32_t code;
  std::uint32_t vendor;
  std::string_view name;  // unique inside a vendor: hence Cx-User-Data and Sh-User-Data (FD-20)
  AvpType type;
  bool mandatory;  // the M bit we send; either setting is accepted (SH-05)
};

struct CommandRow {
  std::uint32_t code;
  std::uint32_t application;
  std::string_view request;
  std::string_view answer;
  // AVPs without which a request is answered 5005 by the library, besides Session-Id, Origin-Host and Origin-Realm.
  std::vector<std::uint32_t> required_3gpp;
};

// The tables define() works from.
[[nodiscard]] const std::vector<AvpRow>& avp_table();
[[nodiscard]] const std::vector<CommandRow>& command_table();

// Vendors, applications, AVPs, commands 300-309 and their rules. Calling it again does nothing.
[[nodiscard]] Expected<> define_dictionary();

// Announces an application in CER/CEA as Vendor-Specific-Application-Id{10415, auth}. FD-23
[[nodiscard]] Expected<> advertise(std::uint32_t application);

// Null when there is no such object.
[[nodiscard]] dict_object* find_avp(std::uint32_t code, std::uint32_t vendor = kVendorBase) noexcept;
[[nodiscard]] dict_object* find_request(std::uint32_t command) noexcept;
[[nodiscard]] dict_object* find_answer(std::uint32_t command) noexcept;
[[nodiscard]] dict_object* find_application(std::uint32_t application) noexcept;

// An errno value of the library as text: "fd_dict_new: Invalid argument (22)".
[[nodiscard]] Error library_error(std::string_view where, int code);

}  // namespace herald::diameter
