// Certificates and rules of TLS for one listener. TLS 1.2 and newer only.
// Thread: immutable once loaded; share it freely.
#pragma once

#include <memory>
#include <string>

#include "herald/expected.h"

struct ssl_ctx_st;
struct ssl_st;

namespace herald::io {

struct TlsFiles {
  std::string certificate;  // PEM, with intermediates
  std::string key;          // PEM
  std::string ca;           // PEM: who may sign client certificates; empty: clients are not asked for one
  bool require_client_certificate = false;
};

class TlsContext {
 public:
  // Errors name the file.
  static Expected<std::shared_ptr<const TlsContext>> load(const TlsFiles& files);

  [[nodiscard]] ssl_ctx_st* get() const noexcept { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const noexcept;
  };
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

// Subject (RFC 2253 text, "CN=news,O=Example") of the certificate that the other side has shown and that was verified; else "".
[[nodiscard]] std::string verified_subject(ssl_st* ssl);
// The oldest error of OpenSSL's queue as text; clears the queue.
[[nodiscard]] std::string take_tls_error();

}  // namespace herald::io
