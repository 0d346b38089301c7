// A node for one agent: a shard on the main thread, a SIP stack, a container that hosts the receiver module.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <pthread.h>
#include <thread>
#include <unistd.h>

#include "base/log_setup.h"
#include "command_line.h"
#include "container/container.h"
#include "content_saver.h"
#include "cutting_blobs.h"
#include "io/http_client_service.h"
#include "io/msrp_endpoint.h"
#include "receiver_module.h"
#include "sip/sofia_root.h"
#include "store/blob_store_files.h"
#include "store/memory_store.h"

namespace {

using namespace herald;
using namespace herald::receiver;

constexpr auto kTimeToDeregister = std::chrono::seconds(5);

// A UE asks no HSS and serves no HTTP.
class NoSh final : public ShClient {
 public:
  Future<ShReply> user_data(ShQuery, Deadline) override { return ready<ShReply>(ShReply{}); }
  [[nodiscard]] std::vector<PeerState> peers() const override { return {}; }
};
class NoHttp final : public HttpRoutes {
 public:
  void add(std::string_view, std::string_view, HttpHandler, HttpRouteOptions) override {}
};

// SIGTERM and SIGINT as work on the shard.
class Signals {
 public:
  // Before any other thread starts: all inherit the mask.
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  void listen(Executor& executor, std::function<void()> on_signal) {
    thread_ = std::thread([this, &executor, on_signal = std::move(on_signal)] {
      int number = 0;
      sigwait(&set_, &number);
      if (!over_) executor.complete(on_signal);
    });
  }
  ~Signals() { silence(); }
  // No signal reaches the executor any more.
  void silence() {
    if (!thread_.joinable()) return;
    over_ = true;
    // It may still wait: the signal is blocked everywhere and taken by its sigwait().
    pthread_kill(thread_.native_handle(), SIGTERM);  // NOLINT(bugprone-bad-signal-to-kill-thread)
    thread_.join();
  }

 private:
  sigset_t set_{};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

Expected<std::unique_ptr<sip::SipStack>> make_stack(Executor& executor, const CommandLine& line) {
  sip::StackOptions options;
  options.user_agent = "herald-receiver";
  auto host = line.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  options.listen = {{sip::Transport::udp, host, line.port}, {sip::Transport::tcp, host, line.port}};
  return sip::make_sip_stack(executor, std::move(options));
}

std::string contact_of(const sip::SipStack& stack, const CommandLine& line) {
  for (const auto& address : stack.listening())
    if (sip::to_string(address.transport) == line.transport)
      return line.host + ":" + std::to_string(address.port) + (line.transport == "tcp" ? ";transport=tcp" : "");
  return line.host;
}

Task<void> start(container::Container& container, std::optional<Error>& error, sip::SofiaRoot& root) {
  auto started = co_await container.start();
  if (started) co_return;
  error = started.error();
  root.stop();
}

Task<void> end(ReceiverAgent& agent, sip::SofiaRoot& root) {
  const auto deadline = Deadline::after(system_clock(), kTimeToDeregister);
  co_await agent.shut_down(deadline);
  root.stop();
}

// The network besides SIP, on a thread of its own.
class IoSide {
 public:
  explicit IoSide(BlobStore& blobs) : client_(loop_, {}, nullptr, &blobs) {}
  IoSide(const IoSide&) = delete;
  IoSide& operator=(const IoSide&) = delete;
  ~IoSide() { stop(); }
  // Before start().
  Expected<void> listen(const CommandLine& line, BlobStore& blobs) {
    io::MsrpOptions options;
    if (line.msrp) options.listen = text_of(*line.msrp);
    if (line.msrps) options.tls_listen = text_of(*line.msrps);
    options.tls.certificate = line.msrp_certificate;
    options.tls.key = line.msrp_key;
    options.tls.ca = line.msrp_ca;
    auto made = io::MsrpEndpointService::make(loop_, blobs, options);
    if (!made) return fail(std::move(made.error()));
    msrp_ = std::move(*made);
    told_.emplace(*msrp_, line.msrp_fingerprint);
    return {};
  }
  void start() {
    thread_ = std::thread([this] { loop_.run(); });
  }
  // What it was asked for ends; its answers go to loops that still run.
  void stop() {
    if (!thread_.joinable()) return;
    loop_.complete([this] {
      client_.close();
      if (msrp_) msrp_->close();
    });
    loop_.stop();
    thread_.join();
  }
  [[nodiscard]] HttpClient& client() noexcept { return client_; }
  [[nodiscard]] MsrpEndpoint* msrp() noexcept { return told_ ? &*told_ : nullptr; }

