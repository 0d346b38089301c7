// How the process logs; called once by main() and by tests that look at lines.
// Thread: main thread, before the shards start; set_level() from any.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "herald/log.h"

namespace herald::log {

enum class Format { json, text };

struct Options {
  Level level = Level::info;
  Format format = Format::json;
  bool privacy = true;       // identities are hashed
  std::string node;          // added to every line
  std::size_t queue = 8192;  // lines; when full the oldest go, and are counted
};

// Lines go to stderr from a thread of their own.
void start(const Options& options);
// Writes what is queued and ends the thread.
void stop() noexcept;
void set_level(Level level) noexcept;

// For tests: lines go to `sink` on the calling thread instead. An empty function ends it.
void capture(std::function<void(std::string_view line)> sink);

}  // namespace herald::log
