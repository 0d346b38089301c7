// What people read: aligned columns, and nothing that could steer their terminal.
// Thread: one.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace herald::ctl {

using Json = nlohmann::ordered_json;

// Nothing when it is not JSON, or nested so deeply that printing it would exhaust the stack.
[[nodiscard]] std::optional<Json> parse_json(std::string_view text);

// Control characters become '?': a daemon (or what it quotes) must not be able to send escape sequences.
[[nodiscard]] std::string printable(std::string_view text);

// Any scalar as text; "" when the member is missing. Lists of scalars are joined with ','.
[[nodiscard]] std::string text_of(const Json& value);
[[nodiscard]] std::string text_of(const Json& object, const char* member);
// The member if it is an array, else an empty one.
[[nodiscard]] const Json& list_of(const Json& object, const char* member);
// Pretty JSON, safe for bytes that are not UTF-8.
[[nodiscard]] std::string dump(const Json& value);

class Table {
 public:
  explicit Table(std::vector<std::string> head) : head_(std::move(head)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  // Columns that are empty in every row are left out.
  void print(std::ostream& out) const;

 private:
  std::vector<std::string> head_;
  std::vector<std::vector<std::string>> rows_;
};

// "name  value" lines; empty values are left out.
void print_pairs(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace herald::ctl
