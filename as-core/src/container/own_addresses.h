// Which URIs mean this node: bound addresses and the names the operator gave.
// Thread: immutable after build().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "herald/sip_uri.h"
#include "sip/sip_stack.h"

namespace herald::container {

class OwnAddresses {
 public:
  void build(const std::vector<sip::ListenAddress>& listening, const std::vector<std::string>& hosts,
             const std::string& node_name);
  [[nodiscard]] bool contains(const SipUri& uri) const;

 private:
  struct Host {
    std::string name;                   // lower case, without brackets; empty: any, we listen on the wildcard address
    std::optional<std::uint16_t> port;  // none: any
  };
  std::vector<Host> hosts_;
};

}  // namespace herald::container
