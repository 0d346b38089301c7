#include "library_fixture.h"

#include <doctest/doctest.h>

#include "dictionary/dictionary.h"
#include "dictionary/embed.h"
//
#include "dictionary/library.h"

namespace herald::diameter::test {

namespace {
void quiet(int, std::string_view) noexcept {}

bool start() {
  return install_log(&quiet) && fd_core_initialize() == 0 &&
         parse_configuration(
             "Identity = \"as1.ims.lab\"; Realm = \"ims.lab\"; Port = 0; SecPort = 0;\n"
             "No_SCTP; No_IPv6; NoRelay;\n") &&
         define_dictionary() && define_dictionary();
}
}  // namespace

void library_ready() {
  static const bool ready = start();
  REQUIRE(ready);
}

std::string hex(const std::string& octets) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string text;
  for (const char c : octets) {
    text += kDigits[static_cast<unsigned char>(c) >> 4U];
    text += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return text;
}

std::string unhex(const std::string& text) {
  std::string octets;
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits += c;
  }
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) octets += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return octets;
}

}  // namespace herald::diameter::test

// The library loses a few octets of some mangled AVPs; our own leaks are still reported. Asked for by the leak sanitizer only.
extern "C" const char* __lsan_default_suppressions();  // NOLINT: the sanitizer's name
extern "C" const char* __lsan_default_suppressions() { return "leak:os0dup_int\n"; }
