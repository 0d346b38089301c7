#include "herald/log.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <mutex>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/log_setup.h"
#include "herald/clock.h"

namespace herald::log {

namespace {

struct State {
  std::mutex mutex;  // guards what start(), stop() and capture() replace
  Options options;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::logger> logger;
  std::function<void(std::string_view)> sink;
};
State& state() {
  static State the_state;
  return the_state;
}
std::atomic<Level> threshold{Level::info};
std::atomic<bool> hash_identities{true};

std::string_view name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "error";
}

void append_json(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {  // control characters, and bytes that may not be UTF-8
      out += "\\u00";
      out.push_back(kHex[byte >> 4U]);
      out.push_back(kHex[byte & 15U]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string timestamp() {
  const auto wall = system_clock().wall();
  const auto seconds = std::chrono::system_clock::to_time_t(wall);
  const auto millis = wall.time_since_epoch().count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(millis));
  return std::string(text.data(), length) + fraction.data();
}

// Text for people: control characters must not reach a terminal.
void append_text(std::string& out, std::string_view text) {
  for (const char c : text) out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
}

std::string render(const Options& options, Level level, std::string_view message, Fields fields, const OperatorEvent* event) {
  std::string line;
  line.reserve(256);
  if (options.format == Format::json) {
    const auto member = [&line](std::string_view key, std::string_view value) {
      line.push_back(line.empty() ? '{' : ',');
      append_json(line, key);
      line.push_back(':');
      append_json(line, value);
    };
    member("t", timestamp());
    member("level", name(level));
    if (!options.node.empty()) member("node", options.node);
    if (event) member("event", event->number);
    member("msg", message);
    for (const auto& field : fields) member(field.key, field.value);
    if (event) {
      if (!event->cause.empty()) member("cause", event->cause);
      if (!event->effect.empty()) member("effect", event->effect);
      if (!event->action.empty()) member("action", event->action);
    }
    line.push_back('}');
    return line;
  }
  line += timestamp();
  line.push_back(' ');
  line += name(level);
  line.push_back(' ');
  if (event) {
    line += event->number;
    line.push_back(' ');
  }
  append_text(line, message);
  for (const auto& field : fields) {
    line.push_back(' ');
    line += field.key;
    line.push_back('=');
    append_text(line, field.value);
  }
  if (event) {
    for (const auto& [key, value] : {std::pair{"cause", event->cause}, {"effect", event->effect}, {"action", event->action}}) {
      if (value.empty()) continue;
      line += "; ";
      line += key;
      line += ": ";
      append_text(line, value);
    }
  }
  return line;
}

void emit(Level level, std::string_view message, Fields fields, const OperatorEvent* event) noexcept {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  try {
    auto& s = state();
    std::shared_ptr<spdlog::logger> logger;
    {
      std::lock_guard lock(s.mutex);
      if (s.sink) {
        s.sink(render(s.options, level, message, fields, event));
        return;
      }
      logger = s.logger;
    }
    const auto line = render(s.options, level, message, fields, event);
    if (logger)
      logger->log(spdlog::level::info, line);
    else
      std::fprintf(stderr, "%s\n", line.c_str());
  } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory while logging; the caller must not notice
  }
}

}  // namespace

bool enabled(Level level) noexcept { return level >= threshold.load(std::memory_order_relaxed); }

void write(Level level, std::string_view message, Fields fields) noexcept { emit(level, message, fields, nullptr); }

void event(const OperatorEvent& what, Fields fields) noexcept { emit(what.level, what.message, fields, &what); }

std::string identity(std::string_view uri) {
  if (!hash_identities.load(std::memory_order_relaxed)) return std::string(uri);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  static const auto* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // SHA256() would look it up each time
  EVP_Digest(uri.data(), uri.size(), digest.data(), nullptr, sha256, nullptr);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text = "u:";
  for (std::size_t i = 0; i < 6; ++i) {
    text.push_back(kHex[digest[i] >> 4U]);
    text.push_back(kHex[digest[i] & 15U]);
  }
  return text;
}

void start(const Options& options) {
  auto& s = state();
  std::lock_guard lock(s.mutex);
  s.options = options;
  threshold = options.level;
  hash_identities = options.privacy;
  s.pool = std::make_shared<spdlog::details::thread_pool>(options.queue, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  s.logger = std::make_shared<spdlog::async_logger>("herald", sink, s.pool, spdlog::async_overflow_policy::overrun_oldest);
  s.logger->set_pattern("%v");
  s.logger->set_level(spdlog::level::trace);
  s.logger->flush_on(spdlog::level::info);
}

void stop() noexcept {
  auto& s = state();
  std::shared_ptr<spdlog::logger> logger;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  {
    std::lock_guard lock(s.mutex);
    logger.swap(s.logger);
    pool.swap(s.pool);
  }
  logger.reset();
  pool.reset();  // joins the thread after the last line
}

void set_level(Level level) noexcept { threshold = level; }

void capture(std::function<void(std::string_view)> sink) {
  auto& s = state();
  std::lock_guard lock(s.mutex);
  s.sink = std::move(sink);
}

}  // namespace herald::log
