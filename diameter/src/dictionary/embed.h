// What every process that embeds freeDiameter needs before fd_core_start: configuration from memory, and its own log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "herald/expected.h"

namespace herald::diameter {

// A text as a file without a place in the file system, for as long as the object lives.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& text) noexcept;
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] bool ok() const noexcept { return fd_ >= 0; }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

// fd_core_parseconf on a text: the library only takes a file name, so the text goes through a memfd. After
// fd_core_initialize; extensions named in it are loaded.
[[nodiscard]] Expected<> parse_configuration(const std::string& text);

// Binds the listening socket to this numeric address. The library ignores loopback in ListenOn and then listens on all
// interfaces; and it refuses to start on a host that has only loopback (FD-10). Call between parse_configuration and
// fd_core_start, also when not listening.
[[nodiscard]] Expected<> add_endpoint(const std::string& numeric_address);

// One line of the library's log; level as in libfdproto.h: 0 annoying, 1 debug, 3 notice, 5 error, 6 fatal.
// Called under a lock of the library: must not block nor call the library.
using LibraryLogSink = void (*)(int level, std::string_view line) noexcept;
// Once per process, before fd_core_initialize.
[[nodiscard]] Expected<> install_log(LibraryLogSink sink);

}  // namespace herald::diameter
