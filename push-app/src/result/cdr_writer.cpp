#include "result/cdr_writer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "result/cdr_catalog.h"

namespace herald::push {
namespace {

// How long a file that does not take lines is left alone, and how often an idle one is looked at for its age.
constexpr std::chrono::seconds kPause{1};
constexpr std::chrono::seconds kIdleLook{10};
constexpr std::size_t kOneWrite = 1 << 20;

}  // namespace

CdrWriter::CdrWriter(CdrConfig PushConfig::*section, std::string_view counter)
    : section_(section),
      written_(metrics::counter(counter, "Records written to a file of their own", {{"result", "written"}})),
      dropped_(metrics::counter(counter, "Records written to a file of their own", {{"result", "dropped"}})) {}

CdrWriter::~CdrWriter() { close(); }

void CdrWriter::close() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool CdrWriter::write(const std::shared_ptr<const PushConfig>& config, std::string line, const Clock& clock) {
  bool first_dropped = false;
  bool taken = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    if (waiting_ >= ((*config).*section_).queue) {
      dropped_.add();
      first_dropped = !std::exchange(dropping_, true);
    } else {
      taken = true;
      dropping_ = false;
      config_ = config;
      lines_ += line;
      ++waiting_;
      if (!thread_.joinable()) thread_ = std::thread([this, &clock] { run(clock); });
    }
  }
  if (first_dropped) log::event(catalog::kCdrDropped, {{"queue", ((*config).*section_).queue}});
  work_.notify_one();
  return taken;
}

void CdrWriter::flush() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return (waiting_ == 0 && !writing_) || blocked_; });
}

void CdrWriter::run(const Clock& clock) {
  CdrFile file(clock);
  std::shared_ptr<const PushConfig> config;
  std::string batch;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (batch.empty()) {
      work_.wait_for(lock, kIdleLook, [this] { return stopping_ || !lines_.empty(); });
    } else {
      work_.wait_for(lock, kPause, [this] { return stopping_; });
    }
    const bool last = stopping_;
    if (batch.empty()) batch = std::exchange(lines_, {});
    const auto wanted = config_;
    writing_ = true;
    lock.unlock();
    if (wanted && wanted != config) {
      config = wanted;
      file.configure((*config).*section_);
    }
    std::string_view rest = batch;
    std::size_t lines = 0;
    Expected<void> wrote;
    while (!rest.empty() && wrote) {
      auto end = std::min(rest.size(), kOneWrite);
      if (end < rest.size()) end = rest.rfind('\n', end) + 1;
      if (end == 0) end = rest.find('\n') + 1;  // one line that long
      wrote = file.write(rest.substr(0, end));
      if (!wrote) break;
      lines += static_cast<std::size_t>(std::count(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      rest.remove_prefix(end);
    }
    if (batch.empty()) file.rotate_if_old();
    batch.erase(0, batch.size() - rest.size());
    written_.add(static_cast<double>(lines));
    lock.lock();
    writing_ = false;
    waiting_ -= lines;
    const bool newly_blocked = !wrote && !std::exchange(blocked_, !wrote);
    if (wrote) blocked_ = false;
    idle_.notify_all();
    if (newly_blocked) {
      lock.unlock();
      log::event(catalog::kCdrFile, {{"cause", wrote.error().text}});
      lock.lock();
    }
    if (last && (lines_.empty() || !wrote)) {
      const auto lost = waiting_;
      if (lost > 0) dropped_.add(static_cast<double>(lost));
      return;
    }
  }
}

}  // namespace herald::push
