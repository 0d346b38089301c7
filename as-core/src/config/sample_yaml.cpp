#include <algorithm>

#include "config/doc_tree.h"

namespace herald {
namespace {

constexpr std::size_t kWidth = 120;

// Is there a value to show below?
bool is_set(const DocNode& node) {
  if (!node.row.in_sample) return false;
  return !node.row.sample.empty() || std::any_of(node.children.begin(), node.children.end(), is_set);
}

// `known`: the section has said already that changes need a restart.
std::string remark(const ConfigKeyDoc& row, bool known) {
  auto out = row.help;
  const auto note = [&out](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  if (!row.range.empty()) note(row.range);
  if (row.required) note("required");
  if (!row.sample.empty() && !row.default_text.empty() && row.default_text != "\"\"" && row.default_text != row.sample) {
    note("default " + row.default_text);
  }
  if (row.needs_restart && !known) note("a change needs a restart");
  return out;
}

class Writer {
 public:
  void node(const DocNode& node, std::size_t indent, bool commented, bool first_of_item = false, bool restart_known = false) {
    commented = commented || !is_set(node);
    if (const auto words = remark(node.row, restart_known); !words.empty()) comment(words, indent);
    auto value = node.row.sample.empty() ? node.row.default_text : node.row.sample;
    if (!node.is_section() || !node.row.sample.empty()) {
      line(node.key + ':' + (value.empty() ? "" : ' ' + value), indent, commented, first_of_item);
      return;
    }
    line(node.key + ':', indent, commented, first_of_item);
    bool first = node.is_list();
    for (const auto& child : node.children) {
      this->node(child, indent + (node.is_list() ? 4 : 2), commented, first, restart_known || node.row.needs_restart);
      first = false;
    }
  }

  std::string text;

 private:
  void comment(const std::string& words, std::size_t indent) {
    auto rest = words;
    while (!rest.empty()) {
      auto end = rest.size();
      if (indent + 2 + end > kWidth) {
        end = rest.rfind(' ', kWidth - indent - 2);
        if (end == std::string::npos) end = rest.size();
      }
      text += std::string(indent, ' ') + "# " + rest.substr(0, end) + '\n';
      rest.erase(0, std::min(end + 1, rest.size()));
    }
  }
  // The dash of a list item stands before its first key.
  void line(const std::string& words, std::size_t indent, bool commented, bool dash) {
    if (commented) {
      text += std::string(indent, ' ') + "#" + (dash ? "- " : "") + words + '\n';
    } else if (dash) {
      text += std::string(indent - 2, ' ') + "- " + words + '\n';
    } else {
      text += std::string(indent, ' ') + words + '\n';
    }
  }
};

}  // namespace

std::string sample_yaml(const std::vector<ModuleDocumentation>& modules) {
  Writer writer;
  writer.text =
      "# Configuration of heraldd. Generated from the program's own tables: heraldd --print-sample\n"
      "# Times are written 500ms, 2s, 10m, 1h; sizes 64KiB; secrets as text, {file: PATH} or {env: NAME}.\n"
      "# Keys behind # are shown with their defaults. Unknown keys are errors. All keys: reference.md\n";
  for (const auto& node : node_doc_tree(modules)) {
    writer.text += '\n';
    writer.node(node, 0, false);
  }
  return writer.text;
}

}  // namespace herald
