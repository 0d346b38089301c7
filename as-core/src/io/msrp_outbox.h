// The messages that one session sends: one at a time on the wire, in chunks that its connection writes, and what the peer says
// to them. PS-45, PS-46, SM-16, SM-17.
// Thread: the I/O loop.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "herald/msrp.h"
#include "io/io_loop.h"
#include "io/msrp_content.h"
#include "io/msrp_limits.h"
#include "io/msrp_metrics.h"
#include "io/msrp_parser.h"
#include "io/msrp_ranges.h"

namespace herald::io {

// What one transaction was for.
struct MsrpTicket {
  std::uint64_t message = 0;  // 0: the request that binds the connection
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

class MsrpOutbox {
 public:
  struct Paths {
    std::string to;
    std::string own;
  };

  // `wake`: there is something to write.
  MsrpOutbox(IoLoop& loop, const MsrpLimits& limits, const MsrpMetrics& metrics, BlobStore& blobs, std::function<void()> wake);
  ~MsrpOutbox();
  MsrpOutbox(const MsrpOutbox&) = delete;
  MsrpOutbox& operator=(const MsrpOutbox&) = delete;

  void add(MsrpMessage message, std::chrono::milliseconds report_wait, Promise<MsrpSent> promise);
  // The message on the wire ends with '#'.
  void abort();
  // The connection is lost, or the session closes: what was begun ends as interrupted, or all with `error` when `closing`.
  void end(const Error& error, bool closing);
  // The session is bound: what waits may go.
  void open(Paths paths);

  // ---- the connection writes a chunk: begin_chunk, next.., end_chunk

  // A chunk can be begun, or the open one has bytes or must end.
  [[nodiscard]] bool ready() const noexcept;
  // What the next chunk begins with: its transaction id must not occur there.
  [[nodiscard]] std::string_view peek() const noexcept;
  void begin_chunk(std::string_view transaction, std::string& out);
  enum class Next : std::uint8_t { data, wait, last, abort };
  struct Piece {
    std::string_view bytes;
    std::shared_ptr<const void> keeper;
  };
  // `data`: at most `most` bytes; they count as sent when take() says so.
  [[nodiscard]] Next next(std::size_t most, Piece& piece);
  void take(std::size_t bytes);
  [[nodiscard]] std::uint64_t chunk_bytes() const noexcept;
  [[nodiscard]] bool all_taken() const noexcept { return wire_.sent == wire_.size; }
  MsrpTicket end_chunk(char flag);

  // ---- what comes back

  void answered(const MsrpTicket& ticket, int status, std::string_view comment);
  void timed_out(const MsrpTicket& ticket);
  // False: about no message that we know.
  bool reported(const MsrpHead& report);

 private:
  struct Sending {
    MsrpMessage message;
    std::shared_ptr<const std::string> bytes;
    std::uint64_t size = 0;
    std::chrono::milliseconds report_wait{};
    Promise<MsrpSent> promise;
    MsrpRanges acknowledged;
    MsrpRanges reported;
    std::size_t unanswered = 0;
    bool all_sent = false;
    bool whole_reported = false;
    TimerId timer;
  };
  // The one on the wire.
  struct Wire {
    std::uint64_t serial = 0;
    std::unique_ptr<MsrpContent> content;
    std::string before_range;  // headers, the same in each chunk
    std::string after_range;
    std::uint64_t size = 0;
    std::uint64_t sent = 0;
    std::uint64_t chunk_from = 0;
    bool chunk_open = false;
    bool stop = false;  // ends with '#'
  };

  void start_next();
  void forget_wire();
  void finish(std::uint64_t serial, Expected<MsrpSent> result);
  void stop_wire(std::uint64_t serial, bool tell);
  void look(std::uint64_t serial);  // is it complete?
  void on_content();
  void give_up_unreadable();
  [[nodiscard]] MsrpSent result_of(const Sending& sending) const;

  IoLoop& loop_;
  const MsrpLimits& limits_;
  const MsrpMetrics& metrics_;
  BlobStore& blobs_;
  std::function<void()> wake_;
  Paths paths_;
  bool open_ = false;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Sending> messages_;
  std::deque<std::uint64_t> waiting_;
  Wire wire_;
};

}  // namespace herald::io
