#include "msrp_faults.h"

#include <utility>

namespace herald::receiver {
namespace {

// The session behind it in everything but what it says of its certificate.
class Session final : public MsrpSession {
 public:
  Session(std::shared_ptr<MsrpSession> session, ToldFingerprint told) : session_(std::move(session)), local_(session_->local()) {
    auto& fingerprint = local_.fingerprint;
    if (fingerprint.empty()) return;
    if (told == ToldFingerprint::none) fingerprint.clear();
    if (told == ToldFingerprint::wrong) fingerprint.back() = fingerprint.back() == '0' ? '1' : '0';
  }
  const MsrpDescription& local() const noexcept override { return local_; }
  Future<void> start(MsrpDescription peer, MsrpSetup role) override { return session_->start(std::move(peer), role); }
  Future<MsrpSent> send(MsrpMessage message, std::chrono::milliseconds report_wait) override {
    return session_->send(std::move(message), report_wait);
  }
  void abort_sending() override { session_->abort_sending(); }
  void on_message(UniqueFunction<Future<int>(MsrpMessage)> handler) override { session_->on_message(std::move(handler)); }
  void on_closed(UniqueFunction<void(Error)> handler) override { session_->on_closed(std::move(handler)); }
  void close() override { session_->close(); }

 private:
  const std::shared_ptr<MsrpSession> session_;
  MsrpDescription local_;
};

}  // namespace

Expected<std::shared_ptr<MsrpSession>> FingerprintFault::open(bool tls, MsrpPolicy policy) {
  auto opened = endpoint_.open(tls, std::move(policy));
  if (!opened || told_ == ToldFingerprint::own) return opened;
  return std::make_shared<Session>(std::move(*opened), told_);
}

}  // namespace herald::receiver