 private:
  static std::string text_of(const std::pair<std::string, std::uint16_t>& address) {
    return address.first + ":" + std::to_string(address.second);
  }
  io::IoLoop loop_;
  io::HttpClientService client_;
  std::unique_ptr<io::MsrpEndpointService> msrp_;
  std::optional<FingerprintFault> told_;
  std::thread thread_;
};

// Lines of standard input as work on the shard: what the user says to a REFER.
class Commands {
 public:
  Commands() {
    if (::pipe2(stop_.data(), O_CLOEXEC) != 0) stop_ = {-1, -1};
  }
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;
  ~Commands() {
    ::close(std::exchange(stop_[1], -1));  // wakes the thread
    if (thread_.joinable()) thread_.join();
    ::close(stop_[0]);
  }
  void listen(Executor& executor, std::function<void(std::string)> on_line) {
    if (stop_[0] < 0) return;
    thread_ = std::thread([this, &executor, on_line = std::move(on_line)] { read(executor, on_line); });
  }

 private:
  static constexpr std::size_t kLongestLine = 4096;
  void read(Executor& executor, const std::function<void(std::string)>& on_line) const {
    std::string line;
    for (;;) {
      std::array<pollfd, 2> ready{{{STDIN_FILENO, POLLIN, 0}, {stop_[0], POLLIN, 0}}};
      if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return;
      if (ready[1].revents != 0) return;
      if (ready[0].revents == 0) continue;
      std::array<char, 512> bytes{};
      const auto got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
      if (got <= 0) return;  // no more commands; the agent goes on
      for (const char c : std::string_view(bytes.data(), static_cast<std::size_t>(got))) {
        if (c != '\n') {
          if (line.size() < kLongestLine) line += c;
          continue;
        }
        executor.complete([&on_line, said = std::exchange(line, {})] { on_line(said); });
      }
    }
  }
  std::array<int, 2> stop_{-1, -1};
  std::thread thread_;
};

container::ShardParts parts_of(sip::SofiaRoot& root, sip::SipStack& stack, Store& store, ShClient& sh, HttpRoutes& http,
                               IoSide& network, BlobStore& blobs, const std::vector<std::string>& trusted) {
  return container::ShardParts{.index = 0,
                               .count = 1,
                               .executor = root,
                               .stack = stack,
                               .store = store,
                               .sh = sh,
                               .http = http,
                               .admin_http = http,
                               .node = {"receiver", {}, {}},
                               .trusted =
                                   [trusted](const sip::PeerAddress& peer) {  // PR-16
                                     return trusted.empty() ||
                                            std::find(trusted.begin(), trusted.end(), peer.host) != trusted.end();
                                   },
                               .own_hosts = {},
                               .own_identities = {},
                               .limits = {},
                               .http_client = &network.client(),
                               .blobs = &blobs,
                               .msrp = network.msrp()};
}

int run(CommandLine line, Signals& signals) {
  sip::SofiaRoot root(system_clock(), sip::SofiaRoot::kMailboxCapacity, "receiver");
  auto stack = root.inside([&] { return make_stack(root, line); });
  if (!stack) {
    std::fprintf(stderr, "herald-receiver: %s\n", stack.error().text.c_str());
    return kCannotBind;
  }
  config_set(line.section, "contact", config_scalar(contact_of(**stack, line)));

  container::ModuleHost host;
  host.add_builtin("receiver", module_entry);
  ConfigIssues issues;
  container::ModuleSpec spec;
  spec.name = "receiver";
  spec.section = line.section;
  std::vector<container::ModuleSpec> specs{std::move(spec)};
  auto snapshot = host.load(std::move(specs), {receiver_profile()}, issues);
  if (!snapshot) {
    for (const auto& issue : issues.all())
      std::fprintf(stderr, "herald-receiver: %s: %s\n", issue.key.c_str(), issue.text.c_str());
    return kUsage;
  }

  store::MemoryStore store;
  auto blobs = store::FileBlobStore::open(store::BlobOptions());
  if (!blobs) {
    std::fprintf(stderr, "herald-receiver: %s\n", blobs.error().text.c_str());
    return kInternal;
  }
  NoSh sh;
  NoHttp http;
  std::unique_ptr<FolderSaver> saver;
  if (!line.save_dir.empty()) {
    auto made = FolderSaver::make(line.save_dir, **blobs);
    if (!made) {
      std::fprintf(stderr, "herald-receiver: %s\n", made.error().text.c_str());
      return kCannotBind;
    }
    saver = std::move(*made);
  }
  container::Shards shards;
  std::optional<container::Container> container;
  std::optional<Error> failed;
  auto* module = static_cast<ReceiverModule*>(host.modules().front().module);
  module->save_with(saver.get());
  CuttingBlobs cutting(**blobs, line.msrp_drop_after, [&] {
    root.complete([&] {
      if (module->agent() != nullptr) module->agent()->cut_sessions();
    });
  });
  IoSide network(**blobs);
  if (line.msrp || line.msrps) {
    if (auto bound = network.listen(line, cutting); !bound) {
      std::fprintf(stderr, "herald-receiver: %s\n", bound.error().text.c_str());
      return kCannotBind;
    }
  }
  network.start();
  root.inside([&] {
    container.emplace(parts_of(root, **stack, store, sh, http, network, **blobs, line.trusted), shards, host, *snapshot);
  });
  root.complete([&] { spawn(start(*container, failed, root)); });

  bool ending = false;
  bool asked = false;  // by a signal: whoever sends one wants it to end, registered or not
  const auto stop = [&] {
    if (ending || module->agent() == nullptr) return;
    ending = true;
    spawn(end(*module->agent(), root));
  };
  signals.listen(root, [&] {
    asked = true;
    stop();
  });
  std::function<void(std::string)> on_line = [&](const std::string& said) {
    if (module->agent() != nullptr && !module->agent()->command(said))
      std::fprintf(stderr, "herald-receiver: \"%s\": say accept ID or deny ID\n", said.c_str());
  };
  std::optional<Commands> commands;
  if (line.asks) commands.emplace().listen(root, on_line);
  if (line.duration) root.complete([&] { root.timers().start_at(root.clock().now() + *line.duration, stop); });
  root.run();

  const bool registered = module->agent() != nullptr && module->agent()->ever_registered();
  signals.silence();
  commands.reset();
  network.stop();
  root.inside([&] { container->stop(); });
  saver.reset();
  (*blobs)->stop();
  root.step();
  root.inside([&] {
    container.reset();
    stack->reset();
  });
  root.step();
  if (failed) {
    std::fprintf(stderr, "herald-receiver: %s\n", failed->text.c_str());
    return kInternal;
  }
  return registered || asked ? kEnded : kNeverRegistered;
}

}  // namespace

int main(int argc, char** argv) {
  auto parsed = parse_command_line(argc, argv);
  if (!parsed.run) return parsed.exit_code;
  try {
    int code = kInternal;
    {
      Signals signals;
      log::Options logging;
      logging.level = parsed.run->verbose ? log::Level::debug : log::Level::error;
      logging.format = log::Format::text;
      log::start(logging);
      code = run(std::move(*parsed.run), signals);
    }
    log::stop();
    return code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "herald-receiver: %s\n", error.what());
    return kInternal;
  }
}
