#include "sip/sip_stack.h"

#include <sofia-sip/nta.h>
#include <sofia-sip/su_tag.h>
#include <utility>

#include "herald/log.h"
#include "sip/client_transactions.h"
#include "sip/server_transactions.h"
#include "sip/sip_catalog.h"
#include "sip/sip_metrics.h"
#include "sip/sofia_agent.h"
#include "sip/sofia_root.h"

namespace herald::sip {
namespace {

constexpr Duration kSamplePeriod = std::chrono::seconds(5);

class SofiaStack final : public SipStack {
 public:
  explicit SofiaStack(SofiaRoot& root) : root_(root) {}

  ~SofiaStack() override {
    root_.timers().cancel(sample_timer_);
    client_.reset();
    server_.reset();
    agent_.close();
  }
  SofiaStack(const SofiaStack&) = delete;
  SofiaStack& operator=(const SofiaStack&) = delete;

  Expected<void> open(const StackOptions& options) {
    // NTA calls back only while the agent lives, and this object closes it.
    if (auto opened = agent_.open(root_, options, &SofiaStack::on_message, this); !opened) return opened;
    for (const auto& local : agent_.locals()) listening_.push_back(local.address);
    server_ = std::make_unique<ServerTransactions>(root_, agent_, options);
    client_ = std::make_shared<ClientTransactions>(root_, agent_, options);
    sample_later();
    return {};
  }

  [[nodiscard]] const std::vector<ListenAddress>& listening() const noexcept override { return listening_; }

  [[nodiscard]] std::string contact_uri(Transport transport, std::string_view user) const override {
    const auto* local = agent_.local(transport);
    if (!local) local = &agent_.locals().front();
    std::string out = "sip:";
    if (!user.empty()) out += std::string(user) + "@";
    out += local->sent_by;
    if (local->address.transport != Transport::udp) out += ";transport=" + std::string(to_string(local->address.transport));
    return out;
  }

  void on_request(OnRequest handler) override { server_->on_request(std::move(handler)); }
  void on_ack(OnAck handler) override { server_->on_ack(std::move(handler)); }
  void on_late_success(OnLateSuccess handler) override {
    client_->on_late_success(handler);
    server_->on_late_success(std::move(handler));
  }
  std::unique_ptr<ClientTransaction> send(SipMessage request, Deadline deadline, OnResponse callback) override {
    return client_->send(std::move(request), deadline, std::move(callback));
  }
  void send_ack(SipMessage ack) override { client_->send_ack(std::move(ack)); }
  [[nodiscard]] std::vector<HopState> hops() const override { return client_->hops(); }
  void stop_listening() override { server_->stop(); }

 private:
  static int on_message(nta_agent_magic_t* magic, nta_agent_t*, msg_t* msg, sip_t* sip) {
    auto& self = *reinterpret_cast<SofiaStack*>(magic);
    self.root_.guarded("message", [&] { self.server_->receive(msg, sip); });
    return 0;
  }

  // What NTA refused or dropped by itself is known only by its own counters.
  void sample() {
    usize_t bad = 0, retransmitted = 0;
    nta_agent_get_stats(agent_.get(), NTATAG_S_BAD_MESSAGE_REF(bad), NTATAG_S_RECV_RETRY_REF(retransmitted), TAG_END());
    if (bad != bad_) {
      stats::dropped(stats::Drop::malformed, static_cast<double>(bad - bad_));
      log::event(catalog::kBadMessage, {{"messages", bad - bad_}});
    }
    if (retransmitted != retransmitted_) stats::retransmitted_in(static_cast<double>(retransmitted - retransmitted_));
    bad_ = bad;
    retransmitted_ = retransmitted;
    client_->refresh_gauges();
  }

  void sample_later() {
    sample_timer_ = root_.timers().start_at(root_.clock().now() + kSamplePeriod, [this] {
      sample();
      sample_later();
    });
  }

  SofiaRoot& root_;
  SofiaAgent agent_;
  std::vector<ListenAddress> listening_;
  std::unique_ptr<ServerTransactions> server_;
  std::shared_ptr<ClientTransactions> client_;
  TimerId sample_timer_;
  usize_t bad_ = 0;  // NTA counts modulo 2^32
  usize_t retransmitted_ = 0;
};

}  // namespace

Expected<std::unique_ptr<SipStack>> make_sip_stack(Executor& executor, StackOptions options) {
  auto* root = dynamic_cast<SofiaRoot*>(&executor);
  if (!root) return fail(ErrorCode::invalid, "the SIP stack needs a SofiaRoot");
  if (options.listen.empty()) return fail(ErrorCode::invalid, "sip.listen is empty");
  auto stack = std::make_unique<SofiaStack>(*root);
  try {
    if (auto opened = stack->open(options); !opened) return fail(opened.error());
  } catch (const std::exception& error) {
    return fail(ErrorCode::unavailable, error.what());
  }
  return stack;
}

}  // namespace herald::sip
