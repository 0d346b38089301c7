// The file of charging records: whole lines only, rotated by size and age, the last ones kept. What a crash or a full disk left
// without its end is cut off when the file is opened.
// Thread: the CDR writer's.
#pragma once

#include <string>
#include <string_view>

#include "herald/clock.h"
#include "herald/expected.h"
#include "push_config.h"

namespace herald::push {

class CdrFile {
 public:
  explicit CdrFile(const Clock& clock) : clock_(clock) {}
  ~CdrFile() { close(); }
  CdrFile(const CdrFile&) = delete;
  CdrFile& operator=(const CdrFile&) = delete;

  // Another path or other rules; also after a reload that changed nothing: the file is opened anew.
  void configure(CdrConfig config);
  // All of it or nothing. Opens, reopens (when somebody moved the file away) and rotates as needed.
  Expected<void> write(std::string_view lines);
  // Age alone: for times without traffic.
  void rotate_if_old();
  void close() noexcept;

 private:
  Expected<void> open();
  [[nodiscard]] bool moved_away() const;
  Expected<void> rotate();
  void remove_oldest() const;

  const Clock& clock_;
  CdrConfig config_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  WallTime born_{};
};

}  // namespace herald::push
