// TLS of outgoing connections: the chain must lead to a trust anchor and the certificate must name the host. TLS 1.2 and newer.
// Thread: the context is immutable once loaded; a session belongs to its connection.
#pragma once

#include <memory>
#include <string>

#include "herald/expected.h"

struct ssl_ctx_st;
struct ssl_st;

namespace herald::io {

class TlsClient {
 public:
  // Trust anchors from a PEM file, or those of the system when `ca_file` is empty.
  static Expected<std::shared_ptr<const TlsClient>> load(const std::string& ca_file);

  // A session that accepts only a certificate for `host` (a name, or an address when `literal`). The caller owns it; null: no
  // memory.
  [[nodiscard]] ssl_st* new_session(const std::string& host, bool literal) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const noexcept;
  };
  explicit TlsClient(ssl_ctx_st* context) : context_(context) {}
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

// Why the handshake failed: the verification's own words where it was that.
[[nodiscard]] std::string handshake_failure(ssl_st* ssl, unsigned long error);

}  // namespace herald::io
