#include "text/bounded_xml.h"

namespace herald::push::xml {
namespace {

// pugixml parses without recursion, but counts nothing for us.
struct TreeLimits final : pugi::xml_tree_walker {
  explicit TreeLimits(const Limits& most) : limits(most) {}
  bool for_each(pugi::xml_node& node) override {
    ++nodes;
    ok = ok && depth() < limits.depth && nodes <= limits.nodes;
    for (const auto& attribute : node.attributes()) ok = ok && std::string_view(attribute.value()).size() <= limits.text;
    return ok;
  }
  const Limits& limits;
  std::size_t nodes = 0;
  bool ok = true;
};

}  // namespace

Expected<void> load(pugi::xml_document& document, std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytes) return fail(ErrorCode::invalid, "larger than " + std::to_string(limits.bytes / 1024) + " KiB");
  // No DOCTYPE: without one there are no entities to expand beyond the five of XML.
  if (text.find("<!DOCTYPE") != std::string_view::npos || text.find("<!ENTITY") != std::string_view::npos) {
    return fail(ErrorCode::invalid, "has a DOCTYPE");
  }
  const auto parsed = document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) return fail(ErrorCode::invalid, "not well-formed: " + std::string(parsed.description()));
  TreeLimits walker(limits);
  document.traverse(walker);
  if (!walker.ok) return fail(ErrorCode::invalid, "too deep, too many elements or an overlong attribute");
  return {};
}

std::string_view namespace_of(const pugi::xml_node& element) {
  const std::string_view name = element.name();
  const auto colon = name.find(':');
  const std::string wanted = colon == std::string_view::npos ? "xmlns" : "xmlns:" + std::string(name.substr(0, colon));
  for (auto node = element; node; node = node.parent()) {
    if (const auto attribute = node.attribute(wanted.c_str())) return attribute.value();
  }
  return {};
}

std::string_view local_name(const pugi::xml_node& element) {
  const std::string_view name = element.name();
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool is(const pugi::xml_node& node, std::string_view space, std::string_view name) {
  return node.type() == pugi::node_element && local_name(node) == name && namespace_of(node) == space;
}

pugi::xml_node child(const pugi::xml_node& parent, std::string_view space, std::string_view name) {
  for (const auto& node : parent.children()) {
    if (is(node, space, name)) return node;
  }
  return {};
}

std::string text_of(const pugi::xml_node& element) {
  const std::string_view text = element.text().get();
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

}  // namespace herald::push::xml
