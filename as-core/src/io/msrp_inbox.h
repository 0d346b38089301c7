// The messages that one session receives: chunks in, whole messages out. Content up to the policy's memory limit is held as bytes
// and its ranges may come in any order; larger content is written to a blob as it comes and must come in order (a range out of
// order is answered 413: the peer stops, and may send the message anew).
// Thread: the I/O loop.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "herald/msrp.h"
#include "io/io_loop.h"
#include "io/msrp_limits.h"
#include "io/msrp_metrics.h"
#include "io/msrp_parser.h"
#include "io/msrp_ranges.h"
#include "io/msrp_text.h"

namespace herald::io {

// Bytes of incoming messages in memory, all sessions of an endpoint.
struct MsrpBudget {
  std::size_t used = 0;
};

class MsrpInbox {
 public:
  struct Delivery {
    MsrpMessage message;
    MsrpFailureReport failure_report = MsrpFailureReport::yes;
    std::string from_path;  // of the sender, for REPORTs
  };
  struct Host {
    IoLoop& loop;
    const MsrpLimits& limits;
    const MsrpMetrics& metrics;
    BlobStore& blobs;
    MsrpBudget& budget;
  };
  using Deliver = std::function<void(Delivery)>;
  using Answer = std::function<void(int status)>;

  MsrpInbox(Host host, MsrpPolicy policy, Deliver deliver);
  ~MsrpInbox();
  MsrpInbox(const MsrpInbox&) = delete;
  MsrpInbox& operator=(const MsrpInbox&) = delete;

  // One chunk: begin, data.., end. Each gives a status; anything but 200 ends the chunk for us, and the message with it.
  [[nodiscard]] int begin(MsrpHead& head);
  [[nodiscard]] int data(std::string_view piece);
  // `answer` is called with the status of the chunk, at once or when the message is on the disk.
  void end(char flag, Answer answer);
  // The chunk's connection ends.
  void broken();

  // The disk is slower than the peer: read on when `drained` (given by the last call) is called, on the loop.
  [[nodiscard]] bool must_wait(std::function<void()> drained);

 private:
  struct Partial {
    Delivery delivery;
    MsrpRanges ranges;
    std::optional<std::uint64_t> total;
    std::shared_ptr<BlobWriter> blob;
    std::size_t charged = 0;
    bool last_seen = false;  // the chunk with '$'
  };
  // The chunk that is coming in.
  struct Chunk {
    std::string message_id;
    std::uint64_t at = 0;  // of the next byte
    std::optional<std::uint64_t> end;
    bool content = false;
  };

  int refuse(int status, MsrpDrop reason);
  int check_range(const MsrpByteRange& range, const Partial& partial);
  bool charge(Partial& partial, std::size_t bytes);
  bool to_blob(Partial& partial);
  void drop(const std::string& message_id);
  void release(Partial& partial);
  void complete(Partial partial, Answer answer);

  Host host_;
  const MsrpPolicy policy_;
  Deliver deliver_;
  std::map<std::string, Partial> partials_;
  Chunk chunk_;
  // Of messages that were refused: what else comes of them was on its way already.
  std::deque<std::pair<std::string, int>> refused_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace herald::io
