#include "stack_config.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <netinet/in.h>
#include <set>

namespace herald::diameter {

namespace {

bool is_numeric(const std::string& address) {
  in6_addr any{};
  return inet_pton(AF_INET, address.c_str(), &any) == 1 || inet_pton(AF_INET6, address.c_str(), &any) == 1;
}

// DiameterIdentity: a host name. RFC 6733 4.3.1
bool is_identity(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

// Goes between quotes in the text.
bool is_quotable(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
}

Unexpected invalid(std::string text) { return fail(ErrorCode::invalid, "diameter." + std::move(text)); }

int seconds_of(Duration span) { return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(span).count()); }

Expected<> check_tls(const DiameterOptions& options) {
  if (!options.tls) {
    if (std::ranges::any_of(options.peers, &DiameterPeer::tls))
      return invalid("tls: a peer wants TLS, but there is no certificate");
    return {};
  }
  if (options.tls->certificate.empty() || options.tls->key.empty() || options.tls->ca.empty())
    return invalid("tls: certificate, key and ca are all needed");
  for (const auto* text : {&options.tls->certificate, &options.tls->key, &options.tls->ca, &options.tls->priority}) {
    if (!is_quotable(*text)) return invalid("tls: a path or priority with quotes, backslashes or control characters");
  }
  return {};
}

}  // namespace

Expected<ListenAddress> parse_listen(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return invalid("listen: address:port expected, got " + text);
  ListenAddress listen;
  listen.address = text.substr(0, colon);
  if (listen.address.size() > 2 && listen.address.front() == '[' && listen.address.back() == ']')
    listen.address = listen.address.substr(1, listen.address.size() - 2);
  const auto* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + colon + 1, end, listen.port);
  if (error != std::errc{} || at != end) return invalid("listen: not a port in " + text);
  if (!is_numeric(listen.address)) return invalid("listen: not a numeric address: " + text);
  return listen;
}

Expected<> check_options(const DiameterOptions& options) {
  if (!is_identity(options.identity)) return invalid("identity: not a Diameter identity: " + options.identity);
  if (!is_identity(options.realm)) return invalid("realm: not a realm: " + options.realm);
  if (!options.destination_realm.empty() && !is_identity(options.destination_realm))
    return invalid("destination_realm: not a realm: " + options.destination_realm);
  if (options.watchdog < std::chrono::seconds(6)) return invalid("watchdog: at least 6s (RFC 3539)");
  if (options.reconnect < std::chrono::seconds(1)) return invalid("reconnect: at least 1s");
  if (options.app_threads < 1 || options.app_threads > 255) return invalid("app_threads: 1 to 255");
  if (options.send_queue < 1) return invalid("send_queue: at least 1");
  std::set<std::string> identities;
  for (const auto& peer : options.peers) {
    if (!is_identity(peer.identity)) return invalid("peers: not a Diameter identity: " + peer.identity);
    if (peer.identity == options.identity) return invalid("peers: has our own identity: " + peer.identity);
    if (!identities.insert(peer.identity).second) return invalid("peers: twice the same identity: " + peer.identity);
    if (!peer.realm.empty() && !is_identity(peer.realm)) return invalid("peers: not a realm: " + peer.realm);
    if (!peer.address.empty() && !is_numeric(peer.address))
      return invalid("peers: the address of " + peer.identity + " must be numeric, or empty to resolve the identity");
    if (peer.port == 0) return invalid("peers: port 0 for " + peer.identity);
  }
  return check_tls(options);
}

std::string configuration_text(const DiameterOptions& options, const ListenAddress& listen, const std::string& dh_file) {
  const bool tls = options.tls.has_value();
  const auto quoted = [](const std::string& text) { return '"' + text + '"'; };
  std::string text;
  const auto line = [&text](const std::string& directive) { text += directive + ";\n"; };
  line("Identity = " + quoted(options.identity));
  line("Realm = " + quoted(options.realm));
  // SecPort 0 and no certificate is how the library is told that there is no TLS at all.
  line("Port = " + std::to_string(tls ? 0 : listen.port));
  line("SecPort = " + std::to_string(tls ? listen.port : 0));
  line("No_SCTP");
  line("NoRelay");
  line("TcTimer = " + std::to_string(seconds_of(options.reconnect)));
  line("TwTimer = " + std::to_string(seconds_of(options.watchdog)));
  line("AppServThreads = " + std::to_string(options.app_threads));
  if (tls) {
    line("TLS_Cred = " + quoted(options.tls->certificate) + ", " + quoted(options.tls->key));
    line("TLS_CA = " + quoted(options.tls->ca));
    if (!options.tls->priority.empty()) line("TLS_Prio = " + quoted(options.tls->priority));
    // Otherwise the library computes parameters at every start, which takes long.
    if (!dh_file.empty()) line("TLS_DH_File = " + quoted(dh_file));
  }
  return text;
}

}  // namespace herald::diameter
