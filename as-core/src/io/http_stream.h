// A response body that goes on: written from any thread, carried into its connection by the I/O loop.
// Thread: HttpStreamPipe::write(), end() and the handle from any; the rest on the loop.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "herald/http.h"
#include "io/io_loop.h"

namespace herald::io {

// Where the pipe ends.
class HttpStreamSink {
 public:
  virtual ~HttpStreamSink() = default;
  // Bytes that were written since, and whether the body ends with them.
  virtual void on_stream(std::string bytes, bool ended) = 0;
  // More waits than may: the client does not read.
  virtual void on_stream_overflow() = 0;
};

class HttpStreamPipe : public std::enable_shared_from_this<HttpStreamPipe> {
 public:
  // `sink` is alive until cut().
  HttpStreamPipe(IoLoop& loop, HttpStreamSink& sink, std::size_t most) : loop_(&loop), sink_(&sink), most_(most) {}

  bool write(std::string bytes);
  void end();

  // On the loop: so many bytes have reached the socket's buffer.
  void taken(std::size_t bytes);
  // On the loop: the connection does without it from now on.
  void cut();

  // What the writer holds; the body ends with it at the latest.
  [[nodiscard]] static std::shared_ptr<HttpStream> handle(std::shared_ptr<HttpStreamPipe> pipe);
  // A stream that is over.
  [[nodiscard]] static std::shared_ptr<HttpStream> dead();

 private:
  void schedule();  // with the lock
  void deliver();

  std::mutex mutex_;  // guards all but sink_, which is the loop's
  IoLoop* loop_;      // null once cut
  HttpStreamSink* sink_;
  const std::size_t most_;
  std::string waiting_;
  std::size_t unsent_ = 0;  // waiting, or given to the sink and not yet taken
  bool ended_ = false;
  bool overflown_ = false;
  bool scheduled_ = false;
};

}  // namespace herald::io
