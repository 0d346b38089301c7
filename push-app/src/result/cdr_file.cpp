#include "result/cdr_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace herald::push {
namespace {

Unexpected failed(std::string_view what, const std::string& path) {
  return fail(ErrorCode::unavailable, std::string(what) + " " + path + ": " + std::strerror(errno));
}

// Up to the last line break; 0 when there is none.
Expected<std::uint64_t> whole_lines(int fd, std::uint64_t size, const std::string& path) {
  std::array<char, 65536> block{};
  while (size > 0) {
    const auto length = std::min<std::uint64_t>(size, block.size());
    const auto got = ::pread(fd, block.data(), length, static_cast<off_t>(size - length));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return failed("cannot read", path);
    for (auto i = static_cast<std::size_t>(got); i-- > 0;) {
      if (block.at(i) == '\n') return size - length + i + 1;
    }
    size -= length;
  }
  return 0;
}

// When the file was made, as far as the file system knows.
WallTime birth_of(int fd, WallTime now) {
  struct statx about {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &about) != 0 || (about.stx_mask & STATX_BTIME) == 0) return now;
  return std::min(now, WallTime(std::chrono::seconds(about.stx_btime.tv_sec)));
}

// "20261123T200000.123Z": sorts by time.
std::string stamp(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto since = static_cast<std::time_t>(seconds.time_since_epoch().count());
  std::tm utc{};
  ::gmtime_r(&since, &utc);
  std::array<char, 32> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%S", &utc);
  auto millis = std::to_string((time - seconds).count());
  millis.insert(0, 3 - std::min<std::size_t>(3, millis.size()), '0');
  return std::string(text.data(), length) + "." + millis + "Z";
}

}  // namespace

void CdrFile::configure(CdrConfig config) {
  close();
  config_ = std::move(config);
}

void CdrFile::close() noexcept {
  if (fd_ < 0) return;
  ::fdatasync(fd_);
  ::close(fd_);
  fd_ = -1;
}

Expected<void> CdrFile::open() {
  fd_ = ::open(config_.path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd_ < 0) return failed("cannot open", config_.path);
  struct stat about {};
  if (::fstat(fd_, &about) != 0 || !S_ISREG(about.st_mode)) {
    close();
    return fail(ErrorCode::unavailable, config_.path + " is no regular file");
  }
  size_ = static_cast<std::uint64_t>(about.st_size);
  const auto whole = whole_lines(fd_, size_, config_.path);
  if (!whole || (*whole != size_ && ::ftruncate(fd_, static_cast<off_t>(*whole)) != 0)) {
    close();
    return whole ? failed("cannot cut", config_.path) : fail(whole.error());
  }
  size_ = *whole;
  born_ = size_ == 0 ? clock_.wall() : birth_of(fd_, clock_.wall());
  return {};
}

bool CdrFile::moved_away() const {
  struct stat ours {
  }, there{};
  if (::fstat(fd_, &ours) != 0 || ::stat(config_.path.c_str(), &there) != 0) return true;
  return ours.st_ino != there.st_ino || ours.st_dev != there.st_dev;
}

Expected<void> CdrFile::write(std::string_view lines) {
  if (fd_ >= 0 && moved_away()) close();
  if (fd_ < 0) {
    if (auto opened = open(); !opened) return opened;
  }
  const bool old = clock_.wall() - born_ >= config_.rotate_after;
  if (size_ > 0 && (old || size_ + lines.size() > config_.rotate_bytes)) {
    if (auto rotated = rotate(); !rotated) return rotated;
  }
  std::size_t done = 0;
  while (done < lines.size()) {
    const auto wrote = ::write(fd_, lines.data() + done, lines.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      auto why = failed("cannot write", config_.path);
      // A full disk may have taken a part: nothing of it stays.
      if (done > 0 && ::ftruncate(fd_, static_cast<off_t>(size_)) != 0) close();
      return why;
    }
    done += static_cast<std::size_t>(wrote);
  }
  size_ += lines.size();
  return {};
}

void CdrFile::rotate_if_old() {
  if (fd_ < 0 || size_ == 0 || moved_away() || clock_.wall() - born_ < config_.rotate_after) return;
  static_cast<void>(rotate());
}

Expected<void> CdrFile::rotate() {
  auto name = config_.path + "." + stamp(clock_.wall());
  for (int number = 1; ::access(name.c_str(), F_OK) == 0 && number < 1000; ++number) {
    name = config_.path + "." + stamp(clock_.wall()) + "-" + std::to_string(1000 + number).substr(1);
  }
  if (::rename(config_.path.c_str(), name.c_str()) != 0) return failed("cannot rename", config_.path);
  close();
  remove_oldest();
  return open();
}

void CdrFile::remove_oldest() const {
  namespace fs = std::filesystem;
  const fs::path path(config_.path);
  const auto prefix = path.filename().string() + ".2";  // of a year: nobody else's file
  std::vector<fs::path> closed;
  std::error_code ignored;
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->path().filename().string().starts_with(prefix)) closed.push_back(entry->path());
    if (ignored) break;
  }
  std::sort(closed.begin(), closed.end());
  for (std::size_t i = 0; i + config_.keep < closed.size(); ++i) fs::remove(closed[i], ignored);
}

}  // namespace herald::push
