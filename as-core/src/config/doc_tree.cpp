#include "config/doc_tree.h"

#include <algorithm>

#include "config/node_config.h"

namespace herald {

std::vector<DocNode> doc_tree(const std::vector<ConfigKeyDoc>& rows) {
  std::vector<DocNode> out;
  for (const auto& row : rows) {
    auto* level = &out;
    std::string_view rest = row.path;
    while (true) {
      const auto dot = rest.find('.');
      auto key = rest.substr(0, dot);
      if (key.ends_with("[]")) key.remove_suffix(2);
      if (dot == std::string_view::npos) {
        level->push_back({std::string(key), row, {}});
        break;
      }
      const auto parent = std::find_if(level->begin(), level->end(), [key](const DocNode& node) { return node.key == key; });
      if (parent == level->end()) {  // "<name>" has no row of its own
        level->push_back({std::string(key), {}, {}});
        level->back().row.type = "section";
        level = &level->back().children;
      } else {
        level = &parent->children;
      }
      rest.remove_prefix(dot + 1);
    }
  }
  return out;
}

std::vector<DocNode> node_doc_tree(const std::vector<ModuleDocumentation>& modules) {
  auto tree = doc_tree(node_schema().documentation());
  const auto place = std::find_if(tree.begin(), tree.end(), [](const DocNode& node) { return node.key == "modules"; });
  if (place == tree.end() || place->children.empty()) return tree;
  const auto any = place->children.front();
  for (const auto& module : modules) {
    auto node = any;
    node.key = module.name;
    node.row.help = "The module \"" + module.name + "\"";
    for (auto& child : node.children) {
      if (child.key == "path") child.row.sample = module.path;
      if (child.key == "config") child.children = doc_tree(module.rows);
    }
    place->children.push_back(std::move(node));
  }
  if (!modules.empty()) place->children.erase(place->children.begin());
  return tree;
}

}  // namespace herald
