// Throughput of the MSRP endpoint in one direction beside bare TCP on loopback: the same bytes, two threads each, rounds
// interleaved. Bare TCP also waits until the other side has everything. No verdict.
//
//   memory  from a string to nowhere; beside a thread that send()s and one that recv()s. Each message waits for its 200 and each
//           piece of bare TCP for one byte back; MSRP also crosses from the caller's thread to the loop and back
//   queued  the same with 32 messages under way in one session, as when pushes wait for one receiver; bare TCP waits for one byte
//           after 32 of them
//   blob    from a stored blob to a stored blob (both hashes, both syncs); beside the same from file to file: read, send,
//   receive,
//           hash, write, sync
//
//   msrp_bench [ROUNDS [MiB a round [CASE]]]
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <future>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "doubles/temporary_folder.h"
#include "herald/clock.h"
#include "io/io_loop.h"
#include "io/msrp_endpoint.h"
#include "store/blob_store_files.h"

using namespace herald;

namespace {

// Of all threads: what a machine that is busy otherwise does not distort.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double seconds() { return std::chrono::duration<double>(system_clock().now().time_since_epoch()).count(); }

std::string noise(std::size_t size) {
  std::string out(size, '\0');
  std::uint64_t state = 88172645463325252ULL;
  for (auto& c : out) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    c = static_cast<char>(state);
  }
  return out;
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "msrp_bench: %s\n", why.c_str());
  std::exit(1);
}

// -- MSRP ----------------------------------------------------------------------------------------------------------------------

// Takes everything and keeps nothing.
class Nowhere final : public BlobStore {
 public:
  std::shared_ptr<BlobWriter> create(std::uint64_t) override { return std::make_shared<Writer>(); }
  Future<BlobInfo> put(std::string) override { return none<BlobInfo>(); }
  Future<BlobInfo> find(std::string) override { return none<BlobInfo>(); }
  Future<std::string> read(std::string, std::uint64_t, std::size_t) override { return none<std::string>(); }
  Future<void> remove(std::string) override { return ready<void>({}); }
  Future<std::vector<BlobInfo>> list(std::string, std::size_t) override { return none<std::vector<BlobInfo>>(); }
  Expected<int> open(std::string_view) override { return fail(ErrorCode::unsupported, "nowhere"); }

 private:
  template <class T>
  static Future<T> none() {
    return ready<T>(fail(ErrorCode::unsupported, "nowhere"));
  }
  class Writer final : public BlobWriter {
   public:
    bool append(std::string_view bytes) override {
      info_.size += bytes.size();
      return true;
    }
    std::size_t queued() const noexcept override { return 0; }
    void on_drained(UniqueFunction<void()>) override {}
    Future<BlobInfo> finish() override { return ready<BlobInfo>(info_); }
    void finish(UniqueFunction<void(Expected<BlobInfo>)> done) override { done(info_); }

   private:
    BlobInfo info_{"nowhere", 0, "", ""};
  };
};

