#include "io/http_dispatch.h"

#include <algorithm>
#include <utility>

#include "herald/metrics.h"
#include "io/http_log_catalog.h"
#include "io/response_writer.h"

namespace herald::io {
namespace {

void report_failure(const HttpRequest& request, const std::string& pattern, std::string_view what) {
  static const auto failures =
      metrics::counter("herald_http_handler_failures_total", "Exceptions that left an HTTP handler; each was answered 500.");
  failures.add();
  log::event(http_events::kHandlerFailed,
             {{"route", request.method + " " + pattern}, {"trace", request.trace.text()}, {"exception", what}});
}

// Runs one handler on its shard. Nothing leaves it: an exception becomes 500.
Task<void> serve(HandlerCall call) {
  call.duty.begun();
  if (call.blob) call.request.blob = call.blob.take();
  std::optional<HttpResponse> response;
  const auto trace = call.request.trace;
  const auto method = call.request.method;
  std::string failure;
  try {
    response = co_await (*call.handler)(std::move(call.request));
  } catch (const std::exception& error) {
    failure = error.what();
  } catch (...) {
    failure = "not a std::exception";
  }
  if (!response) {
    call.request.trace = trace;
    call.request.method = method;
    report_failure(call.request, call.pattern, failure);
    response = HttpResponse::problem(500, reason_phrase(500), "the handler failed; trace " + trace.text());
  }
  call.duty.answer(std::move(*response));
}

}  // namespace

void AnswerBox::post(HttpAnswer answer) {
  std::lock_guard lock(mutex_);
  if (!loop_) {
    log::info("an HTTP answer came after the server had ended");
    return;
  }
  answers_.push_back(std::move(answer));
  if (std::exchange(scheduled_, true)) return;
  loop_->complete([self = shared_from_this()] { self->deliver(); });
}

void AnswerBox::deliver() {
  std::vector<HttpAnswer> batch;
  {
    std::lock_guard lock(mutex_);
    scheduled_ = false;
    batch.swap(answers_);
  }
  for (auto& answer : batch)
    if (receiver_) receiver_(std::move(answer));
}

void AnswerBox::close() {
  std::lock_guard lock(mutex_);
  loop_ = nullptr;
  receiver_ = nullptr;
  answers_.clear();
}

AnswerDuty::~AnswerDuty() {
  if (!box_) return;
  answer(begun_ ? HttpResponse::problem(500, reason_phrase(500), "the handler ended without an answer")
                : busy_response("too much to do at the moment", std::chrono::seconds(1)));
}

void AnswerDuty::answer(HttpResponse response) {
  HttpAnswer answer{connection_, serial_, std::move(response), Executor::current()};
  std::exchange(box_, nullptr)->post(std::move(answer));
}

void HttpDispatch::add(Executor& executor, HandlerCall call) {
  auto port = std::find_if(ports_.begin(), ports_.end(), [&](const Port& known) { return known.executor == &executor; });
  if (port == ports_.end()) port = ports_.insert(port, Port{&executor, {}});
  port->calls.push_back(std::move(call));
}

void HttpDispatch::flush() {
  for (auto& port : ports_) {
    if (port.calls.empty()) continue;
    auto calls = std::exchange(port.calls, {});
    const auto count = calls.size();
    Work work([batch = std::move(calls)]() mutable {
      for (auto& call : batch) spawn(serve(std::move(call)));
    });
    if (port.executor->on_this()) {
      work();
    } else if (!port.executor->execute(std::move(work))) {
      refused_(count);  // the dropped duties have answered 503
    }
  }
}

}  // namespace herald::io
