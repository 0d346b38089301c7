// Documentation rows as the tree their paths describe. Private to config/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/generated_documents.h"
#include "herald/config.h"

namespace herald {

struct DocNode {
  std::string key;
  ConfigKeyDoc row;
  std::vector<DocNode> children;  // of a list of sections: the keys of one item

  [[nodiscard]] bool is_list() const { return row.type == "list of sections"; }
  [[nodiscard]] bool is_section() const { return !children.empty() || row.type.find("section") != std::string::npos; }
};

// Rows must stand behind the row of their section.
[[nodiscard]] std::vector<DocNode> doc_tree(const std::vector<ConfigKeyDoc>& rows);

// The node's keys with every module in the place of `modules.<name>`.
[[nodiscard]] std::vector<DocNode> node_doc_tree(const std::vector<ModuleDocumentation>& modules);

}  // namespace herald