// One end: a loop on a thread of its own, which is the sessions' shard too.
class End {
 public:
  explicit End(BlobStore& blobs) {
    io::MsrpOptions options;
    options.listen = "127.0.0.1:0";
    auto made = io::MsrpEndpointService::make(loop_, blobs, options);
    if (!made) give_up(made.error().text);
    endpoint_ = std::move(*made);
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~End() {
    loop_.complete([this] {
      session.reset();
      endpoint_->close();
    });
    loop_.stop();
    thread_.join();
  }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  template <class F>
  void on_loop(F work) {
    std::promise<void> done;
    loop_.complete([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  void open(const std::function<Future<int>(MsrpMessage)>& handler) {
    on_loop([&] {
      auto opened = endpoint_->open(false, MsrpPolicy{{"*"}, std::uint64_t{1} << 40U, 0});
      if (!opened) give_up(opened.error().text);
      session = std::move(*opened);
      session->on_message(handler);
    });
  }
  template <class T>
  std::future<Expected<T>> ask(UniqueFunction<Future<T>(MsrpSession&)> question) {
    auto answer = std::make_shared<std::promise<Expected<T>>>();
    auto future = answer->get_future();
    loop_.complete([this, answer, question = std::move(question)]() mutable { spawn(wait<T>(question(*session), answer)); });
    return future;
  }

  std::shared_ptr<MsrpSession> session;

 private:
  template <class T>
  static Task<void> wait(Future<T> what, std::shared_ptr<std::promise<Expected<T>>> answer) {
    auto result = co_await what;
    answer->set_value(std::move(result));
  }
  io::IoLoop loop_;
  std::unique_ptr<io::MsrpEndpointService> endpoint_;
  std::thread thread_;
};

class Pair {
 public:
  Pair(BlobStore& from, BlobStore& to, std::function<void(MsrpMessage)> got) : sender_(from), receiver_(to) {
    sender_.open([](MsrpMessage) { return ready<int>(200); });
    receiver_.open([got = std::move(got)](MsrpMessage message) {
      got(std::move(message));
      return ready<int>(200);
    });
    auto passive = receiver_.ask<void>(
        [peer = sender_.session->local()](MsrpSession& session) { return session.start(peer, MsrpSetup::passive); });
    auto active = sender_.ask<void>(
        [peer = receiver_.session->local()](MsrpSession& session) { return session.start(peer, MsrpSetup::active); });
    if (!active.get() || !passive.get()) give_up("no session");
  }
  double send(MsrpMessage message) {
    std::vector<MsrpMessage> one;
    one.push_back(std::move(message));
    return send(std::move(one));
  }
  // All of them under way at once.
  double send(std::vector<MsrpMessage> messages) {
    const auto size = messages.front().size();
    std::vector<std::future<Expected<MsrpSent>>> answers;
    const auto begun = seconds();
    for (auto& message : messages) {
      message.type = "application/octet-stream";
      answers.push_back(sender_.ask<MsrpSent>([message = std::move(message)](MsrpSession& session) mutable {
        return session.send(std::move(message), std::chrono::seconds(1));
      }));
    }
    for (auto& answer : answers) {
      const auto sent = answer.get();
      if (!sent) give_up(sent.error().text);
      if (sent->status != 200 || sent->acknowledged != size) give_up("not all was taken: " + std::to_string(sent->status));
    }
    return seconds() - begun;
  }

 private:
  End sender_;
  End receiver_;
};

// -- bare TCP ------------------------------------------------------------------------------------------------------------------

class Tcp {
 public:
  Tcp() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof own;
    auto* address = static_cast<sockaddr*>(static_cast<void*>(&own));
    if (::bind(listener, address, length) != 0 || ::listen(listener, 1) != 0) give_up("no socket");
    ::getsockname(listener, address, &length);
    from_ = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(from_, address, length) != 0) give_up("no connection");
    to_ = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    const int on = 1;
    ::setsockopt(from_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(to_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    thread_ = std::thread([this] { receive(); });
  }
  ~Tcp() {
    ::shutdown(from_, SHUT_RDWR);
    thread_.join();
    ::close(from_);
    ::close(to_);
  }
  Tcp(const Tcp&) = delete;
  Tcp& operator=(const Tcp&) = delete;

  double send(std::string_view bytes, std::size_t times = 1) {
    return timed(bytes.size() * times, {}, [&] {
      for (std::size_t i = 0; i < times; ++i) push(bytes);
    });
  }
  double send_file(const std::string& from, const std::string& into, std::size_t size) {
    return timed(size, into, [&] {
      const int fd = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
      std::string piece(kPiece, '\0');
      for (ssize_t got = 0; (got = ::read(fd, piece.data(), piece.size())) > 0;)
        push(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
      ::close(fd);
    });
  }

 private:
  static constexpr std::size_t kPiece = 256 * 1024;

  template <class F>
  double timed(std::size_t size, const std::string& into, F work) {
    expected_ = size;
    into_ = into;
    const auto begun = seconds();
    work();
    char done = 0;
    if (::recv(from_, &done, 1, MSG_WAITALL) != 1) give_up("no answer");
    return seconds() - begun;
  }
  void push(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(from_, bytes.data(), std::min(bytes.size(), kPiece), MSG_NOSIGNAL);
      if (sent <= 0) give_up("send failed");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void receive() {
    std::string piece(kPiece, '\0');
    std::size_t have = 0;
    int file = -1;
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> sha1(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> sha256(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    for (;;) {
      const auto got = ::recv(to_, piece.data(), piece.size(), 0);
      if (got <= 0) return;
      if (have == 0 && !into_.empty()) {
        file = ::open(into_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        EVP_DigestInit_ex(sha1.get(), EVP_sha1(), nullptr);
        EVP_DigestInit_ex(sha256.get(), EVP_sha256(), nullptr);
      }
      if (file >= 0) {
        EVP_DigestUpdate(sha1.get(), piece.data(), static_cast<std::size_t>(got));
        EVP_DigestUpdate(sha256.get(), piece.data(), static_cast<std::size_t>(got));
        if (::write(file, piece.data(), static_cast<std::size_t>(got)) != got) give_up("write failed");
      }
      have += static_cast<std::size_t>(got);
      if (have < expected_) continue;
      have = 0;
      if (file >= 0) {
        ::fsync(file);
        ::close(std::exchange(file, -1));
      }
      if (::send(to_, "!", 1, MSG_NOSIGNAL) != 1) return;
    }
  }

  int from_ = -1;
  int to_ = -1;
  std::atomic<std::size_t> expected_{0};
  std::string into_;  // set while the receiver waits
  std::thread thread_;
};

// -- the rounds ----------------------------------------------------------------------------------------------------------------

struct Figures {
  std::vector<double> msrp, tcp;          // MiB/s of each round
  std::vector<double> msrp_cpu, tcp_cpu;  // CPU milliseconds for a MiB
  static double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }
  void print(const std::string& name) const {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < msrp.size(); ++i) ratios.push_back(msrp[i] / tcp[i]);
    std::printf("%-14s msrp %7.0f MiB/s  tcp %7.0f MiB/s  ratio %.2f (%.2f .. %.2f)   CPU ms/MiB: msrp %.2f  tcp %.2f\n",
                name.c_str(), median(msrp), median(tcp), median(ratios), *std::min_element(ratios.begin(), ratios.end()),
                *std::max_element(ratios.begin(), ratios.end()), median(msrp_cpu), median(tcp_cpu));
    std::fflush(stdout);
  }
  template <class F>
  static void run(std::vector<double>& speeds, std::vector<double>& cpu, double mib, F work) {
    const auto begun = cpu_seconds();
    const double took = work();
    speeds.push_back(mib / took);
    cpu.push_back((cpu_seconds() - begun) * 1000 / mib);
  }
};

constexpr double kMiB = 1024.0 * 1024.0;
constexpr std::array<std::pair<std::string_view, std::size_t>, 3> kSizes{
    {{"64KiB", 64UL << 10U}, {"5MiB", 5UL << 20U}, {"100MiB", 100UL << 20U}}};

constexpr std::size_t kUnderWay = 32;
constexpr std::size_t kQueuedUpTo = 1UL << 20U;

std::size_t times_of(std::size_t size, std::size_t total) { return std::max<std::size_t>(1, total / size); }

Figures memory_case(std::size_t size, int rounds, std::size_t total, std::size_t under_way = 1) {
  Nowhere nowhere;
  Pair pair(nowhere, nowhere, [](const MsrpMessage&) {});
  Tcp tcp;
  const auto content = noise(size);
  const auto times = std::max<std::size_t>(1, times_of(size, total) / under_way);
  Figures figures;
  for (int round = -1; round < rounds; ++round) {  // the first one warms up
    std::vector<std::vector<MsrpMessage>> bursts(times);
    for (auto& burst : bursts) {
      burst.resize(under_way);
      for (auto& message : burst) message.bytes = content;
    }
    const auto mib = static_cast<double>(size * times * under_way) / kMiB;
    if (round == 0) figures = {};
    Figures::run(figures.msrp, figures.msrp_cpu, mib, [&] {
      double took = 0;
      for (auto& burst : bursts) took += pair.send(std::move(burst));
      return took;
    });
    Figures::run(figures.tcp, figures.tcp_cpu, mib, [&] {
      double took = 0;
      for (std::size_t i = 0; i < times; ++i) took += tcp.send(content, under_way);
      return took;
    });
  }
  return figures;
}

Figures blob_case(std::size_t size, int rounds, std::size_t total) {
  const test::TemporaryFolder folder;
  const auto open = [&](const std::string& name) {
    store::BlobOptions options;
    options.path = folder.file(name);
    auto blobs = store::FileBlobStore::open(std::move(options));
    if (!blobs) give_up(blobs.error().text);
    return std::move(*blobs);
  };
  const auto from = open("from");
  const auto to = open("to");
  BlobInfo stored;
  {
    const auto writer = from->create(size);
    if (!writer->append(noise(size))) give_up("no blob");
    std::promise<void> done;
    writer->finish([&](Expected<BlobInfo> info) {
      if (!info) give_up(info.error().text);
      stored = *info;
      done.set_value();
    });
    done.get_future().get();
  }
  std::atomic<bool> equal{true};
  Figures figures;
  {
    Pair pair(*from, *to, [&](const MsrpMessage& message) {
      if (!message.blob || message.blob->sha256 != stored.sha256) equal = false;
      if (message.blob) (void)to->remove(message.blob->id);
    });
    Tcp tcp;
    const auto source = folder.file("source");
    if (auto* file = std::fopen(source.c_str(), "wb")) {
      const auto content = noise(size);
      std::fwrite(content.data(), 1, content.size(), file);
      std::fclose(file);
    }
    const auto times = times_of(size, total);
    for (int round = -1; round < rounds; ++round) {
      const auto mib = static_cast<double>(size * times) / kMiB;
      if (round == 0) figures = {};
      Figures::run(figures.msrp, figures.msrp_cpu, mib, [&] {
        double took = 0;
        for (std::size_t i = 0; i < times; ++i) {
          MsrpMessage message;
          message.blob = stored;
          took += pair.send(std::move(message));
        }
        return took;
      });
      Figures::run(figures.tcp, figures.tcp_cpu, mib, [&] {
        double took = 0;
        for (std::size_t i = 0; i < times; ++i) took += tcp.send_file(source, folder.file("sink"), size);
        return took;
      });
    }
  }
  from->stop();
  to->stop();
  if (!equal) give_up("what arrived is not what was sent");
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  const auto total = static_cast<std::size_t>(argc > 2 ? std::max(1, std::atoi(argv[2])) : 100) << 20U;
  const std::string_view only = argc > 3 ? argv[3] : "";
  for (const auto& [name, size] : kSizes) {
    const auto memory = "memory-" + std::string(name);
    const auto blob = "blob-" + std::string(name);
    if (only.empty() || memory.find(only) != std::string::npos) memory_case(size, rounds, total).print(memory);
    const auto queued = "queued-" + std::string(name);
    if (size <= kQueuedUpTo && (only.empty() || queued.find(only) != std::string::npos))
      memory_case(size, rounds, total, kUnderWay).print(queued);
    if (only.empty() || blob.find(only) != std::string::npos) blob_case(size, rounds, total / 4).print(blob);
  }
  return 0;
}
