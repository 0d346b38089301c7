// Character classes of RFC 3261 25.1, and the few text helpers every parser and writer here needs. Private to as-core/src.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace herald::chars {

enum Class : std::uint8_t {
  kToken = 1,     // token
  kUser = 2,      // unreserved and user-unreserved, and '#', which telephones send unescaped
  kPassword = 4,  // unreserved and & = + $ ,
  kHost = 8,      // hostname, and '_', which laboratories like
  kValue = 16,    // a parameter value outside quotes: no separator of a header or a name-addr, no white space, no control
  kUriText = 32,  // what may stand in a URI at all
};

constexpr std::array<std::uint8_t, 256> make_table() {
  std::array<std::uint8_t, 256> table{};
  const auto mark = [&table](std::string_view set, std::uint8_t bits) {
    for (const char c : set) table[static_cast<unsigned char>(c)] |= bits;
  };
  mark("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", kToken | kUser | kPassword | kHost);
  mark("-.!%*_+`'~", kToken);
  mark("-_.!~*'()&=+$,;?/#", kUser);
  mark("-_.!~*'()&=+$,", kPassword);
  mark("-._", kHost);
  for (unsigned c = 0x21; c < 256; ++c) {
    if (c == 0x7f) continue;
    table[c] |= kValue | kUriText;
  }
  for (const char c : std::string_view(";,<>\"")) table[static_cast<unsigned char>(c)] &= static_cast<std::uint8_t>(~kValue);
  for (const char c : std::string_view("<>\"")) table[static_cast<unsigned char>(c)] &= static_cast<std::uint8_t>(~kUriText);
  return table;
}
inline constexpr std::array<std::uint8_t, 256> kTable = make_table();

constexpr bool is(char c, Class wanted) noexcept { return (kTable[static_cast<unsigned char>(c)] & wanted) != 0; }
constexpr bool all(std::string_view text, Class wanted) noexcept {
  for (const char c : text) {
    if (!is(c, wanted)) return false;
  }
  return true;
}
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}
constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

constexpr bool same(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

constexpr std::string_view trim(std::string_view text) noexcept {
  const auto blank = [](char c) { return is_space(c) || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

inline std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

// A line break inside a value would begin a header of somebody else's choosing.
inline void append_line_text(std::string& out, std::string_view text) {
  std::size_t plain = 0;
  while (plain < text.size() && (!is_control(text[plain]) || text[plain] == '\t')) ++plain;
  out += text.substr(0, plain);
  for (const char c : text.substr(plain)) out += is_control(c) && c != '\t' ? ' ' : c;
}

// The offset behind the quoted string that begins at `from`; npos when it does not end.
constexpr std::size_t end_of_quoted(std::string_view text, std::size_t from) noexcept {
  for (std::size_t i = from + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace herald::chars
