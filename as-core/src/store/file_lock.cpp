#include "store/file_lock.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace herald::store {
namespace {

std::string system_text(int error) { return std::system_category().message(error); }

std::string holder(int descriptor) {
  std::array<char, 32> text{};
  const auto got = pread(descriptor, text.data(), text.size(), 0);
  std::string pid(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!pid.empty() && (pid.back() < '0' || pid.back() > '9')) pid.pop_back();
  return pid.empty() ? "another process" : "process " + pid;
}

}  // namespace

Expected<FileLock> FileLock::take(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail(ErrorCode::unavailable, "store: cannot open " + path + ": " + system_text(errno));
  FileLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail(ErrorCode::conflict, "store: " + path + " is held by " + holder(descriptor));
    return fail(ErrorCode::unavailable, "store: cannot lock " + path + ": " + system_text(errno));
  }
  // Only a hint for the message above, so a failed write does no harm.
  const auto pid = std::to_string(getpid()) + "\n";
  if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, pid.data(), pid.size(), 0) < 0) errno = 0;
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);  // releases the lock; the file stays, removing it would race with the next holder
}

}  // namespace herald::store
