#include "herald/config.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "herald/config_schema.h"

namespace herald {

const ConfigNode* ConfigNode::find(std::string_view key) const noexcept {
  const auto at = std::find_if(entries.begin(), entries.end(), [key](const Entry& entry) { return entry.key == key; });
  return at == entries.end() ? nullptr : &at->value;
}

std::string ConfigIssue::line() const {
  auto out = mark.file;
  if (mark.line > 0) out += ':' + std::to_string(mark.line) + ':' + std::to_string(mark.column);
  out += out.empty() ? "" : ": ";
  if (warning) out += "warning: ";
  if (!key.empty()) out += key + ": ";
  return out + text;
}

void ConfigIssues::error(ConfigMark mark, std::string key, std::string text) {
  issues_.push_back({std::move(mark), std::move(key), std::move(text), false});
  ++errors_;
}
void ConfigIssues::warning(ConfigMark mark, std::string key, std::string text) {
  issues_.push_back({std::move(mark), std::move(key), std::move(text), true});
}
void ConfigIssues::error(const ConfigNode& where, std::string key, std::string text) {
  error(where.mark, std::move(key), std::move(text));
}
void ConfigIssues::warning(const ConfigNode& where, std::string key, std::string text) {
  warning(where.mark, std::move(key), std::move(text));
}

// Follows "peers[2].tls" as far as the file goes.
const ConfigNode& ConfigScope::at(std::string_view key) const noexcept {
  const ConfigNode* node = &node_;
  while (!key.empty()) {
    if (key.front() == '.') {
      key.remove_prefix(1);
      continue;
    }
    const ConfigNode* next = nullptr;
    if (key.front() == '[') {
      std::size_t index = 0;
      const auto close = key.find(']');
      if (close == std::string_view::npos) break;
      std::from_chars(key.data() + 1, key.data() + close, index);
      if (index < node->items.size()) next = &node->items[index];
      key.remove_prefix(close + 1);
    } else {
      const auto end = std::min(key.find_first_of(".["), key.size());
      next = node->find(key.substr(0, end));
      key.remove_prefix(end);
    }
    if (next == nullptr) break;
    node = next;
  }
  return *node;
}
std::string ConfigScope::full(std::string_view key) const { return key.empty() ? path_ : detail::join_path(path_, key); }
void ConfigScope::error(std::string_view key, std::string text) const { issues_.error(at(key), full(key), std::move(text)); }
void ConfigScope::warning(std::string_view key, std::string text) const { issues_.warning(at(key), full(key), std::move(text)); }

bool same_config(const ConfigNode& a, const ConfigNode& b) {
  if (a.kind != b.kind || a.scalar != b.scalar || a.quoted != b.quoted || a.items.size() != b.items.size() ||
      a.entries.size() != b.entries.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!same_config(a.items[i], b.items[i])) return false;
  }
  return std::all_of(a.entries.begin(), a.entries.end(), [&b](const ConfigNode::Entry& entry) {
    const auto* other = b.find(entry.key);
    return other != nullptr && same_config(entry.value, *other);
  });
}

namespace {

// Edits between two words: insert, delete, replace, swap neighbours. Words of a configuration are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last[b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongestWord = 64;
  if (word.size() > kLongestWord) return {};
  const std::string* best = nullptr;
  auto least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    if (const auto d = distance(word, candidate); d < least) {
      least = d;
      best = &candidate;
    }
  }
  return best != nullptr ? "; did you mean \"" + *best + "\"?" : std::string();
}

namespace detail {

std::string join_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + '.' + std::string(key);
}
std::string item_path(const std::string& path, std::size_t index) { return path + '[' + std::to_string(index) + ']'; }

bool check_section(const ConfigNode& node, const std::string& path, const std::vector<std::string>& known, ConfigIssues& issues) {
  if (node.kind == ConfigNode::Kind::null) return true;
  if (node.kind != ConfigNode::Kind::map) {
    issues.error(node, path, "must be a section of \"key: value\"");
    return false;
  }
  for (const auto& entry : node.entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    issues.error(entry.mark, join_path(path, entry.key), "unknown key" + did_you_mean(entry.key, known));
  }
  return true;
}

bool check_list(const ConfigNode& node, const std::string& path, std::size_t min, std::size_t max, ConfigIssues& issues) {
  if (node.kind != ConfigNode::Kind::list) {
    issues.error(node, path, "must be a list");
    return false;
  }
  if (node.items.size() < min) {
    issues.error(node, path, "needs at least " + std::to_string(min) + (min == 1 ? " item" : " items"));
    return false;
  }
  if (node.items.size() > max) {
    issues.error(node, path, "has more than " + std::to_string(max) + " items");
    return false;
  }
  return true;
}

}  // namespace detail
}  // namespace herald
