// XML from outside: no DTD, no entities beyond XML's five, bounded in size, depth, elements and text, before any rule looks at
// it. Thread: values.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "herald/expected.h"

namespace herald::push::xml {

struct Limits {
  std::size_t bytes = std::size_t{64} * 1024;
  int depth = 12;
  std::size_t nodes = 4096;
  std::size_t text = 256;  // of an attribute
};

// Error{invalid} says what is wrong with it.
[[nodiscard]] Expected<void> load(pugi::xml_document& document, std::string_view text, const Limits& limits);
// Namespace of an element: the nearest xmlns of its prefix; empty: none.
[[nodiscard]] std::string_view namespace_of(const pugi::xml_node& element);
[[nodiscard]] std::string_view local_name(const pugi::xml_node& element);
[[nodiscard]] bool is(const pugi::xml_node& node, std::string_view space, std::string_view name);
// The first child element of that name; an empty node: none.
[[nodiscard]] pugi::xml_node child(const pugi::xml_node& parent, std::string_view space, std::string_view name);
// Text without white space around it.
[[nodiscard]] std::string text_of(const pugi::xml_node& element);

}  // namespace herald::push::xml
