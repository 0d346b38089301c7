#include "sip/tls_directory.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace herald::sip {
namespace {

Expected<std::string> read_pem(const std::string& path, const char* what) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::invalid, std::string("sip.tls.") + what + ": cannot read " + path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.find("-----BEGIN ") == std::string::npos) {
    return fail(ErrorCode::invalid, std::string("sip.tls.") + what + ": no PEM in " + path);
  }
  if (text.back() != '\n') text += '\n';
  return text;
}

}  // namespace

Expected<TlsDirectory> TlsDirectory::make(const TlsFiles& files) {
  auto certificate = read_pem(files.certificate, "certificate");
  if (!certificate) return fail(certificate.error());
  auto key = read_pem(files.key, "key");
  if (!key) return fail(key.error());
  TlsDirectory out;
  std::array<char, 32> pattern{"/tmp/herald-tls-XXXXXX"};
  if (!::mkdtemp(pattern.data())) return fail(ErrorCode::internal, "mkdtemp: " + std::string(std::strerror(errno)));  // NOLINT
  out.path_ = pattern.data();
  if (auto added = out.add("agent.pem", *certificate + *key); !added) return fail(added.error());
  if (!files.ca.empty()) {
    auto ca = read_pem(files.ca, "ca");
    if (!ca) return fail(ca.error());
    if (auto added = out.add("cafile.pem", *ca); !added) return fail(added.error());
  }
  return out;
}

Expected<void> TlsDirectory::add(const char* name, const std::string& content) {
  const int fd = ::memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return fail(ErrorCode::internal, "memfd_create failed");
  descriptors_.push_back(fd);
  if (::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    return fail(ErrorCode::internal, "cannot write to a memfd");
  }
  auto link = path_ + "/" + name;
  if (::symlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), link.c_str()) != 0) {
    return fail(ErrorCode::internal, "cannot link " + link);
  }
  links_.push_back(std::move(link));
  return {};
}

TlsDirectory::TlsDirectory(TlsDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      descriptors_(std::exchange(other.descriptors_, {})),
      links_(std::exchange(other.links_, {})) {}

TlsDirectory& TlsDirectory::operator=(TlsDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptors_, other.descriptors_);
  std::swap(links_, other.links_);
  return *this;
}

TlsDirectory::~TlsDirectory() {
  for (const auto& link : links_) ::unlink(link.c_str());
  if (!path_.empty()) ::rmdir(path_.c_str());
  for (const int fd : descriptors_) ::close(fd);
}

}  // namespace herald::sip
