#include "dictionary/embed.h"

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <netinet/in.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dictionary/dictionary.h"
#include "dictionary/library.h"

namespace herald::diameter {

namespace {

std::atomic<LibraryLogSink> g_sink{nullptr};  // the library's callback takes no context

void on_log_line(int level, const char* format, va_list arguments) noexcept {
  const auto sink = g_sink.load();
  if (sink == nullptr || format == nullptr) return;
  std::array<char, 1024> line;  // longer lines are dumps; their beginning says enough
  const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
  if (length <= 0) return;
  const auto size = std::min(static_cast<std::size_t>(length), line.size() - 1);
  sink(level, std::string_view(line.data(), size));
}

}  // namespace

MemoryFile::MemoryFile(const std::string& text) noexcept : fd_(memfd_create("diameter", MFD_CLOEXEC)) {
  std::size_t done = 0;
  while (fd_ >= 0 && done < text.size()) {
    const auto n = write(fd_, text.data() + done, text.size() - done);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
    } else {
      close(fd_);
      fd_ = -1;
    }
  }
}

MemoryFile::~MemoryFile() {
  if (fd_ >= 0) close(fd_);
}

Expected<> parse_configuration(const std::string& text) {
  const MemoryFile file(text);
  if (!file.ok()) return fail(library_error("memfd_create", errno));
  if (const int rc = fd_core_parseconf(file.path().c_str()); rc != 0) {
    auto error = library_error("fd_core_parseconf", rc);
    error.code = ErrorCode::invalid;
    return fail(std::move(error));
  }
  return {};
}

Expected<> add_endpoint(const std::string& numeric_address) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  sockaddr* address = nullptr;
  socklen_t length = 0;
  if (inet_pton(AF_INET, numeric_address.c_str(), &v4.sin_addr) == 1) {
    address = reinterpret_cast<sockaddr*>(&v4);
    length = sizeof v4;
  } else if (inet_pton(AF_INET6, numeric_address.c_str(), &v6.sin6_addr) == 1) {
    address = reinterpret_cast<sockaddr*>(&v6);
    length = sizeof v6;
  } else {
    return fail(ErrorCode::invalid, "not a numeric address: " + numeric_address);
  }
  if (const int rc = fd_ep_add_merge(&fd_g_config->cnf_endpoints, address, length, EP_FL_CONF | EP_ACCEPTALL); rc != 0)
    return fail(library_error("fd_ep_add_merge", rc));
  return {};
}

Expected<> install_log(LibraryLogSink sink) {
  g_sink = sink;
  if (const int rc = fd_log_handler_register(&on_log_line); rc != 0) return fail(library_error("fd_log_handler_register", rc));
  return {};
}

}  // namespace herald::diameter
