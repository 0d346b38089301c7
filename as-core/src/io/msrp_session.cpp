#include "io/msrp_session.h"

#include <algorithm>
#include <utility>

#include "io/msrp_channel.h"
#include "io/msrp_text.h"

namespace herald::io {
namespace {

using Handler = UniqueFunction<Future<int>(MsrpMessage)>;

// What the module gave; on its shard alone.
struct Module {
  std::shared_ptr<Handler> message;  // shared with calls of it that run
  UniqueFunction<void(Error)> closed;
  std::optional<Error> lost;
  bool ended = false;
};

// A module that fails or forgets has not taken the message.
class Verdict {
 public:
  explicit Verdict(UniqueFunction<void(int)> reply) : reply_(std::move(reply)) {}
  ~Verdict() { give(413); }
  Verdict(const Verdict&) = delete;
  Verdict& operator=(const Verdict&) = delete;
  void give(int status) {
    if (auto reply = std::exchange(reply_, nullptr)) reply(status);
  }

 private:
  UniqueFunction<void(int)> reply_;
};

Task<void> judge(std::shared_ptr<Handler> handler, MsrpMessage message, std::shared_ptr<Verdict> verdict) {
  auto future = (*handler)(std::move(message));
  const auto status = co_await future;
  verdict->give(status && *status >= 200 && *status <= 999 ? *status : 413);
}

class Session final : public MsrpSession {
 public:
  Session(std::shared_ptr<MsrpHub> hub, std::shared_ptr<MsrpChannel> channel, std::shared_ptr<Module> module, MsrpDescription own)
      : hub_(std::move(hub)), channel_(std::move(channel)), module_(std::move(module)), own_(std::move(own)) {}
  ~Session() override { close(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const MsrpDescription& local() const noexcept override { return own_; }

  Future<void> start(MsrpDescription peer, MsrpSetup role) override {
    Promise<void> promise;
    auto future = promise.future();
    if (role == MsrpSetup::actpass) {
      promise.set(fail(ErrorCode::invalid, "who connects was not agreed: actpass is for offers"));
      return future;
    }
    post([peer = std::move(peer), role, promise = std::move(promise)](MsrpChannel& channel) mutable {
      channel.start(std::move(peer), role, std::move(promise));
    });
    return future;
  }

  Future<MsrpSent> send(MsrpMessage message, std::chrono::milliseconds report_wait) override {
    Promise<MsrpSent> promise;
    auto future = promise.future();
    if (message.message_id.empty()) message.message_id = random_ident();
    const bool well_formed = is_msrp_ident(message.message_id) && is_mime_header("Content", message.type) &&
                             message.type.find('/') != std::string::npos && message.headers.size() <= 32 &&
                             std::all_of(message.headers.begin(), message.headers.end(),
                                         [](const auto& header) { return is_mime_header(header.first, header.second); });
    if (!well_formed) {
      promise.set(fail(ErrorCode::invalid, "Message-ID, Content-Type or a header of an MSRP message is not valid"));
      return future;
    }
    post([message = std::move(message), report_wait, promise = std::move(promise)](MsrpChannel& channel) mutable {
      channel.send(std::move(message), report_wait, std::move(promise));
    });
    return future;
  }

  void abort_sending() override {
    post([](MsrpChannel& channel) { channel.abort_sending(); });
  }

  void on_message(UniqueFunction<Future<int>(MsrpMessage)> handler) override {
    module_->message = std::make_shared<Handler>(std::move(handler));
  }
  void on_closed(UniqueFunction<void(Error)> handler) override {
    if (module_->ended) return;
    module_->closed = std::move(handler);
    if (auto* home = Executor::current(); module_->lost && home != nullptr)
      home->complete([module = module_] {
        if (!module->ended && module->closed) std::exchange(module->closed, nullptr)(*module->lost);
      });
  }

  void close() override {
    if (std::exchange(module_->ended, true)) return;
    module_->message.reset();
    module_->closed = nullptr;
    if (!channel_ || hub_->closed()) return;
    // Our share of the channel goes along: it must not be the last one, to be dropped here.
    hub_->loop.complete([channel = std::move(channel_), hub = hub_] { channel->close(); });
  }

 private:
  // Promises of what cannot be posted any more tell `gone` when they are destroyed.
  template <class F>
  void post(F work) {
    if (!channel_ || hub_->closed()) return;
    hub_->loop.complete([channel = channel_, hub = hub_, work = std::move(work)]() mutable { work(*channel); });
  }

  const std::shared_ptr<MsrpHub> hub_;
  std::shared_ptr<MsrpChannel> channel_;
  const std::shared_ptr<Module> module_;
  const MsrpDescription own_;
};

MsrpChannel::Upward upward_to(Executor& home, const std::shared_ptr<Module>& module, BlobStore& blobs) {
  MsrpChannel::Upward upward;
  upward.message = [&home, module, &blobs](MsrpMessage message, UniqueFunction<void(int)> reply) {
    auto verdict = std::make_shared<Verdict>(std::move(reply));
    return home.execute([module, &blobs, verdict, message = std::move(message)]() mutable {
      if (module->ended || !module->message) {
        if (message.blob) (void)blobs.remove(message.blob->id);  // nobody will
        return verdict->give(403);
      }
      auto handler = module->message;
      spawn(judge(std::move(handler), std::move(message), std::move(verdict)));
    });
  };
  upward.closed = [&home, module](Error error) {
    home.complete([module, error = std::move(error)] {
      if (module->ended) return;
      module->lost = error;
      if (module->closed) std::exchange(module->closed, nullptr)(error);
    });
  };
  return upward;
}

}  // namespace

std::shared_ptr<MsrpSession> make_session(std::shared_ptr<MsrpHub> hub, Executor& home, MsrpDescription own, MsrpPolicy policy) {
  auto module = std::make_shared<Module>();
  auto channel = std::make_shared<MsrpChannel>(*hub, own, std::move(policy), upward_to(home, module, hub->blobs));
  hub->loop.complete([hub, channel] {
    if (!hub->closed()) hub->add(channel);
  });
  return std::make_shared<Session>(std::move(hub), std::move(channel), std::move(module), std::move(own));
}

}  // namespace herald::io
