#include "hss/journal.h"

#include <chrono>
#include <cstdio>
#include <mutex>

namespace herald::lab {

void journal(nlohmann::ordered_json line) {
  static std::mutex mutex;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  line["t"] = static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) / 1000.0;
  // Identities come from the wire: octets that are not UTF-8 must not throw.
  const auto text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
  const std::lock_guard lock(mutex);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace herald::lab
