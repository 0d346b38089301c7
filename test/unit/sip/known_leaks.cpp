// What the leak sanitizer need not tell about this program: Debian's Sofia (1.12.11) ends a TLS connection with SSL_shutdown()
// but never SSL_free(), so every TLS connection, accepted or made, leaves its SSL object with its buffers (tens of kilobytes) and
// a reference to its SSL_CTX. OpenSSL keeps no frame pointers, so that a leak's stack ends in libcrypto and Sofia's function
// cannot be named. Here and not in test/house/lsan.supp, so that leaks of Herald's own TLS (HTTP) are still found.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libcrypto.so\nleak:libssl.so\n"; }
#endif
#endif
