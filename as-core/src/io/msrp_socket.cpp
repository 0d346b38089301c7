#include "io/msrp_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io/tls_client.h"
#include "io/tls_context.h"
#include "message/chars.h"

namespace herald::io {
namespace {

// Bytes the kernel may hold unsent: what interrupts a large message is not to wait behind megabytes, and the transaction timer
// runs from about when the last byte left (RFC 4975 7.1.1).
constexpr int kUnsent = 1024 * 1024;

void tune(int fd) noexcept {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsent, sizeof kUnsent);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);  // finds peers that are gone while nothing is said
}

std::string fingerprint_of(const X509* certificate, const EVP_MD* digest, std::string_view name) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  if (certificate == nullptr || X509_digest(certificate, digest, bytes.data(), &length) != 1) return {};
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out(name);
  for (unsigned i = 0; i < length; ++i) {
    out += i == 0 ? ' ' : ':';
    out += kHex[bytes[i] >> 4U];
    out += kHex[bytes[i] & 15U];
  }
  return out;
}

const EVP_MD* digest_of(std::string_view name) noexcept {
  if (chars::same(name, "sha-256")) return EVP_sha256();
  if (chars::same(name, "sha-384")) return EVP_sha384();
  if (chars::same(name, "sha-512")) return EVP_sha512();
  if (chars::same(name, "sha-1")) return EVP_sha1();  // old peers know no other (RFC 4572)
  return nullptr;
}

int failure_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

// Never ends the handshake: whether a certificate does depends on the session, which the first request tells. What is wrong with
// the chain is kept.
int keep_verdict(int good, X509_STORE_CTX* store) noexcept {
  if (good != 1) {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    static char mark = 0;
    SSL_set_ex_data(ssl, failure_slot(), &mark);
  }
  return 1;
}

Unexpected tls_failure(const std::string& what) { return fail(ErrorCode::invalid, what + ": " + take_tls_error()); }

}  // namespace

// ---- certificates

void MsrpTls::Free::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }

Expected<std::shared_ptr<const MsrpTls>> MsrpTls::load(const MsrpTlsFiles& files) {
  ERR_clear_error();
  auto* raw = SSL_CTX_new(TLS_method());
  if (raw == nullptr) return tls_failure("TLS is not available");
  std::shared_ptr<MsrpTls> tls(new MsrpTls(raw));
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, keep_verdict);
  if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1)
    return tls_failure("certificate " + files.certificate);
  if (SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1) return tls_failure("key " + files.key);
  if (SSL_CTX_check_private_key(raw) != 1)
    return tls_failure("key " + files.key + " does not fit certificate " + files.certificate);
  const bool anchored = files.ca.empty() ? SSL_CTX_set_default_verify_paths(raw) == 1
                                         : SSL_CTX_load_verify_locations(raw, files.ca.c_str(), nullptr) == 1;
  if (!anchored) return tls_failure("ca " + files.ca);
  tls->fingerprint_ = fingerprint_of(SSL_CTX_get0_certificate(raw), EVP_sha256(), "sha-256");
  tls->verify_peer_ = files.verify_peer;
  return std::shared_ptr<const MsrpTls>(std::move(tls));
}

// ---- the connection

void MsrpSocket::FreeSsl::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

Expected<MsrpSocket> MsrpSocket::connect(const NetAddress& to) {
  Socket socket(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail(ErrorCode::unavailable, std::string("socket: ") + std::strerror(errno));
  if (::connect(socket.get(), to.get(), to.size) != 0 && errno != EINPROGRESS)
    return fail(ErrorCode::unavailable, to.text() + ": " + std::strerror(errno));
  MsrpSocket made(std::move(socket));
  made.connected_ = false;
  return made;
}

MsrpSocket::MsrpSocket(Socket accepted) : socket_(std::move(accepted)), connected_(true) { tune(socket_.get()); }
MsrpSocket::~MsrpSocket() = default;
MsrpSocket::MsrpSocket(MsrpSocket&&) noexcept = default;

bool MsrpSocket::add_tls(const MsrpTls& tls, bool client, const std::string& host) {
  ssl_.reset(SSL_new(tls.get()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.get()) != 1) return false;
  if (!client) {
    SSL_set_accept_state(ssl_.get());
    return true;
  }
  SSL_set_connect_state(ssl_.get());
  if (NetAddress::parse(host, 0)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str()) == 1;
  std::string name = host;
  SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return SSL_set1_host(ssl_.get(), host.c_str()) == 1 &&
         SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

MsrpSocket::Result MsrpSocket::establish() {
  if (!connected_) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) {
      fault_ = std::strerror(error);
      return Result::failed;
    }
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    wants_write_ = true;
    if (::getpeername(socket_.get(), static_cast<sockaddr*>(static_cast<void*>(&peer)), &length) != 0) return Result::again;
    connected_ = true;
    wants_write_ = false;
  }
  if (!ssl_ || secured_) return Result::done;
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_.get());
  if (returned == 1) {
    secured_ = true;
    wants_write_ = false;
    return Result::done;
  }
  const auto result = tls_result(returned);
  if (result == Result::ended) fault_ = "the peer ended the TLS handshake";
  return result == Result::ended ? Result::failed : result;
}

