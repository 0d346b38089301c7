// Typed configuration: a plain struct with defaults, and one schema table beside it. The schema parses, validates, documents:
// the sample file, the reference and schema.json are generated from it. Unknown keys are errors with a "did you mean".
// Thread: values; a parsed configuration is immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace herald {

struct ConfigMark {
  std::string file;
  int line = 0;  // 1-based
  int column = 0;
};

// A YAML document as a plain tree; made by config/, so that no module sees the YAML library.
struct ConfigNode {
  enum class Kind { null, scalar, list, map };
  struct Entry;
  Kind kind = Kind::null;
  ConfigMark mark;
  std::string scalar;
  bool quoted = false;
  std::vector<ConfigNode> items;
  std::vector<Entry> entries;  // in file order
  [[nodiscard]] const ConfigNode* find(std::string_view key) const noexcept;
};
struct ConfigNode::Entry {
  std::string key;
  ConfigMark mark;
  ConfigNode value;
};

struct ConfigIssue {
  ConfigMark mark;
  std::string key;   // dotted path, "sip.listen[1]"
  std::string text;  // what is wrong, with "did you mean" where one is near
  bool warning = false;
  [[nodiscard]] std::string line() const;  // file:line:column: key: text
};

// Collects everything that is wrong, not just the first.
class ConfigIssues {
 public:
  void error(const ConfigNode& where, std::string key, std::string text);
  void warning(const ConfigNode& where, std::string key, std::string text);
  void error(ConfigMark mark, std::string key, std::string text);
  void warning(ConfigMark mark, std::string key, std::string text);
  [[nodiscard]] bool ok() const noexcept { return errors_ == 0; }
  [[nodiscard]] std::size_t error_count() const noexcept { return errors_; }
  [[nodiscard]] const std::vector<ConfigIssue>& all() const noexcept { return issues_; }

 private:
  std::vector<ConfigIssue> issues_;
  std::size_t errors_ = 0;
};

// One row of the generated documentation.
struct ConfigKeyDoc {
  std::string path;  // "modules.push.config.pager_max_bytes", "initiators[].name"
  std::string type;
  std::string default_text;
  std::string range;
  std::string help;
  bool required = false;
  bool needs_restart = false;
  bool secret = false;
  std::string sample = {};  // YAML text for the sample file; none: shown as a comment with the default
  bool in_sample = true;    // of a section
};

}  // namespace herald
