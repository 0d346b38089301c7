#include "config/yaml_loader.h"

#include <array>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>
#include <vector>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace herald {
namespace {

constexpr std::size_t kMaxText = 1024 * 1024;
constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxAliases = 32;
constexpr std::size_t kMaxNodes = 100'000;

ConfigMark to_mark(const std::string& file, const YAML::Mark& mark) {
  return mark.is_null() ? ConfigMark{file, 0, 0} : ConfigMark{file, mark.line + 1, mark.column + 1};
}

// Leaves the YAML parser; caught in parse_yaml.
struct Refused {
  ConfigMark mark;
  std::string text;
};

std::size_t count_nodes(const ConfigNode& node) {
  std::size_t count = 1;
  for (const auto& item : node.items) count += count_nodes(item);
  for (const auto& entry : node.entries) count += count_nodes(entry.value);
  return count;
}

// Builds the tree from the parser's events: that is where marks of keys and quotes are still known, and where a limit stops
// the parser before it has done the work.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string file) : file_(std::move(file)) {}

  [[nodiscard]] ConfigNode take() { return std::move(root_); }
  // Where the last quoted text began.
  [[nodiscard]] const YAML::Mark& last_quoted() const noexcept { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(mark, "a key must be plain text");
    auto out = node(mark, ConfigNode::Kind::null);
    // The parser's mark is that of the next token, which may be lines below.
    if (!stack_.empty() && stack_.back().has_key) out.mark = stack_.back().node.entries.back().mark;
    put(std::move(out), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    if (expects_key()) {
      begin_entry(mark, value);
      return;
    }
    auto out = node(mark, ConfigNode::Kind::scalar);
    out.quoted = tag == "!";
    if (out.quoted) last_quoted_ = mark;
    if (!out.quoted && tag != "?" && !tag.empty()) refuse(mark, "tags are not used here");
    if (!out.quoted && (value == "~" || value == "null" || value.empty())) {
      out.kind = ConfigNode::Kind::null;
    } else {
      out.scalar = value;
    }
    put(std::move(out), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(mark, "a key must be plain text");
    if (++aliases_ > kMaxAliases) refuse(mark, "more than 32 aliases");
    const auto at = anchors_.find(anchor);
    if (at == anchors_.end()) refuse(mark, "an alias may not stand inside its own anchor");
    nodes_ += count_nodes(at->second);
    if (nodes_ > kMaxNodes) refuse(mark, "more than 100000 values");
    put(at->second, 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, ConfigNode::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, ConfigNode::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    ConfigNode node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;  // of a map: the next value belongs to the last entry
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, std::string text) const {
    throw Refused{to_mark(file_, mark), std::move(text)};
  }

  ConfigNode node(const YAML::Mark& mark, ConfigNode::Kind kind) {
    if (++nodes_ > kMaxNodes) refuse(mark, "more than 100000 values");
    ConfigNode out;
    out.kind = kind;
    out.mark = to_mark(file_, mark);
    return out;
  }

  [[nodiscard]] bool expects_key() const {
    return !stack_.empty() && stack_.back().node.kind == ConfigNode::Kind::map && !stack_.back().has_key;
  }

  void begin_entry(const YAML::Mark& mark, const std::string& key) {
    auto& map = stack_.back();
    for (const auto& entry : map.node.entries) {
      if (entry.key == key) refuse(mark, "key \"" + key + "\" appears twice, first in line " + std::to_string(entry.mark.line));
    }
    // Looking for duplicates is quadratic in the keys of one map.
    if (map.node.entries.size() == 1000) refuse(mark, "more than 1000 keys in one section");
    map.node.entries.push_back({key, to_mark(file_, mark), {}});
    map.has_key = true;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, ConfigNode::Kind kind) {
    if (expects_key()) refuse(mark, "a key must be plain text");
    if (tag != "?" && tag != "!" && !tag.empty()) refuse(mark, "tags are not used here");
    if (stack_.size() == kMaxDepth) refuse(mark, "nested deeper than 32 levels");
    stack_.push_back({node(mark, kind), anchor, false});
  }

  void close() {
    auto done = std::move(stack_.back());
    stack_.pop_back();
    put(std::move(done.node), done.anchor);
  }

  void put(ConfigNode value, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = value;
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    auto& parent = stack_.back();
    if (parent.node.kind == ConfigNode::Kind::list) {
      parent.node.items.push_back(std::move(value));
    } else {
      parent.node.entries.back().value = std::move(value);
      parent.has_key = false;
    }
  }

  std::string file_;
  ConfigNode root_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, ConfigNode> anchors_;
  YAML::Mark last_quoted_ = YAML::Mark::null_mark();
  std::size_t aliases_ = 0;
  std::size_t nodes_ = 0;
};

// The offset of the first byte that is not UTF-8 (RFC 3629) or is a control character YAML does not allow.
std::optional<std::size_t> first_bad_byte(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const auto c = byte(i);
    if (c < 0x80) {
      if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) return i;
      ++i;
      continue;
    }
    const std::size_t length = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0U) != 0x80) return i;
    }
    const auto second = byte(i + 1);
    if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second >= 0xa0) || (c == 0xf0 && second < 0x90) ||
        (c == 0xf4 && second >= 0x90)) {
      return i;
    }
    i += length;
  }
  return std::nullopt;
}

