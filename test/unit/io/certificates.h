// Certificates made on the spot.
#pragma once

#include <filesystem>
#include <memory>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string>

namespace herald::test {

struct Identity {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> certificate;
};

// `names`: subjectAltName, "DNS:a.example,IP:127.0.0.1". `seconds`: how long it is valid yet, negative: has expired.
inline Identity make_identity(const char* name, const Identity* issuer, const char* names = nullptr, long seconds = 3600) {
  Identity made{{EVP_EC_gen("P-256"), EVP_PKEY_free}, {X509_new(), X509_free}};
  auto* x = made.certificate.get();
  X509_set_version(x, 2);
  static long serial = 0;
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), -7200);
  X509_gmtime_adj(X509_getm_notAfter(x), seconds);
  const auto* text = static_cast<const unsigned char*>(static_cast<const void*>(name));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, text, -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->certificate.get() : x));
  X509_set_pubkey(x, made.key.get());
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer ? issuer->certificate.get() : x, x, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
  X509_add_ext(x, extension, -1);
  X509_EXTENSION_free(extension);
  if (names != nullptr) {
    extension = X509V3_EXT_conf_nid(nullptr, &context, NID_subject_alt_name, names);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(x, issuer ? issuer->key.get() : made.key.get(), EVP_sha256());
  return made;
}

// NAME.pem and NAME.key
inline void write_identity(const std::filesystem::path& folder, const std::string& name, const Identity& identity) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pem(std::fopen((folder / (name + ".pem")).c_str(), "w"), &std::fclose);
  PEM_write_X509(pem.get(), identity.certificate.get());
  const std::unique_ptr<FILE, int (*)(FILE*)> key(std::fopen((folder / (name + ".key")).c_str(), "w"), &std::fclose);
  PEM_write_PrivateKey(key.get(), identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
}

}  // namespace herald::test
