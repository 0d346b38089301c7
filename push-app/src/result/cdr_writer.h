// Charging records of the node: the shards hand lines over, a thread of its own writes them. A slow disk costs lines (counted),
// never a shard's time. Lines still in memory are lost with a killed process; the deliveries themselves are in the store.
// Thread: write() from any; close() once, when the clock is still there: afterwards everything is dropped.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "herald/metrics.h"
#include "result/cdr_file.h"

namespace herald::push {

class CdrWriter {
 public:
  // `section`: where in the configuration its file is; `counter`: its metric.
  explicit CdrWriter(CdrConfig PushConfig::*section = &PushConfig::cdr, std::string_view counter = "herald_push_cdr_total");
  ~CdrWriter();
  CdrWriter(const CdrWriter&) = delete;
  CdrWriter& operator=(const CdrWriter&) = delete;

  // `config`: the one in use; another one than last time (a reload) has the file opened anew. False: dropped.
  bool write(const std::shared_ptr<const PushConfig>& config, std::string line, const Clock& clock);
  // Until all that was handed over is in the file, or the file does not take it.
  void flush();
  // The thread ends after what was handed over is written, or could not be.
  void close();

 private:
  void run(const Clock& clock);

  CdrConfig PushConfig::*section_;
  std::mutex mutex_;
  std::condition_variable work_, idle_;
  std::shared_ptr<const PushConfig> config_;
  std::string lines_;
  std::size_t waiting_ = 0;  // lines, in all hands
  bool writing_ = false;
  bool blocked_ = false;  // the file did not take the last ones
  bool stopping_ = false;
  bool dropping_ = false;
  std::thread thread_;
  metrics::Counter written_, dropped_;
};

}  // namespace herald::push