ConfigMark mark_of_offset(std::string_view text, const std::string& name, std::size_t offset) {
  ConfigMark mark{name, 1, 1};
  for (std::size_t i = 0; i < offset; ++i) {
    ++mark.column;
    if (text[i] == '\n') {
      ++mark.line;
      mark.column = 1;
    }
  }
  return mark;
}

// yaml-cpp takes the end of the file for a closing quote, and with it every key behind the opening one.
bool ends_inside_quotes(std::string_view text, const YAML::Mark& mark) {
  if (mark.is_null()) return false;
  const auto open = text.find_first_of("\"'", static_cast<std::size_t>(mark.pos));
  if (open == std::string_view::npos) return false;
  for (std::size_t i = open + 1; i < text.size(); ++i) {
    if (text[open] == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == text[open]) {
      if (text[open] != '\'' || i + 1 == text.size() || text[i + 1] != '\'') return false;
      ++i;
    }
  }
  return true;
}

}  // namespace

std::optional<ConfigNode> parse_yaml(std::string_view text, const std::string& name, ConfigIssues& issues) {
  if (text.size() > kMaxText) {
    issues.error(ConfigMark{name, 0, 0}, "", "is over 1 MiB");
    return std::nullopt;
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (const auto bad = first_bad_byte(text)) {
    issues.error(mark_of_offset(text, name, *bad), "", "is not UTF-8 text");
    return std::nullopt;
  }
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    TreeBuilder builder(name);
    ConfigNode root;
    root.mark = {name, 1, 1};
    if (parser.HandleNextDocument(builder)) root = builder.take();
    if (ends_inside_quotes(text, builder.last_quoted())) {
      issues.error(to_mark(name, builder.last_quoted()), "", "the quote is never closed");
      return std::nullopt;
    }
    if (root.mark.line == 0) root.mark = {name, 1, 1};
    TreeBuilder rest(name);
    if (parser.HandleNextDocument(rest)) {
      issues.error(ConfigMark{name, 0, 0}, "", "holds more than one YAML document");
      return std::nullopt;
    }
    return root;
  } catch (const Refused& refused) {
    issues.error(refused.mark, "", refused.text);
  } catch (const YAML::Exception& error) {
    issues.error(to_mark(name, error.mark), "", "is not YAML: " + error.msg);
  } catch (const std::exception& error) {
    issues.error(ConfigMark{name, 0, 0}, "", std::string("cannot be parsed: ") + error.what());
  }
  return std::nullopt;
}

Expected<std::string> read_text_file(const std::filesystem::path& path, std::size_t limit) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error || !std::filesystem::exists(status)) return fail(ErrorCode::not_found, "no such file");
  if (!std::filesystem::is_regular_file(status)) return fail(ErrorCode::invalid, "not a regular file");
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::unavailable, "cannot be opened");
  std::string text;
  std::array<char, 16384> chunk{};
  while (in.read(chunk.data(), chunk.size()) || in.gcount() > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > limit) return fail(ErrorCode::too_large, "is over " + std::to_string(limit) + " bytes");
  }
  if (in.bad()) return fail(ErrorCode::unavailable, "cannot be read");
  return text;
}

std::optional<ConfigNode> load_yaml(const std::filesystem::path& path, ConfigIssues& issues) {
  auto text = read_text_file(path, kMaxText);
  if (!text) {
    issues.error(ConfigMark{path.string(), 0, 0}, "", text.error().text);
    return std::nullopt;
  }
  return parse_yaml(*text, path.string(), issues);
}

}  // namespace herald
