#include "sip/sofia_log.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <sofia-sip/su_log.h>
#include <string_view>

#include "herald/log.h"

extern "C" {
// Log streams of the library's modules, exported by it.
extern su_log_t nta_log[];
extern su_log_t tport_log[];
}

namespace herald::sip {
namespace {

extern "C" void sofia_line(void*, char const* format, va_list arguments) {
  if (!log::enabled(log::Level::debug)) return;
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  std::string_view line(text.data());
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
  // Identities could stand in a URI; Sofia's lines carry them only from level 5 on, which stays off.
  if (!line.empty()) log::debug("sofia", {{"text", line}});
}

}  // namespace

void redirect_sofia_log() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (auto* stream : {su_log_default, su_log_global, nta_log, tport_log}) {
      su_log_redirect(stream, sofia_line, nullptr);
      su_log_set_level(stream, 3);
    }
  });
}

}  // namespace herald::sip
