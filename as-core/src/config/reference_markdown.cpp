#include "config/doc_tree.h"
#include "config/service_profile_loader.h"

namespace herald {
namespace {

std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string code(const std::string& text) { return text.empty() || text == "\"\"" ? "" : '`' + cell(text) + '`'; }

void table_row(const ConfigKeyDoc& row, std::string& out) {
  auto help = cell(row.help);
  if (row.required) help += help.empty() ? "required" : "; required";
  if (row.needs_restart) help += help.empty() ? "restart" : "; restart";
  out += "| `" + row.path + "` | " + cell(row.type) + " | " + code(row.default_text) + " | " + cell(row.range) + " | " + help +
         " |\n";
}

void table_head(std::string& out) { out += "| Key | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n"; }

void table(const DocNode& node, const std::string& prefix, std::string& out) {
  auto row = node.row;
  row.path = prefix + node.key;
  table_row(row, out);
  const auto inner = row.path + (node.is_list() ? "[]." : ".");
  for (const auto& child : node.children) table(child, inner, out);
}

}  // namespace

std::string reference_markdown(const std::vector<ModuleDocumentation>& modules) {
  std::string out =
      "# Configuration reference\n\n"
      "Generated from the program's own tables (`heraldd --print-reference`); do not edit.\n\n"
      "Times are written `500ms`, `2s`, `10m`, `1h`; sizes `1300` or `64KiB`; rates `100/s`, `10/m`; secrets as text, `{file: "
      "PATH}`\n"
      "(relative to the configuration file) or `{env: NAME}`. A key without a value counts as absent. Unknown keys are errors.\n"
      "\"restart\" marks what a reload cannot change; `heraldctl config diff` names such keys.\n\n"
      "## herald.yaml\n";
  for (const auto& node : node_doc_tree(modules)) {
    out += "\n### " + node.key + "\n\n";
    table_head(out);
    table(node, "", out);
  }
  out += "\n## Service profiles (services/*.yaml)\n\n";
  table_head(out);
  for (const auto& row : service_profile_documentation()) table_row(row, out);
  out +=
      "\nConditions of `when`: `{method: M}`, `{request_uri: REGEX}`, `{header: {name: N, value: REGEX}}`, `{session_case: "
      "CASE}`,\n"
      "`{sdp: {line: L, value: REGEX}}`, `{registration_type: initial | re | de}` beside `method: REGISTER`, `{all: […]}`, "
      "`{any: […]}`,\n"
      "`{not: …}`; a list of values means any of them. Regular expressions are POSIX extended without backslashes.\n";
  return out;
}

}  // namespace herald
