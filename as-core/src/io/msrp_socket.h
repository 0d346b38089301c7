// One TCP connection, bare or with TLS, that never blocks. Knows nothing of MSRP.
// Thread: the I/O loop.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <sys/uio.h>

#include "herald/expected.h"
#include "io/listen_socket.h"
#include "io/msrp_limits.h"
#include "io/net_address.h"

struct ssl_ctx_st;
struct ssl_st;

namespace herald::io {

// Our certificate, and whom we believe. Immutable once loaded.
class MsrpTls {
 public:
  static Expected<std::shared_ptr<const MsrpTls>> load(const MsrpTlsFiles& files);
  [[nodiscard]] ssl_ctx_st* get() const noexcept { return context_.get(); }
  [[nodiscard]] const std::string& fingerprint() const noexcept { return fingerprint_; }  // "sha-256 AB:CD.."
  [[nodiscard]] bool verify_peer() const noexcept { return verify_peer_; }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const noexcept;
  };
  explicit MsrpTls(ssl_ctx_st* context) : context_(context) {}
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string fingerprint_;
  bool verify_peer_ = true;
};

class MsrpSocket {
 public:
  enum class Result { done, again, ended, failed };

  // Connection under way; done when it becomes writable.
  static Expected<MsrpSocket> connect(const NetAddress& to);
  explicit MsrpSocket(Socket accepted);
  ~MsrpSocket();
  MsrpSocket(MsrpSocket&&) noexcept;
  MsrpSocket& operator=(MsrpSocket&&) = delete;

  // `host`: as client, whose certificate is expected (fingerprints apart). False: no memory.
  [[nodiscard]] bool add_tls(const MsrpTls& tls, bool client, const std::string& host);
  // The connection is there, with TLS where wanted. Call again when ready for what wants_write() says.
  Result establish();
  Result read(char* into, std::size_t size, std::size_t& got);
  Result write(const iovec* pieces, int count, std::size_t& written);
  // No more writing; the peer is told.
  void finish() noexcept;

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  [[nodiscard]] bool secure() const noexcept { return ssl_ != nullptr; }
  // TLS needs the other direction than it was asked for.
  [[nodiscard]] bool wants_write() const noexcept { return wants_write_; }
  // Bytes that were decrypted and not read yet: no event will tell of them.
  [[nodiscard]] bool pending() const noexcept;
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }

  // What the peer has proven: the certificate is that of the fingerprint; the chain is good.
  [[nodiscard]] bool has_fingerprint(std::string_view fingerprint) const;
  [[nodiscard]] bool verified() const noexcept;

 private:
  Result tls_result(int returned);
  struct FreeSsl {
    void operator()(ssl_st* ssl) const noexcept;
  };
  Socket socket_;
  std::unique_ptr<ssl_st, FreeSsl> ssl_;
  std::string fault_;
  bool connected_ = false;
  bool secured_ = false;
  bool wants_write_ = false;
};

}  // namespace herald::io
