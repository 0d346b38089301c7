// Sofia takes its certificates from a directory with fixed file names. This makes one for the moment of start-up; the key itself
// stays in memory.
// Thread: any.
#pragma once

#include <string>
#include <vector>

#include "herald/expected.h"
#include "sip/sip_stack.h"

namespace herald::sip {

class TlsDirectory {
 public:
  TlsDirectory() = default;
  ~TlsDirectory();
  TlsDirectory(TlsDirectory&& other) noexcept;
  TlsDirectory& operator=(TlsDirectory&& other) noexcept;
  TlsDirectory(const TlsDirectory&) = delete;
  TlsDirectory& operator=(const TlsDirectory&) = delete;

  // Error{invalid} when a file cannot be read or is no PEM.
  static Expected<TlsDirectory> make(const TlsFiles& files);
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  Expected<void> add(const char* name, const std::string& content);
  std::string path_;
  std::vector<int> descriptors_;
  std::vector<std::string> links_;
};

}  // namespace herald::sip
