// CPU of the SIP stack alone, per unit of work, with and without batched UDP I/O: the same cases side by side, interleaved.
// Traffic comes from a second thread with bare sockets, in a closed loop. No verdict.
//
//   sip_bench [ROUNDS [UNITS [CASE]]]
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "herald/clock.h"
#include "sip/sip_stack.h"
#include "sip/sofia_root.h"

using namespace herald;

namespace {

constexpr std::size_t kWindow = 64;
constexpr std::string_view kBody =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "4567890123456789";

// -- the other side ----------------------------------------------------------------------------------------------------------

std::string_view line_of(std::string_view message, std::string_view name) {
  const auto at = message.find("\r\n" + std::string(name) + ":");
  if (at == std::string_view::npos) return {};
  const auto end = message.find("\r\n", at + 2);
  return message.substr(at + 2, end - at);
}

std::string ok_to(std::string_view request) {
  std::string out = "SIP/2.0 200 OK\r\n";
  for (const auto* name : {"Via", "From", "To", "Call-ID", "CSeq"}) {
    auto line = std::string(line_of(request, name));
    if (name == std::string_view("To") && line.find(";tag=") == std::string::npos) line.insert(line.size() - 2, ";tag=peer");
    out += line;
  }
  return out + "Content-Length: 0\r\n\r\n";
}

class Traffic {
 public:
  Traffic() : fd_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    const int size = 4 << 20;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    const timeval patience{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof own;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&own), length);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &length);
    port_ = ntohs(own.sin_port);
  }
  ~Traffic() { ::close(fd_); }
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  void connect(std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  [[nodiscard]] std::string request(std::string_view method, std::size_t number) const {
    const auto id = std::to_string(number);
    const auto own = "127.0.0.1:" + std::to_string(port_);
    const bool message = method == "MESSAGE";
    return std::string(method) + " sip:herald@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP " + own + ";branch=z9hG4bK" + id +
           "\r\nRoute: <sip:127.0.0.1;lr>\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a" + id +
           "\r\nTo: <sip:herald@example.com>\r\nCall-ID: " + id + "@bench\r\nCSeq: 1 " + std::string(method) +
           "\r\nContact: <sip:" + own +
           ">\r\nP-Asserted-Identity: <sip:alice@example.com>\r\nP-Charging-Vector: icid-value=\"bench\"\r\n" +
           (message ? "Content-Type: text/plain\r\n" : "Event: presence\r\nExpires: 3600\r\n") +
           "Content-Length: " + std::to_string(message ? kBody.size() : 0) + "\r\n\r\n" + std::string(message ? kBody : "");
  }

  // Keeps the window open until `units` are done; answers requests; `done` says which received message ends a unit.
  template <class Done>
  std::size_t run(std::string_view method, std::size_t units, Done done) {
    std::size_t sent = 0;
    std::size_t ended = 0;
    const auto another = [&] {
      if (method.empty() || sent == units) return;
      const auto text = request(method, sent++);
      ::send(fd_, text.data(), text.size(), 0);
    };
    for (std::size_t i = 0; i < kWindow; ++i) another();
    std::vector<char> buffer(65536);
    while (ended < units) {
      const auto got = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
      if (!text.starts_with("SIP/2.0")) {
        const auto answer = ok_to(text);
        ::send(fd_, answer.data(), answer.size(), 0);
      }
      if (done(text)) {
        ++ended;
        another();
      }
    }
    return ended;
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

// -- the stack's side ----------------------------------------------------------------------------------------------------------

SipMessage outgoing(std::string_view method, const std::string& to, std::size_t number) {
  const auto id = std::to_string(number);
  SipMessage out;
  out.start = SipRequestLine{std::string(method), to};
  out.headers.add("Max-Forwards", "70");
  out.headers.add("From", "<sip:herald@example.com>;tag=h" + id);
  out.headers.add("To", "<sip:alice@example.com>;tag=a" + id);
  out.headers.add("Call-ID", id + "@bench");
  out.headers.add("CSeq", "1 " + std::string(method));
  out.headers.add("P-Asserted-Identity", "<sip:herald@example.com>");
  out.headers.add("P-Charging-Vector", "icid-value=\"bench\"");
  if (method == "NOTIFY") {
    out.headers.add("Event", "presence");
    out.headers.add("Subscription-State", "active;expires=3600");
  }
  out.headers.add("Content-Type", "text/plain");
  out.body = std::string(kBody);
  return out;
}

struct Cost {
  double user = 0, system = 0;
  [[nodiscard]] double total() const { return user + system; }
};

double micros(const timeval& value) { return static_cast<double>(value.tv_sec) * 1e6 + static_cast<double>(value.tv_usec); }

struct Bench {
  const char* name;
  std::string_view method;                 // what the traffic sends
  bool (*done)(std::string_view message);  // seen by the traffic
};

constexpr std::array<Bench, 3> kCases{{
    {"UAS MESSAGE+200", "MESSAGE", [](std::string_view text) { return text.starts_with("SIP/2.0 200"); }},
    {"UAC MESSAGE+200", "", [](std::string_view text) { return text.starts_with("MESSAGE"); }},
    {"SUBSCRIBE+200+NOTIFY+200", "SUBSCRIBE", [](std::string_view text) { return text.starts_with("NOTIFY"); }},
}};

// The stack runs here, in the calling thread; what this thread spent, per unit.
Cost run(const Bench& bench, bool batch, std::size_t units) {
  sip::SofiaRoot root(system_clock());
  Traffic traffic;
  sip::StackOptions options;
  options.listen = {{sip::Transport::udp, "127.0.0.1", 0}};
  options.udp_batch = batch;
  // Completed transactions stay 3.2 s; short runs are for instruction counters, which are slow: no retransmissions there.
  options.t1 = std::chrono::milliseconds(units > 5000 ? 50 : 500);
  auto stack = std::move(*sip::make_sip_stack(root, options));
  traffic.connect(stack->listening().front().port);
  const auto peer = "sip:alice@127.0.0.1:" + std::to_string(traffic.port());

  std::vector<std::unique_ptr<sip::ClientTransaction>> clients(units + 1);
  std::size_t next = 0;
  std::function<void()> send = [&] {
    const auto number = next++;
    clients[number] = stack->send(outgoing("MESSAGE", peer, number), Deadline::never(), [&](const sip::ClientResult&) {
      if (next < units) send();
    });
  };
  stack->on_request([&](std::unique_ptr<sip::ServerTransaction> transaction) {
    SipMessage ok;
    ok.start = SipStatusLine{200, "OK"};
    if (!transaction->respond(std::move(ok))) std::abort();
    if (transaction->request().method() != "SUBSCRIBE") return;
    const auto number = next++;
    clients[number % clients.size()] =
        stack->send(outgoing("NOTIFY", peer, number), Deadline::never(), [](const sip::ClientResult&) {});
  });

  std::thread other([&] {
    const auto ended = traffic.run(bench.method, units, bench.done);
    if (ended < units) std::fprintf(stderr, "%s: %zu of %zu units\n", bench.name, ended, units);  // NOLINT
    root.stop();
  });
  rusage before{};
  rusage after{};
  ::getrusage(RUSAGE_THREAD, &before);
  if (bench.method.empty())
    root.inside([&] {
      for (std::size_t i = 0; i < kWindow; ++i) send();
    });
  root.run();
  ::getrusage(RUSAGE_THREAD, &after);
  other.join();
  const auto per = static_cast<double>(units);
  clients.clear();
  stack.reset();
  return {(micros(after.ru_utime) - micros(before.ru_utime)) / per, (micros(after.ru_stime) - micros(before.ru_stime)) / per};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
  const std::size_t rounds = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 5;
  const std::size_t units = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 20000;
  const std::string only = count > 3 ? arguments[3] : "";
  std::puts("| case | one datagram a call: CPU us/unit (user/sys) | batched: CPU us/unit (user/sys) | ratio [min..max] |");
  std::puts("|---|---|---|---|");
  for (const auto& bench : kCases) {
    if (!std::string_view(bench.name).starts_with(only)) continue;
    std::array<std::vector<double>, 2> total, user, system;
    std::vector<double> ratio;
    for (std::size_t round = 0; round < rounds; ++round) {
      for (const std::size_t batch : {0U, 1U}) {
        const auto cost = run(bench, batch != 0, units);
        total[batch].push_back(cost.total());
        user[batch].push_back(cost.user);
        system[batch].push_back(cost.system);
      }
      ratio.push_back(total[1].back() / total[0].back());
    }
    std::printf("| %s | %.1f (%.1f/%.1f) | %.1f (%.1f/%.1f) | %.2f [%.2f..%.2f] |\n", bench.name, median(total[0]),
                median(user[0]), median(system[0]), median(total[1]), median(user[1]), median(system[1]), median(ratio),
                *std::min_element(ratio.begin(), ratio.end()), *std::max_element(ratio.begin(), ratio.end()));
    std::fflush(stdout);
  }
  return 0;
}
