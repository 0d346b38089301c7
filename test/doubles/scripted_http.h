// The far end of HttpClient, and of an HttpStream, as a test plays them.
// Thread: one executor.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "herald/http_client.h"

namespace herald::test {

class ScriptedHttp final : public HttpClient {
 public:
  struct Call {
    HttpCall call;
    std::shared_ptr<Promise<HttpResponse>> answer;
    bool answered = false;

    void respond(int status, std::vector<HttpField> headers = {}, std::string body = {}) {
      HttpResponse response;
      response.status = status;
      response.headers = std::move(headers);
      response.body = std::move(body);
      answered = true;
      answer->set(std::move(response));
    }
    void fail(ErrorCode code) {
      answered = true;
      answer->set(herald::fail(code, "scripted"));
    }
    [[nodiscard]] std::string header(std::string_view name) const {
      for (const auto& field : call.headers) {
        if (field.name == name) return field.value;
      }
      return {};
    }
  };
  // Asked for each call; nothing: it stays open until the test answers it or its deadline passes.
  std::function<std::optional<Expected<HttpResponse>>(const HttpCall&)> rule;
  std::vector<std::shared_ptr<Call>> calls;

  Future<HttpResponse> send(HttpCall call, Deadline deadline) override {
    auto made = std::make_shared<Call>();
    made->call = std::move(call);
    made->answer = std::make_shared<Promise<HttpResponse>>();
    calls.push_back(made);
    auto future = made->answer->future();
    if (rule) {
      if (auto answer = rule(made->call)) {
        made->answered = true;
        made->answer->set(std::move(*answer));
        return future;
      }
    }
    if (!deadline.is_never()) {
      Executor::current()->timers().start_at(deadline.when(), [made] {
        if (!made->answered) made->fail(ErrorCode::timeout);
      });
    }
    return future;
  }
  [[nodiscard]] std::size_t open() const {
    return static_cast<std::size_t>(std::count_if(calls.begin(), calls.end(), [](const auto& call) { return !call->answered; }));
  }
  // What the network does when the process dies.
  void abandon() {
    for (const auto& call : calls) {
      if (!call->answered) call->fail(ErrorCode::gone);
    }
  }
};

class ScriptedStream final : public HttpStream {
 public:
  std::string text;
  bool reading = true;  // the client
  bool closed = false;

  [[nodiscard]] bool write(std::string bytes) override {
    if (!reading || closed) return false;
    text += bytes;
    return true;
  }
  void close() override { closed = true; }
};

}  // namespace herald::test
