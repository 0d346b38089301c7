#include "io/tls_context.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace herald::io {
namespace {

// The only protocol we offer; a client that offers others (h2) as well falls back to it.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* offered, unsigned length,
                    void*) noexcept {
  static constexpr std::array<unsigned char, 9> kHttp11{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kHttp11.data(), kHttp11.size(), offered, length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Unexpected tls_failure(const std::string& what) { return fail(ErrorCode::invalid, what + ": " + take_tls_error()); }

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }

Expected<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files) {
  ERR_clear_error();
  auto* raw = SSL_CTX_new(TLS_server_method());
  if (!raw) return tls_failure("TLS is not available");
  std::shared_ptr<TlsContext> context(new TlsContext(raw));
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1)
    return tls_failure("certificate " + files.certificate);
  if (SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1) return tls_failure("key " + files.key);
  if (SSL_CTX_check_private_key(raw) != 1)
    return tls_failure("key " + files.key + " does not fit certificate " + files.certificate);
  if (!files.ca.empty()) {
    if (SSL_CTX_load_verify_locations(raw, files.ca.c_str(), nullptr) != 1) return tls_failure("ca " + files.ca);
    SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(files.ca.c_str()));
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | (files.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    // A resumed session must not carry a verification over to another listener's rules.
    static constexpr std::array<unsigned char, 12> kSessionContext{'h', 'e', 'r', 'a', 'l', 'd', '-', 'h', 't', 't', 'p', 's'};
    SSL_CTX_set_session_id_context(raw, kSessionContext.data(), kSessionContext.size());
    SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  } else if (files.require_client_certificate) {
    return fail(ErrorCode::invalid, "client certificates are required, but no ca is named that could verify them");
  }
  return std::shared_ptr<const TlsContext>(std::move(context));
}

std::string verified_subject(ssl_st* ssl) {
  if (!ssl || SSL_get_verify_result(ssl) != X509_V_OK) return {};
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl), &X509_free);
  if (!certificate) return {};
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), &BIO_free);
  if (!text || X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate.get()), 0, XN_FLAG_RFC2253) < 0) return {};
  std::string out(static_cast<std::size_t>(std::max(BIO_pending(text.get()), 0)), '\0');
  out.resize(static_cast<std::size_t>(std::max(BIO_read(text.get(), out.data(), static_cast<int>(out.size())), 0)));
  return out;
}

std::string take_tls_error() {
  std::array<char, 256> text{};
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

}  // namespace herald::io
