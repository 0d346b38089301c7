// The instruments of the blob store.
// Thread: any.
#pragma once

#include <array>

#include "herald/expected.h"
#include "herald/metrics.h"

namespace herald::store {

enum class BlobCall { create, put, find, read, remove, list };

class BlobMetrics {
 public:
  BlobMetrics() {
    constexpr std::array<std::string_view, 6> kCalls{"create", "put", "find", "read", "remove", "list"};
    for (std::size_t i = 0; i < calls_.size(); ++i)
      calls_.at(i) = metrics::counter("herald_blob_calls_total", "Calls of the blob store.", {{"call", kCalls.at(i)}});
    for (std::size_t i = 0; i < failures_.size(); ++i)
      failures_.at(i) = metrics::counter("herald_blob_errors_total", "Calls of the blob store that ended in an error.",
                                         {{"reason", to_string(static_cast<ErrorCode>(i))}});
  }
  void call(BlobCall what) const noexcept { calls_.at(static_cast<std::size_t>(what)).add(); }
  void failed(ErrorCode code) const noexcept { failures_.at(static_cast<std::size_t>(code)).add(); }

  metrics::Gauge stored = metrics::gauge("herald_blob_stored", "Blobs in the directory.");
  metrics::Gauge stored_bytes = metrics::gauge("herald_blob_stored_bytes", "Bytes they take.");
  metrics::Gauge stored_bytes_limit = metrics::gauge("herald_blob_stored_bytes_limit", "Most they may take; 0: the disk.");
  metrics::Gauge queue_used = metrics::gauge("herald_blob_queue_used", "Calls that wait for the blob thread.");
  metrics::Gauge queue_limit = metrics::gauge("herald_blob_queue_limit", "Most calls that may wait.");
  metrics::Gauge queue_bytes = metrics::gauge("herald_blob_queue_bytes", "Bytes that wait to be written.");
  metrics::Gauge queue_bytes_limit = metrics::gauge("herald_blob_queue_bytes_limit", "Most bytes that may wait.");
  metrics::Counter written = metrics::counter("herald_blob_written_bytes_total", "Bytes written to blobs.");
  metrics::Counter aborted = metrics::counter("herald_blob_aborted_total", "Blobs given up before they were complete.");

 private:
  std::array<metrics::Counter, 6> calls_;
  std::array<metrics::Counter, 13> failures_;
};

}  // namespace herald::store
