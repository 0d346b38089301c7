// Requests to the executors that registered their routes, and answers back: each in batches, one mailbox entry for all that
// gathered in a round of the loop.
// Thread: HttpDispatch on the I/O loop; AnswerBox from any thread.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/handle_table.h"
#include "herald/http.h"
#include "io/http_spool.h"
#include "io/io_loop.h"

namespace herald::io {

struct HttpAnswer {
  Handle connection;
  std::uint64_t serial = 0;
  HttpResponse response;
  Executor* executor = nullptr;  // where the handler answered
};

// Where shards leave their answers. Shared between the server and every request under way, so that an answer which comes after
// the server's end finds a closed box and not a dangling pointer.
class AnswerBox : public std::enable_shared_from_this<AnswerBox> {
 public:
  using Receiver = std::function<void(HttpAnswer)>;
  AnswerBox(IoLoop& loop, Receiver receiver) : loop_(&loop), receiver_(std::move(receiver)) {}
  void post(HttpAnswer answer);
  void close();  // on the loop

 private:
  void deliver();

  std::mutex mutex_;
  IoLoop* loop_;  // null once closed
  std::vector<HttpAnswer> answers_;
  bool scheduled_ = false;
  Receiver receiver_;  // only on the loop
};

// The duty to answer one request. Answers by itself when it dies without one: 503 when the request never reached its handler,
// 500 when the handler was destroyed.
class AnswerDuty {
 public:
  AnswerDuty(std::shared_ptr<AnswerBox> box, Handle connection, std::uint64_t serial)
      : box_(std::move(box)), connection_(connection), serial_(serial) {}
  AnswerDuty(AnswerDuty&&) noexcept = default;
  AnswerDuty& operator=(AnswerDuty&&) = delete;
  AnswerDuty(const AnswerDuty&) = delete;
  AnswerDuty& operator=(const AnswerDuty&) = delete;
  ~AnswerDuty();
  void begun() noexcept { begun_ = true; }
  void answer(HttpResponse response);

 private:
  std::shared_ptr<AnswerBox> box_;
  Handle connection_;
  std::uint64_t serial_;
  bool begun_ = false;
};

struct HandlerCall {
  std::shared_ptr<const HttpHandler> handler;
  std::string pattern;
  HttpRequest request;
  AnswerDuty duty;
  SpooledBlob blob;  // becomes request.blob when the handler begins; removed when it never does
};

class HttpDispatch {
 public:
  // `refused` is told how many requests an executor did not take.
  explicit HttpDispatch(std::function<void(std::size_t)> refused) : refused_(std::move(refused)) {}
  void add(Executor& executor, HandlerCall call);
  void flush();

 private:
  struct Port {
    Executor* executor;
    std::vector<HandlerCall> calls;
  };
  std::function<void(std::size_t)> refused_;
  std::vector<Port> ports_;  // as many as there are shards
};

}  // namespace herald::io
