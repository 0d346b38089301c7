#include "config/portable_regex.h"

#include <algorithm>
#include <re2/re2.h>

namespace herald {
namespace {

constexpr std::size_t kMaxPattern = 200;  // one core stops at 255 bytes
constexpr std::int64_t kMaxMemory = 1 << 20;

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

bool is_quantifier(char c) { return c == '*' || c == '+' || c == '?' || c == '{'; }

// The offset behind "{m}", "{m,}" or "{m,n}" at `from`; npos when it is none, or goes past 255.
std::size_t end_of_bounds(std::string_view pattern, std::size_t from) {
  const auto close = pattern.find('}', from);
  if (close == std::string_view::npos || close == from + 1) return std::string_view::npos;
  unsigned number = 0;
  bool digits = false;
  bool comma = false;
  for (std::size_t i = from + 1; i < close; ++i) {
    const char c = pattern[i];
    if (c == ',' && digits && !comma) {
      comma = true;
      number = 0;
    } else if (c >= '0' && c <= '9') {
      digits = true;
      number = number * 10 + static_cast<unsigned>(c - '0');
      if (number > 255) return std::string_view::npos;
    } else {
      return std::string_view::npos;
    }
  }
  return close + 1;
}

// The offset behind the bracket expression at `from`; npos when it does not end.
std::size_t end_of_bracket(std::string_view pattern, std::size_t from) {
  auto i = from + 1;
  if (i < pattern.size() && pattern[i] == '^') ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;
  while (i < pattern.size() && pattern[i] != ']') {
    if (pattern[i] == '[' && i + 1 < pattern.size() && pattern[i + 1] == ':') {
      const auto close = pattern.find(":]", i + 2);
      if (close == std::string_view::npos) return close;
      i = close + 2;
    } else {
      ++i;
    }
  }
  return i < pattern.size() ? i + 1 : std::string_view::npos;
}

}  // namespace

Expected<PortableRegex> PortableRegex::compile(std::string_view pattern, Case letters) {
  re2::RE2::Options options;
  options.set_posix_syntax(true);
  options.set_one_line(true);
  options.set_never_capture(true);
  options.set_encoding(re2::RE2::Options::EncodingLatin1);  // header values are octets
  options.set_case_sensitive(letters == Case::sensitive);
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemory);
  auto compiled = std::make_shared<const re2::RE2>(piece(pattern), options);
  if (!compiled->ok()) return fail(ErrorCode::invalid, compiled->error());
  return PortableRegex(std::move(compiled));
}

bool PortableRegex::found_in(std::string_view text) const { return re2::RE2::PartialMatch(piece(text), *compiled_); }
bool PortableRegex::matches_whole(std::string_view text) const { return re2::RE2::FullMatch(piece(text), *compiled_); }

std::string portability_problem(std::string_view pattern, bool anchors) {
  if (pattern.empty()) return "is empty";
  if (pattern.size() > kMaxPattern) return "is over 200 bytes";
  bool can_repeat = false;   // something stands before
  bool alternative = false;  // the current alternative holds something
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      return "holds a character that is not printable ASCII";
    if (c == '\\') return "uses a backslash; write [.] for a dot and [0-9] for a digit";
    if (is_quantifier(c)) {
      if (!can_repeat) return std::string("has nothing before '") + c + "' to repeat";
      if (c == '{') {
        const auto end = end_of_bounds(pattern, i);
        if (end == std::string_view::npos) return "has a bad repetition {m,n}; at most 255";
        i = end - 1;
      }
      can_repeat = false;
    } else if (c == '[') {
      const auto end = end_of_bracket(pattern, i);
      if (end == std::string_view::npos) return "has a '[' without ']'";
      i = end - 1;
      can_repeat = alternative = true;
    } else if (c == '(') {
      can_repeat = alternative = false;
    } else if (c == ')' || c == '|') {
      if (!alternative) return "has an empty alternative";
      can_repeat = c == ')';
      alternative = c == ')';
    } else if (c == '^' || c == '$') {
      if (!anchors) return std::string("uses '") + c + "' where cores match different parts of the text";
      can_repeat = false;
      alternative = true;
    } else {
      can_repeat = alternative = true;
    }
  }
  return alternative ? "" : "has an empty alternative";
}

std::string regex_of_literal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view(".*+?{}()|[]$").find(c) != std::string_view::npos) {
      out += '[';
      out += c;
      out += ']';
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace herald
