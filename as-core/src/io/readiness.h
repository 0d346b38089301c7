// Named conditions that must hold, for /readyz and /livez.
// Thread: any.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace herald::io {

class Readiness {
 public:
  // The latest word on one condition: holds, or why it does not. Words such as "no S-CSCF reachable", without identities.
  void pass(std::string name);
  void fail(std::string name, std::string reason);
  // A condition that is looked up whenever somebody asks; nothing = it holds. Must not block, and is called on the I/O loop.
  void add(std::string name, std::function<std::optional<std::string>()> probe);

  struct Check {
    std::string name;
    std::optional<std::string> failure;
  };
  [[nodiscard]] std::vector<Check> checks() const;  // by name
  [[nodiscard]] bool ok() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::optional<std::string>> states_;
  std::map<std::string, std::function<std::optional<std::string>()>> probes_;
};

}  // namespace herald::io
