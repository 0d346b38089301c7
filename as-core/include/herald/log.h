// Structured logs. One line an event; fields are key=value. Bodies and credentials never go in.
// Thread: any. Lines are queued to the log thread; when its queue is full the oldest are dropped and counted.
//
//   log::info("push accepted", {{"trace", trace}, {"push", id}});
//   log::event(log_catalog::kHssTooBusy, {{"peer", peer}});      // numbered operator event: message, cause, effect, action
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace herald::log {

enum class Level { debug, info, warn, error };

struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  template <class N>
    requires std::is_arithmetic_v<N>
  Field(std::string_view k, N v) : key(k), value(std::to_string(v)) {}
};
using Fields = std::initializer_list<Field>;

[[nodiscard]] bool enabled(Level level) noexcept;
void write(Level level, std::string_view message, Fields fields = {}) noexcept;

inline void debug(std::string_view message, Fields fields = {}) noexcept {
  if (enabled(Level::debug)) write(Level::debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) noexcept {
  if (enabled(Level::info)) write(Level::info, message, fields);
}
inline void warn(std::string_view message, Fields fields = {}) noexcept { write(Level::warn, message, fields); }
inline void error(std::string_view message, Fields fields = {}) noexcept { write(Level::error, message, fields); }

// An event an operator may have to act upon. `number` is stable ("SH0103"); the catalogues list them all.
struct OperatorEvent {
  std::string_view number;
  Level level;
  std::string_view message;
  std::string_view cause;
  std::string_view effect;
  std::string_view action;
};
void event(const OperatorEvent& what, Fields fields = {}) noexcept;

// An identity as it may appear in a log: hashed unless the node's configuration says privacy is off.
[[nodiscard]] std::string identity(std::string_view uri);

}  // namespace herald::log