MsrpSocket::Result MsrpSocket::tls_result(int returned) {
  const int error = errno;
  wants_write_ = false;
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return Result::again;
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      return Result::again;
    case SSL_ERROR_ZERO_RETURN:
      return Result::ended;
    case SSL_ERROR_SYSCALL:
      fault_ = error != 0 ? std::strerror(error) : "the connection was ended without TLS goodbye";
      return Result::failed;
    default:
      fault_ = take_tls_error();
      return Result::failed;
  }
}

MsrpSocket::Result MsrpSocket::read(char* into, std::size_t size, std::size_t& got) {
  got = 0;
  if (ssl_) {
    ERR_clear_error();
    errno = 0;
    const int returned = SSL_read_ex(ssl_.get(), into, size, &got);
    return returned == 1 ? Result::done : tls_result(returned);
  }
  const auto count = ::recv(socket_.get(), into, size, 0);
  if (count > 0) {
    got = static_cast<std::size_t>(count);
    return Result::done;
  }
  if (count == 0) return Result::ended;
  if (errno == EAGAIN || errno == EINTR) return Result::again;
  fault_ = std::strerror(errno);
  return Result::failed;
}

MsrpSocket::Result MsrpSocket::write(const iovec* pieces, int count, std::size_t& written) {
  written = 0;
  if (!ssl_) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces);  // NOLINT: sendmsg() does not change it
    message.msg_iovlen = static_cast<std::size_t>(count);
    const auto sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      written = static_cast<std::size_t>(sent);
      return Result::done;
    }
    if (errno == EAGAIN || errno == EINTR) return Result::again;
    fault_ = std::strerror(errno);
    return Result::failed;
  }
  for (int i = 0; i < count; ++i) {
    std::size_t done = 0;
    while (done < pieces[i].iov_len) {
      std::size_t sent = 0;
      ERR_clear_error();
      errno = 0;
      const int returned =
          SSL_write_ex(ssl_.get(), static_cast<const char*>(pieces[i].iov_base) + done, pieces[i].iov_len - done, &sent);
      if (returned != 1) {
        const auto result = tls_result(returned);
        return result == Result::again && written > 0 ? Result::done : result;
      }
      done += sent;
      written += sent;
    }
  }
  return Result::done;
}

void MsrpSocket::finish() noexcept {
  if (ssl_ && secured_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  ::shutdown(socket_.get(), SHUT_WR);
}

bool MsrpSocket::pending() const noexcept { return ssl_ && SSL_pending(ssl_.get()) > 0; }

// ---- what the peer has proven

bool MsrpSocket::has_fingerprint(std::string_view fingerprint) const {
  if (!ssl_) return false;
  const auto space = fingerprint.find(' ');
  const auto name = fingerprint.substr(0, space);
  const auto* digest = digest_of(name);
  if (digest == nullptr || space == std::string_view::npos) return false;
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_.get()), &X509_free);
  const auto own = fingerprint_of(certificate.get(), digest, name);
  return !own.empty() && chars::same(own, chars::trim(fingerprint));
}

bool MsrpSocket::verified() const noexcept {
  if (!ssl_ || SSL_get_verify_result(ssl_.get()) != X509_V_OK || SSL_get_ex_data(ssl_.get(), failure_slot()) != nullptr)
    return false;
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_.get()), &X509_free);
  return certificate != nullptr;
}

}  // namespace herald::io
