#include <nlohmann/json.hpp>

#include "config/doc_tree.h"

namespace herald {
namespace {

using Json = nlohmann::ordered_json;

Json words(const std::string& range) {
  Json out = Json::array();
  std::size_t from = 0;
  while (from <= range.size()) {
    const auto end = std::min(range.find(" | ", from), range.size());
    out.push_back(range.substr(from, end - from));
    from = end + 3;
  }
  return out;
}

Json one_of_type(const std::string& type, const std::string& range) {
  if (type == "true or false") return {{"type", "boolean"}};
  if (type == "whole number") return {{"type", "integer"}};
  if (type == "number") return {{"type", "number"}};
  if (type == "time") return {{"type", "string"}, {"pattern", "^(0|[0-9]+(ns|us|ms|s|m|h|d))$"}};
  if (type == "size") return {{"type", Json::array({"integer", "string"})}, {"pattern", "^[0-9]+(B|KiB|MiB|GiB)?$"}};
  if (type == "rate") return {{"type", "string"}, {"pattern", "^[0-9.]+/(s|m|h)$"}};
  if (type == "choice") return {{"enum", words(range)}};
  if (type == "secret") {
    Json source = {{"type", "object"}, {"minProperties", 1}, {"maxProperties", 1}, {"additionalProperties", false}};
    source["properties"] = {{"file", {{"type", "string"}}}, {"env", {{"type", "string"}}}};
    return {{"anyOf", Json::array({Json{{"type", "string"}}, source})}};
  }
  return {{"type", "string"}};
}

Json schema_of(const DocNode& node);

Json section_of(const std::vector<DocNode>& children) {
  Json out = {{"type", "object"}};
  if (children.empty()) return out;
  out["additionalProperties"] = false;
  Json properties = Json::object();
  Json required = Json::array();
  for (const auto& child : children) {
    properties[child.key] = schema_of(child);
    if (child.row.required) required.push_back(child.key);
  }
  out["properties"] = std::move(properties);
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

Json schema_of(const DocNode& node) {
  constexpr std::string_view kListOf = "list of ";
  const auto& type = node.row.type;
  Json value;
  if (node.is_list()) {
    value = {{"type", "array"}, {"items", section_of(node.children)}};
  } else if (type == "named sections") {
    value = section_of(node.children);
    value["additionalProperties"] = {{"type", "object"}};
  } else if (node.is_section()) {
    value = section_of(node.children);
  } else if (type.starts_with(kListOf)) {
    value = {{"type", "array"}, {"items", one_of_type(type.substr(kListOf.size()), node.row.range)}};
  } else {
    value = one_of_type(type, node.row.range);
  }
  // A key without a value counts as absent.
  Json out = {{"anyOf", Json::array({value, Json{{"type", "null"}}})}};
  if (node.row.required) out = std::move(value);
  if (!node.row.help.empty()) out["description"] = node.row.help;
  return out;
}

}  // namespace

std::string json_schema(const std::vector<ModuleDocumentation>& modules) {
  Json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "Configuration of heraldd"}};
  out.update(section_of(node_doc_tree(modules)));
  return out.dump(1) + '\n';
}

}  // namespace herald
