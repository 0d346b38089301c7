// MSRP (RFC 4975, RFC 6135) as a module sees it: a session of one SDP negotiation, messages out, messages in.
//
//   offer/answer:  endpoint.open() -> local description into the SDP -> session.start(peer's description)
//   out:           session.send(message) ends when every byte is answered, and reported if that was asked for
//   in:            whole messages, small ones as bytes, large ones as blobs; chunking, ranges, 200s and reports are done here
//
// Thread: call on a shard; futures and handlers end on the shard that opened the session. Sockets are the I/O thread's.
// Ownership: shared; a session that is dropped closes. Nothing is called after close().
// Errors of futures: unavailable (connection refused, lost), timeout (30 s without a 200, PS-46), cancelled (closed), invalid.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "herald/blob_store.h"
#include "herald/expected.h"
#include "herald/task.h"
#include "herald/unique_function.h"

namespace herald {

enum class MsrpSetup : std::uint8_t { active, passive, actpass };  // RFC 6135
enum class MsrpDirection : std::uint8_t { sendrecv, sendonly, recvonly, inactive };

// One m=message line and its attributes (RFC 4975 8): as offered, answered or received.
struct MsrpDescription {
  std::string address;     // of c=
  std::uint16_t port = 0;  // of m=; 0: refused
  bool tls = false;        // TCP/TLS/MSRP
  std::string path;        // a=path: URIs separated by one space, the last is the peer itself
  std::vector<std::string> accept_types;
  std::vector<std::string> accept_wrapped_types;
  std::optional<std::uint64_t> max_size;
  std::optional<MsrpSetup> setup;
  MsrpDirection direction = MsrpDirection::sendrecv;
  std::string fingerprint;  // a=fingerprint "sha-256 AB:CD..": of a peer's self-signed certificate (RFC 4572)
};

// SDP with this one media line. `session_id` and `version` of o=.
[[nodiscard]] std::string to_sdp(const MsrpDescription& description, std::uint64_t session_id, std::uint64_t version);
// The first m=message line that is not refused. Bounded; Error{invalid} names what is wrong.
[[nodiscard]] Expected<MsrpDescription> parse_msrp_sdp(std::string_view sdp);
// May content of `type` go there? "*", "text/*", exact; parameters are ignored.
[[nodiscard]] bool msrp_accepts(const std::vector<std::string>& accept_types, std::string_view type);

struct MsrpMessage {
  std::string message_id;                                    // Message-ID
  std::string type;                                          // Content-Type
  std::vector<std::pair<std::string, std::string>> headers;  // other MIME headers: Content-ID, Content-Disposition ..
  std::string bytes;                                         // the content, or
  std::optional<BlobInfo> blob;                              // where it is
  bool success_report = false;                               // ask for one; or: one was asked for
  [[nodiscard]] std::uint64_t size() const noexcept { return blob ? blob->size : bytes.size(); }
};

// What became of one sent message.
struct MsrpSent {
  int status = 200;  // of the transactions or of a failure REPORT: 200, 413, 415, 481 .. (RFC 4975 10)
  std::string comment;
  std::uint64_t acknowledged = 0;  // bytes that 200s cover
  std::uint64_t reported = 0;      // bytes that success REPORTs cover (SM-16: intervals are merged)
  bool interrupted = false;        // the peer or the connection ended before all bytes were answered
};

struct MsrpPolicy {                            // what may come in
  std::vector<std::string> accept_types{"*"};  // else 415
  std::uint64_t max_size = 0;                  // of one message, else 413; 0: nothing may come in
  std::size_t memory_limit = 65536;            // larger ones become blobs
};

class MsrpSession {
 public:
  virtual ~MsrpSession() = default;
  // Ours, for offer or answer: address, port, path, tls, fingerprint are filled in; the caller adds types, size, setup,
  // direction.
  [[nodiscard]] virtual const MsrpDescription& local() const noexcept = 0;
  // Connects (active) or waits for the peer (passive), until the connection is bound to the session. PS-41, PS-44.
  [[nodiscard]] virtual Future<void> start(MsrpDescription peer, MsrpSetup role) = 0;
  // One at a time is on the wire, the rest wait; chunks are interruptible (PS-45). With success_report it ends when the REPORTs
  // cover all bytes or `report_wait` after the last 200 (SM-17).
  [[nodiscard]] virtual Future<MsrpSent> send(MsrpMessage message, std::chrono::milliseconds report_wait) = 0;
  // Ends the message on the wire with '#'; its send() ends with `interrupted`.
  virtual void abort_sending() = 0;
  // A whole message came in. The 200s were sent; the success REPORT is sent when the handler answers 200, a failure REPORT with
  // any other code: the receiver may check a hash first.
  virtual void on_message(UniqueFunction<Future<int>(MsrpMessage)> handler) = 0;
  virtual void on_closed(UniqueFunction<void(Error)> handler) = 0;  // the connection is lost
  virtual void close() = 0;
};

class MsrpEndpoint {
 public:
  virtual ~MsrpEndpoint() = default;
  // Error{unavailable}: no MSRP address is configured, or too many sessions.
  [[nodiscard]] virtual Expected<std::shared_ptr<MsrpSession>> open(bool tls, MsrpPolicy policy) = 0;
  [[nodiscard]] virtual bool has_tls() const noexcept = 0;
};

}  // namespace herald
