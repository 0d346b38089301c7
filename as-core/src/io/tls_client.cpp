#include "io/tls_client.h"

#include <array>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io/tls_context.h"

namespace herald::io {

void TlsClient::Free::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }

Expected<std::shared_ptr<const TlsClient>> TlsClient::load(const std::string& ca_file) {
  ERR_clear_error();
  auto* raw = SSL_CTX_new(TLS_client_method());
  if (!raw) return fail(ErrorCode::unavailable, "TLS is not available: " + take_tls_error());
  std::shared_ptr<TlsClient> client(new TlsClient(raw));
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  const bool loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(raw) == 1
                                      : SSL_CTX_load_verify_locations(raw, ca_file.c_str(), nullptr) == 1;
  if (!loaded) return fail(ErrorCode::unavailable, "trust anchors " + ca_file + ": " + take_tls_error());
  return std::shared_ptr<const TlsClient>(std::move(client));
}

ssl_st* TlsClient::new_session(const std::string& host, bool literal) const {
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), &SSL_free);
  if (!ssl) return nullptr;
  SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (literal) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) == 1 ? ssl.release() : nullptr;
  std::string name = host;  // SSL_set_tlsext_host_name() without its old-style cast
  const bool named = SSL_set1_host(ssl.get(), host.c_str()) == 1 &&
                     SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
  return named ? ssl.release() : nullptr;
}

std::string handshake_failure(ssl_st* ssl, unsigned long error) {
  if (const auto verified = SSL_get_verify_result(ssl); verified != X509_V_OK)
    return std::string("certificate: ") + X509_verify_cert_error_string(verified);
  if (error == 0) return "the connection ended in the TLS handshake";
  std::array<char, 256> text{};
  ERR_error_string_n(error, text.data(), text.size());
  return text.data();
}

}  // namespace herald::io
