// HTTP/1.1 to the daemon over its unix socket: blocking, one connection a request, everything bounded.
// Thread: one.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "herald/expected.h"

namespace herald::ctl {

struct DaemonAnswer {
  int status = 0;
  std::string content_type;
  std::string body;
  [[nodiscard]] bool ok() const noexcept { return status >= 200 && status < 300; }
};

struct DaemonCall {
  std::string method = "GET";
  std::string target{};
  std::string body{};
  std::string content_type = "application/json";
};

class DaemonClient {
 public:
  DaemonClient(std::string socket_path, std::chrono::milliseconds timeout) : path_(std::move(socket_path)), timeout_(timeout) {}
  // Errors: unavailable (nobody there), timeout, corrupt (the answer is not HTTP, or too large).
  [[nodiscard]] Expected<DaemonAnswer> call(const DaemonCall& call) const;

 private:
  std::string path_;
  std::chrono::milliseconds timeout_;
};

// The whole answer as it came over the wire; `corrupt` when it is cut off or nonsense.
[[nodiscard]] Expected<DaemonAnswer> parse_answer(std::string_view bytes);

// For path segments and query values.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace herald::ctl
