// One process per database file. A lock of its own beside the database: SQLite's locks come and go with transactions, and a
// flock() on the database itself would not meet them.
// Thread: any.
#pragma once

#include <string>

#include "herald/expected.h"

namespace herald::store {

class FileLock {
 public:
  // Holds `path` (created if need be) until destroyed. Error{conflict} names the process that holds it.
  static Expected<FileLock> take(const std::string& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) noexcept : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace herald::store
