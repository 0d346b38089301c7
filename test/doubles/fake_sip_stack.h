// A SIP stack without a wire: the test plays the peers.
//
//   auto call = stack.receive(request);            // a request arrives; call->responses, call->final()
//   stack.sent().back()->answer(200);              // the peer answers a request we sent
//   stack.answer_all([](auto& request) { ... });   // or all of them by rule, in the next turn
//
// Thread: the test's, which is the executor's; what arrives runs on the executor at once. Lifetime: outlives the transactions it
// made.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "doubles/manual_executor.h"
#include "sip/sip_stack.h"

namespace herald::test {

class FakeSipStack final : public sip::SipStack {
 public:
  // An incoming request as its sender sees it.
  struct Call {
    SipMessage request;
    std::vector<SipMessage> responses;  // complete, as they would go out
    bool abandoned = false;             // destroyed unanswered: the stack would send 500
    std::function<void()> on_cancel;
    ManualExecutor* executor = nullptr;
    [[nodiscard]] int final() const;  // status of the final response, 0 while there is none
    [[nodiscard]] const SipMessage& last() const { return responses.back(); }
    void cancel() const;
  };
  // A request of ours as its receiver sees it.
  struct Sent {
    SipMessage request;
    Deadline deadline = Deadline::never();
    bool cancelled = false;
    bool abandoned = false;
    bool done = false;
    bool ringing = false;  // Timer B does not end it any more
    sip::OnResponse callback;
    std::string remote_tag = "peer-tag";
    ManualExecutor* executor = nullptr;

    void answer(int status, std::vector<SipHeaderField> headers = {}, std::string body = {});
    // As the peer would write it.
    [[nodiscard]] SipMessage response(int status, std::vector<SipHeaderField> headers = {}, std::string body = {}) const;
    void fail(int status, ResponseOrigin origin);  // a locally generated final
    void deliver(sip::ClientResult result);
  };

  explicit FakeSipStack(ManualExecutor& executor,
                        std::vector<sip::ListenAddress> listening = {{sip::Transport::udp, "127.0.0.1", 5065}})
      : executor_(executor), listening_(std::move(listening)) {}

  std::shared_ptr<Call> receive(SipMessage request, sip::PeerAddress from = {sip::Transport::udp, "127.0.0.1", 6060});
  // By wire text; line ends may be \n.
  std::shared_ptr<Call> receive(std::string text, sip::PeerAddress from = {sip::Transport::udp, "127.0.0.1", 6060});
  void receive_ack(SipMessage ack);
  void receive_late_success(SipMessage response);
  [[nodiscard]] const std::vector<std::shared_ptr<Sent>>& sent() const noexcept { return sent_; }
  [[nodiscard]] const std::vector<SipMessage>& acks() const noexcept { return acks_; }
  // Status by rule; nullopt: silence.
  void answer_all(std::function<std::optional<int>(const SipMessage&)> rule) { rule_ = std::move(rule); }
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }

  const std::vector<sip::ListenAddress>& listening() const noexcept override { return listening_; }
  std::string contact_uri(sip::Transport transport, std::string_view user) const override;
  void on_request(OnRequest handler) override { on_request_ = std::move(handler); }
  void on_ack(OnAck handler) override { on_ack_ = std::move(handler); }
  void on_late_success(OnLateSuccess handler) override { on_late_success_ = std::move(handler); }
  std::unique_ptr<sip::ClientTransaction> send(SipMessage request, Deadline deadline, sip::OnResponse callback) override;
  void send_ack(SipMessage ack) override { acks_.push_back(std::move(ack)); }
  std::vector<sip::HopState> hops() const override { return {}; }
  void stop_listening() override { stopped_ = true; }

 private:
  ManualExecutor& executor_;
  std::vector<sip::ListenAddress> listening_;
  OnRequest on_request_;
  OnAck on_ack_;
  OnLateSuccess on_late_success_;
  std::vector<std::shared_ptr<Sent>> sent_;
  std::vector<SipMessage> acks_;
  std::function<std::optional<int>(const SipMessage&)> rule_;
  bool stopped_ = false;
  unsigned next_tag_ = 0;
};

// A minimal valid request with everything RFC 3261 8.1.1 asks for. `extra` replaces or adds headers.
[[nodiscard]] SipMessage sip_request(std::string_view method, std::string_view uri, std::vector<SipHeaderField> extra = {},
                                     std::string body = {});

}  // namespace herald::test
