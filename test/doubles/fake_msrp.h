// MSRP without a wire: the test plays the peer of every session.
//
//   auto& session = *endpoint.sessions().back();
//   session.connect();                              // start() ends well
//   auto status = session.receive(message);         // a whole message came in; status->value once its REPORT is known
//
// Thread: the test's, which is the executor's.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "herald/msrp.h"

namespace herald::test {

struct FakeReport {
  std::optional<int> value;
};

class FakeMsrpSession final : public MsrpSession {
 public:
  FakeMsrpSession(MsrpDescription local, MsrpPolicy allowed) : policy(std::move(allowed)), local_(std::move(local)) {}

  const MsrpDescription& local() const noexcept override { return local_; }
  Future<void> start(MsrpDescription description, MsrpSetup setup) override {
    peer = std::move(description);
    role = setup;
    return started_.future();
  }
  Future<MsrpSent> send(MsrpMessage message, std::chrono::milliseconds) override {
    sent.push_back(std::move(message));
    return answers_.emplace_back(std::make_unique<Promise<MsrpSent>>())->future();
  }
  void abort_sending() override { aborted = true; }
  void on_message(UniqueFunction<Future<int>(MsrpMessage)> handler) override { on_message_ = std::move(handler); }
  void on_closed(UniqueFunction<void(Error)> handler) override { on_closed_ = std::move(handler); }
  void close() override {
    closed = true;
    started_.set(herald::fail(ErrorCode::gone, "closed"));
    for (const auto& answer : answers_) answer->set(herald::fail(ErrorCode::gone, "closed"));
  }

  // -- as the peer and the network
  void connect() { started_.set({}); }
  void refuse(ErrorCode code) { started_.set(fail(code, "refused")); }
  void lose() {
    if (on_closed_ && !closed) on_closed_(Error{ErrorCode::unavailable, "connection lost"});
  }
  std::shared_ptr<FakeReport> receive(MsrpMessage message) {
    auto report = std::make_shared<FakeReport>();
    spawn(await_report(on_message_(std::move(message)), report));
    return report;
  }
  void fail_sending(std::size_t index, ErrorCode code) { answers_.at(index)->set(herald::fail(code, "failed")); }
  void answer(std::size_t index, MsrpSent outcome) { answers_.at(index)->set(std::move(outcome)); }

  MsrpPolicy policy;
  MsrpDescription peer;
  std::optional<MsrpSetup> role;
  std::vector<MsrpMessage> sent;
  bool aborted = false;
  bool closed = false;

 private:
  static Task<void> await_report(Future<int> future, std::shared_ptr<FakeReport> report) {
    const auto status = co_await future;
    if (status) report->value = *status;
  }
  MsrpDescription local_;
  Promise<void> started_;
  UniqueFunction<Future<int>(MsrpMessage)> on_message_;
  UniqueFunction<void(Error)> on_closed_;
  std::deque<std::unique_ptr<Promise<MsrpSent>>> answers_;
};

class FakeMsrp final : public MsrpEndpoint {
 public:
  Expected<std::shared_ptr<MsrpSession>> open(bool with_tls, MsrpPolicy policy) override {
    if (full) return fail(ErrorCode::unavailable, "too many sessions");
    MsrpDescription local;
    local.address = "127.0.0.1";
    local.port = 2855;
    local.tls = with_tls;
    local.path = std::string(with_tls ? "msrps" : "msrp") + "://127.0.0.1:2855/s" + std::to_string(sessions_.size() + 1) + ";tcp";
    sessions_.push_back(std::make_shared<FakeMsrpSession>(std::move(local), std::move(policy)));
    return std::shared_ptr<MsrpSession>(sessions_.back());
  }
  bool has_tls() const noexcept override { return tls; }
  [[nodiscard]] const std::vector<std::shared_ptr<FakeMsrpSession>>& sessions() const noexcept { return sessions_; }
  bool tls = false;
  bool full = false;

 private:
  std::vector<std::shared_ptr<FakeMsrpSession>> sessions_;
};

}  // namespace herald::test
