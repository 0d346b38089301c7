#include <algorithm>

#include "herald/sip_servlet.h"

namespace herald {

void AttributeMap::set_any(std::string name, std::any value) {
  if (auto* known = find(name)) {
    *known = std::move(value);
  } else {
    values_.emplace_back(std::move(name), std::move(value));
  }
}

std::any* AttributeMap::find(std::string_view name) noexcept {
  const auto found = std::find_if(values_.begin(), values_.end(), [name](const auto& entry) { return entry.first == name; });
  return found == values_.end() ? nullptr : &found->second;
}

bool AttributeMap::remove(std::string_view name) {
  return std::erase_if(values_, [name](const auto& entry) { return entry.first == name; }) > 0;
}

}  // namespace herald
