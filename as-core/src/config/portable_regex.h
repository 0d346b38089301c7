// Regular expressions of service profiles: POSIX extended, as an S-CSCF reads them, in linear time (RE2). SPF-32
// Thread: immutable; share freely.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "herald/expected.h"

namespace re2 {
class RE2;
}

namespace herald {

class PortableRegex {
 public:
  enum class Case { sensitive, insensitive };
  // Error{invalid} says why it does not compile.
  static Expected<PortableRegex> compile(std::string_view pattern, Case letters = Case::sensitive);

  [[nodiscard]] bool found_in(std::string_view text) const;
  [[nodiscard]] bool matches_whole(std::string_view text) const;

 private:
  explicit PortableRegex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

// Why some S-CSCF would read the expression differently than we do; nothing when all agree. `anchors`: whether ^ and $ may stand
// in it (not where one core matches a host and another a whole URI).
[[nodiscard]] std::string portability_problem(std::string_view pattern, bool anchors);

// `text` as a pattern that matches just that text.
[[nodiscard]] std::string regex_of_literal(std::string_view text);

}  // namespace herald
