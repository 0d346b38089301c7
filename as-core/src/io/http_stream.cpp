#include "io/http_stream.h"

#include <utility>

namespace herald::io {
namespace {

class StreamHandle final : public HttpStream {
 public:
  explicit StreamHandle(std::shared_ptr<HttpStreamPipe> pipe) : pipe_(std::move(pipe)) {}
  ~StreamHandle() override {
    if (pipe_) pipe_->end();
  }
  StreamHandle(const StreamHandle&) = delete;
  StreamHandle& operator=(const StreamHandle&) = delete;
  bool write(std::string bytes) override { return pipe_ && pipe_->write(std::move(bytes)); }
  void close() override {
    if (pipe_) pipe_->end();
  }

 private:
  const std::shared_ptr<HttpStreamPipe> pipe_;
};

}  // namespace

bool HttpStreamPipe::write(std::string bytes) {
  const std::lock_guard lock(mutex_);
  if (loop_ == nullptr || ended_ || overflown_) return false;
  if (bytes.empty()) return true;
  if (bytes.size() > most_ || unsent_ > most_ - bytes.size()) {
    overflown_ = true;
    schedule();
    return false;
  }
  unsent_ += bytes.size();
  waiting_ += bytes;
  schedule();
  return true;
}

void HttpStreamPipe::end() {
  const std::lock_guard lock(mutex_);
  if (loop_ == nullptr || std::exchange(ended_, true)) return;
  schedule();
}

void HttpStreamPipe::schedule() {
  if (std::exchange(scheduled_, true)) return;
  loop_->complete([self = shared_from_this()] { self->deliver(); });
}

void HttpStreamPipe::deliver() {
  std::string bytes;
  bool ended = false;
  bool overflown = false;
  {
    const std::lock_guard lock(mutex_);
    scheduled_ = false;
    bytes.swap(waiting_);
    ended = ended_;
    overflown = overflown_;
  }
  if (sink_ == nullptr) return;
  if (overflown) return sink_->on_stream_overflow();
  sink_->on_stream(std::move(bytes), ended);
}

void HttpStreamPipe::taken(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  unsent_ -= std::min(unsent_, bytes);
}

void HttpStreamPipe::cut() {
  sink_ = nullptr;
  const std::lock_guard lock(mutex_);
  loop_ = nullptr;
  waiting_.clear();
}

std::shared_ptr<HttpStream> HttpStreamPipe::handle(std::shared_ptr<HttpStreamPipe> pipe) {
  return std::make_shared<StreamHandle>(std::move(pipe));
}
std::shared_ptr<HttpStream> HttpStreamPipe::dead() { return std::make_shared<StreamHandle>(nullptr); }

}  // namespace herald::io
