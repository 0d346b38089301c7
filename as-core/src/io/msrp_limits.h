// What one peer, one session and all of them together may cost.
// Thread: value type.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "herald/clock.h"
#include "io/msrp_parser.h"

namespace herald::io {

struct MsrpLimits {
  std::size_t sessions = 10'000;
  std::size_t connections = 10'000;
  std::size_t connections_per_peer = 1'000;
  std::size_t sessions_per_connection = 1'000;
  std::size_t partial_messages = 8;                // begun and not complete, of one session: 413
  std::size_t deliveries = 32;                     // messages of one session that the module has not judged yet: it is not read
  std::size_t queued_messages = 64;                // send()s of one session that wait: Error{busy}
  std::size_t buffered_bytes = 256 * 1024 * 1024;  // of messages in memory, all sessions: 413
  std::size_t chunk = 1024 * 1024;                 // content of one SEND; all above 2048 bytes can be interrupted (PS-45)
  std::size_t unanswered_chunks = 1'024;           // of one connection; then it waits for 200s
  std::size_t output_high = 256 * 1024;            // bytes written ahead of the socket
  std::size_t blob_high = 4 * 1024 * 1024;         // bytes queued for the disk; then the peer is not read
  Duration transaction_timeout = std::chrono::seconds(30);  // PS-46
  Duration connect_timeout = std::chrono::seconds(10);
  Duration bind_timeout = std::chrono::seconds(30);   // passive: until the peer's first request; a connection without any
  Duration stall_timeout = std::chrono::seconds(30);  // in the middle of a request without a byte; writing without progress
  MsrpParserLimits parser;
};

struct MsrpTlsFiles {
  std::string certificate;  // PEM; empty: no TLS
  std::string key;          // PEM
  std::string ca;           // PEM: who signs peers' certificates; empty: those of the system
  bool verify_peer = true;  // peers that connect without a=fingerprint must show a certificate that `ca` signed
};

}  // namespace herald::io
