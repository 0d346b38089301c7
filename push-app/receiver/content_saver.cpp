#include "content_saver.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace herald::receiver {
namespace {

constexpr std::size_t kMostWaiting = 10'000;

Unexpected broken(const std::string& what) { return fail(ErrorCode::unavailable, what + ": " + std::strerror(errno)); }

// A blob's file goes on behind its content: exactly `left` bytes are copied.
Expected<void> copy(int from, std::uint64_t left, std::ofstream& out) {
  std::array<char, 65536> piece{};
  while (left > 0) {
    const auto got = ::read(from, piece.data(), std::min<std::uint64_t>(piece.size(), left));
    if (got <= 0) return broken("read");
    if (!out.write(piece.data(), got)) return broken("write");
    left -= static_cast<std::uint64_t>(got);
  }
  return {};
}

}  // namespace

Expected<std::unique_ptr<FolderSaver>> FolderSaver::make(std::string folder, BlobStore& blobs) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorCode::unavailable, folder + ": " + error.message());
  return std::unique_ptr<FolderSaver>(new FolderSaver(std::move(folder), blobs));
}

FolderSaver::FolderSaver(std::string folder, BlobStore& blobs) : folder_(std::move(folder)), blobs_(blobs) {
  thread_ = std::thread([this] { run(); });
}

FolderSaver::~FolderSaver() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ready_.notify_one();
  thread_.join();
}

Future<std::string> FolderSaver::save(const PushContent& content) {
  Promise<std::string> done;
  auto future = done.future();
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= kMostWaiting) {
      done.set(fail(ErrorCode::busy, "too many contents wait for the disk"));
      return future;
    }
    jobs_.push_back(Job{content, std::move(done)});
  }
  ready_.notify_one();
  return future;
}

void FolderSaver::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job.done.set(write(job.content));
    lock.lock();
  }
}

Expected<std::string> FolderSaver::write(const PushContent& content) {
  const auto path = folder_ + "/" + std::to_string(++number_);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (!out) return broken(path);
  if (!content.blob) {
    if (!out.write(content.bytes.data(), static_cast<std::streamsize>(content.bytes.size()))) return broken(path);
    return path;
  }
  const auto opened = blobs_.open(content.blob->id);
  if (!opened) return fail(opened.error());
  const auto copied = copy(*opened, content.blob->size, out);
  ::close(*opened);
  if (!copied) return fail(copied.error());
  if (!out.flush()) return broken(path);
  return path;
}

}  // namespace herald::receiver
