#include "herald/config_value.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace herald::detail {
namespace {

constexpr std::size_t kMaxSecretFile = 64 * 1024;

tl::unexpected<std::string> wrong(std::string text) { return tl::unexpected(std::move(text)); }

// The scalar of a node as written; an error names what was expected instead.
ConfigRead<std::string_view> scalar(const ConfigNode& node, std::string_view expected) {
  if (node.kind != ConfigNode::Kind::scalar) return wrong("must be " + std::string(expected));
  return std::string_view(node.scalar);
}

template <class N>
bool whole(std::string_view text, N& out) {
  const auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && next == text.data() + text.size();
}

// "250ms" -> 250, "ms"
template <class N>
std::string_view number_and_unit(std::string_view text, N& out) {
  const auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc()) return {};
  return text.substr(static_cast<std::size_t>(next - text.data()));
}

struct TimeUnit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr std::array<TimeUnit, 7> kTimeUnits{{{"d", 86'400'000'000'000},
                                              {"h", 3'600'000'000'000},
                                              {"m", 60'000'000'000},
                                              {"s", 1'000'000'000},
                                              {"ms", 1'000'000},
                                              {"us", 1'000},
                                              {"ns", 1}}};

struct SizeUnit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array<SizeUnit, 4> kSizeUnits{{{"GiB", 1ULL << 30U}, {"MiB", 1ULL << 20U}, {"KiB", 1ULL << 10U}, {"B", 1}}};

struct RateUnit {
  std::string_view name;
  double seconds;
};
constexpr std::array<RateUnit, 3> kRateUnits{{{"/s", 1}, {"/m", 60}, {"/h", 3600}}};

ConfigRead<Secret> secret_of_file(const ConfigNode& node) {
  std::filesystem::path path(node.scalar);
  if (path.is_relative()) path = std::filesystem::path(node.mark.file).parent_path() / path;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return wrong("file " + path.string() + " cannot be read");
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxSecretFile + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (!in && !in.eof())) return wrong("file " + path.string() + " cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxSecretFile) return wrong("file " + path.string() + " is over 64KiB");
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return wrong("file " + path.string() + " is empty");
  return Secret{std::move(text)};
}

}  // namespace

ConfigRead<std::string> read_text(const ConfigNode& node) {
  const auto text = scalar(node, "text");
  if (!text) return wrong(text.error());
  for (const char c : *text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return wrong("must not hold control characters");
  }
  return std::string(*text);
}

ConfigRead<bool> read_bool(const ConfigNode& node) {
  if (node.kind == ConfigNode::Kind::scalar && !node.quoted) {
    if (node.scalar == "true") return true;
    if (node.scalar == "false") return false;
  }
  return wrong("must be true or false");
}

ConfigRead<std::int64_t> read_integer(const ConfigNode& node, std::int64_t min, std::int64_t max) {
  const auto text = scalar(node, "a whole number");
  if (!text) return wrong(text.error());
  std::int64_t value = 0;
  if (node.quoted || !whole(*text, value)) return wrong("must be a whole number");
  if (value < min || value > max) return wrong("must be from " + std::to_string(min) + " to " + std::to_string(max));
  return value;
}

ConfigRead<std::uint64_t> read_unsigned(const ConfigNode& node, std::uint64_t max) {
  const auto text = scalar(node, "a whole number");
  if (!text) return wrong(text.error());
  std::uint64_t value = 0;
  if (node.quoted || !whole(*text, value)) return wrong("must be a whole number, 0 or more");
  if (value > max) return wrong("must be at most " + std::to_string(max));
  return value;
}

ConfigRead<double> read_number(const ConfigNode& node) {
  const auto text = scalar(node, "a number");
  if (!text) return wrong(text.error());
  double value = 0;
  if (node.quoted || !whole(*text, value) || !std::isfinite(value)) return wrong("must be a number");
  return value;
}

ConfigRead<Duration> read_duration(const ConfigNode& node) {
  constexpr std::string_view kExpected = "a time such as 500ms, 2s, 10m or 1h";
  const auto text = scalar(node, kExpected);
  if (!text) return wrong(text.error());
  if (*text == "0") return Duration::zero();
  std::int64_t count = 0;
  const auto unit = number_and_unit(*text, count);
  for (const auto& known : kTimeUnits) {
    if (unit != known.name) continue;
    if (count < 0) return wrong("must not be negative");
    if (count > std::numeric_limits<std::int64_t>::max() / known.nanoseconds) return wrong("is too long");
    return Duration(count * known.nanoseconds);
  }
  return wrong("must be " + std::string(kExpected));
}

ConfigRead<ByteSize> read_size(const ConfigNode& node) {
  constexpr std::string_view kExpected = "a size such as 1300, 64KiB or 2MiB";
  const auto text = scalar(node, kExpected);
  if (!text) return wrong(text.error());
  std::uint64_t count = 0;
  if (whole(*text, count)) return ByteSize{count};
  const auto unit = number_and_unit(*text, count);
  for (const auto& known : kSizeUnits) {
    if (unit != known.name) continue;
    if (count > std::numeric_limits<std::uint64_t>::max() / known.bytes) return wrong("is too large");
    return ByteSize{count * known.bytes};
  }
  return wrong("must be " + std::string(kExpected));
}

ConfigRead<Rate> read_rate(const ConfigNode& node) {
  constexpr std::string_view kExpected = "a rate such as 100/s, 10/m or 5/h";
  const auto text = scalar(node, kExpected);
  if (!text) return wrong(text.error());
  double count = 0;
  const auto unit = number_and_unit(*text, count);
  for (const auto& known : kRateUnits) {
    if (unit != known.name) continue;
    if (!std::isfinite(count) || count < 0) return wrong("must not be negative");
    return Rate{count / known.seconds};
  }
  return wrong("must be " + std::string(kExpected));
}

ConfigRead<Secret> read_secret(const ConfigNode& node) {
  constexpr std::string_view kExpected = "must be text, {file: PATH} or {env: NAME}";
  if (node.kind == ConfigNode::Kind::scalar) {
    return read_text(node).map([](std::string text) { return Secret{std::move(text)}; });
  }
  if (node.kind != ConfigNode::Kind::map || node.entries.size() != 1 ||
      node.entries.front().value.kind != ConfigNode::Kind::scalar) {
    return wrong(std::string(kExpected));
  }
  const auto& [key, mark, value] = node.entries.front();
  if (key == "file") return secret_of_file(value);
  if (key != "env") return wrong(std::string(kExpected));
  const char* const text = std::getenv(value.scalar.c_str());
  if (text == nullptr || *text == '\0') return wrong("environment variable " + value.scalar + " is not set");
  return Secret{text};
}

std::string write_text(std::string_view text) {
  constexpr std::string_view kPlain = "-._/@+:;=%~";
  bool plain = !text.empty() && text.front() != '-' && text.front() != '%' && text.front() != '@' && text.front() != '=' &&
               text.front() != '~' && text.front() != ':' && text.back() != ':' && text != "true" && text != "false" &&
               text != "null" && text.find(": ") == std::string_view::npos;
  bool digits = true;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    digits = digits && (digit || c == '.');
    plain = plain && (digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kPlain.find(c) != std::string_view::npos);
  }
  if (plain && !digits) return std::string(text);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += "\\x";
      out += kHex[static_cast<unsigned char>(c) >> 4U];
      out += kHex[static_cast<unsigned char>(c) & 15U];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string write_number(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  std::string out(text.data(), end);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

std::string write_duration(Duration value) {
  if (value == Duration::zero()) return "0s";
  for (const auto& unit : kTimeUnits) {
    if (value.count() % unit.nanoseconds == 0) return std::to_string(value.count() / unit.nanoseconds) + std::string(unit.name);
  }
  return {};
}

std::string write_size(ByteSize value) {
  for (const auto& unit : kSizeUnits) {
    if (value.bytes != 0 && unit.bytes > 1 && value.bytes % unit.bytes == 0) {
      return std::to_string(value.bytes / unit.bytes) + std::string(unit.name);
    }
  }
  return std::to_string(value.bytes);
}

std::string write_rate(Rate value) {
  const RateUnit* unit = &kRateUnits.front();
  for (const auto& candidate : kRateUnits) {
    const auto count = value.per_second * candidate.seconds;
    if (std::abs(count - std::round(count)) < 1e-9 * std::max(1.0, count)) {
      unit = &candidate;
      break;
    }
  }
  const auto count = value.per_second * unit->seconds;
  if (std::abs(count) < 1e15 && std::abs(count - std::round(count)) < 1e-9 * std::max(1.0, count)) {
    return std::to_string(std::llround(count)) + std::string(unit->name);
  }
  return write_number(count) + std::string(unit->name);
}

}  // namespace herald::detail
