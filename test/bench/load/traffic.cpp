// The other side of a benchmark: plays S-CSCF, receivers and initiators against heraldd (or a bare part) and prints one JSON line
// with what it saw. It never measures the server's CPU: the script that runs it does, from outside.
//
//   bench_traffic register --as-sip P --sip P --users N [--first K]      third-party REGISTERs; the S-CSCF is this --sip port
//   bench_traffic push --http P --sip P --users N --count N              POSTs pushes, answers the MESSAGEs, waits for both
//         [--first K] [--window W] [--connections C] [--rate R/s] [--path /v1/pushes] [--no-messages] [--later] [--pap]
//   bench_traffic sink --sip P --seconds S [--silent]                    answers (or ignores) MESSAGEs only
//   bench_traffic trigger --as-sip P --sip P --count N                   MESSAGEs that make a server send one of its own
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <fcntl.h>
#include <functional>
#include <map>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_set>
#include <vector>

#include "initiator.h"
#include "wire.h"

namespace {

using namespace bench;

std::map<std::string, std::string> options;
long number(const std::string& name, long fallback) {
  const auto found = options.find(name);
  return found == options.end() ? fallback : std::atol(found->second.c_str());
}

// 200 to a MESSAGE, with the header fields a response copies.
std::string answer(std::string_view request) {
  std::string out = "SIP/2.0 200 OK\r\n";
  for (const auto* name : {"Via", "From", "To", "Call-ID", "CSeq"}) {
    out += name;
    out += ": ";
    out += header(request, name);
    if (std::string_view(name) == "To") out += ";tag=b";
    out += "\r\n";
  }
  out += "Content-Length: 0\r\n\r\n";
  return out;
}

class Receiver {
 public:
  Receiver(int fd, bool silent) : fd_(fd), silent_(silent) {}
  void drain() {
    std::array<char, 65536> buffer{};
    sockaddr_in from{};
    socklen_t length = sizeof from;
    for (;;) {
      const auto got = ::recvfrom(fd_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (got <= 0) return;
      const std::string_view message(buffer.data(), static_cast<std::size_t>(got));
      if (message.starts_with("SIP/2.0 ")) {
        ++responses;
        continue;
      }
      if (!message.starts_with("MESSAGE ")) continue;
      if (seen_.insert(std::hash<std::string_view>()(header(message, "Call-ID"))).second)
        ++messages;
      else
        ++repeated;
      if (silent_) continue;
      const auto reply = answer(message);
      ::sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }
  long messages = 0;  // different ones
  long repeated = 0;  // retransmissions of those
  long responses = 0;

 private:
  int fd_;
  bool silent_;
  std::unordered_set<std::size_t> seen_;
};

int run_register() {
  const long users = number("users", 1000);
  const long first = number("first", 0);
  const int fd = udp_socket(number("sip", 0));
  const auto as = loopback(number("as-sip", 5065));
  Receiver receiver(fd, false);
  const auto scscf = "sip:127.0.0.1:" + std::to_string(number("sip", 0));
  const auto begun = Clock::now();
  long sent = 0;
  while (receiver.responses < users && Clock::now() - begun < std::chrono::seconds(120)) {
    while (sent < users && sent - receiver.responses < 64) {
      const auto user = user_name(first + sent);
      const std::string inner =
          "REGISTER sip:ims.lab SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\nFrom: <sip:" + user +
          "@ims.lab>;tag=1\r\nTo: <sip:" + user + "@ims.lab>\r\nCall-ID: c" + user +
          "\r\nCSeq: 1 REGISTER\r\nContact: <sip:" + user +
          "@127.0.0.1:6101>;+sip.instance=\"<urn:uuid:0c67446e-0000-4000-8000-000000000001>\";+g.oma.pusheventapp="
          "\"news.ua,mms.ua\";expires=600000\r\nExpires: 600000\r\nContent-Length: 0\r\n\r\n";
      const std::string message =
          "REGISTER sip:127.0.0.1:5065 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:" + std::to_string(number("sip", 0)) +
          ";branch=z9hG4bK" + user + "\r\nMax-Forwards: 10\r\nTo: <sip:" + user + "@ims.lab>\r\nFrom: <" + scscf +
          ">;tag=r\r\nCSeq: 10 REGISTER\r\nCall-ID: r" + user + "\r\nEvent: registration\r\nExpires: 600000\r\nContact: <" +
          scscf + ">\r\nContent-Type: message/sip\r\nContent-Length: " + std::to_string(inner.size()) + "\r\n\r\n" + inner;
      ::sendto(fd, message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&as), sizeof as);
      ++sent;
    }
    pollfd p{fd, POLLIN, 0};
    ::poll(&p, 1, 1000);
    receiver.drain();
  }
  std::printf("{\"registered\":%ld,\"seconds\":%.3f}\n", receiver.responses,
              std::chrono::duration<double>(Clock::now() - begun).count());
  return receiver.responses == users ? 0 : 1;
}

int run_sink() {
  const int fd = udp_socket(number("sip", 0));
  Receiver receiver(fd, options.count("silent") != 0);
  const auto end = Clock::now() + std::chrono::seconds(number("seconds", 10));
  while (Clock::now() < end) {
    pollfd p{fd, POLLIN, 0};
    ::poll(&p, 1, 200);
    receiver.drain();
  }
  std::printf("{\"messages\":%ld}\n", receiver.messages);
  return 0;
}

int run_trigger() {
  const long count = number("count", 10000);
  const int fd = udp_socket(number("sip", 0));
  const auto server = loopback(number("as-sip", 5060));
  Receiver receiver(fd, false);
  const auto begun = Clock::now();
  auto progress = begun;
  long sent = 0;
  while (receiver.messages < count && Clock::now() - progress < std::chrono::seconds(10)) {
    while (sent < count && sent - receiver.messages < 64) {
      const auto id = std::to_string(sent++);
      const std::string message =
          "MESSAGE sip:" + user_name(sent % 1000) +
          "@ims.lab SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:" + std::to_string(number("sip", 0)) + ";branch=z9hG4bKt" + id +
          "\r\nFrom: <sip:b@ims.lab>;tag=1\r\nTo: <sip:a@ims.lab>\r\nCall-ID: t" + id +
          "\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx";
      ::sendto(fd, message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&server), sizeof server);
    }
    pollfd p{fd, POLLIN, 0};
    ::poll(&p, 1, 100);
    const auto before = receiver.messages;
    receiver.drain();
    if (receiver.messages != before) progress = Clock::now();
  }
  std::printf("{\"messages\":%ld,\"seconds\":%.3f}\n", receiver.messages,
              std::chrono::duration<double>(Clock::now() - begun).count());
  return receiver.messages >= count ? 0 : 1;
}

// --later: pushes that only wait, for an hour from now.
const std::string& extra_member() {
  static const std::string member = [] {
    if (options.count("later") == 0) return std::string();
    const std::time_t due = std::time(nullptr) + 3600;
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), R"(,"deliver_after":"%Y-%m-%dT%H:%M:%SZ")", std::gmtime(&due));
    return std::string(text.data());
  }();
  return member;
}

std::string push_body(const std::string& user) {
  return R"({"to":["sip:)" + user + R"(@ims.lab"],"app":"news.ua","content":{"type":"text/plain","text":")" +
         std::string(140, 'x') + "\"}" + extra_member() + "}";
}

// The same by PAP, with a push-id of its own.
std::string pap_body(const std::string& user, long number) {
  static const auto run = std::to_string(std::time(nullptr)) + "-" + std::to_string(::getpid());
  return "--pp7\r\nContent-Type: application/xml\r\n\r\n<?xml version=\"1.0\"?><!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP "
         "2.1//EN\" \"http://www.openmobilealliance.org/tech/DTD/pap_2.1.dtd\"><pap><push-message push-id=\"" +
         run + "-" + std::to_string(number) + "@bench\"><address address-value=\"sip:" + user +
         "@ims.lab\"/></push-message></pap>\r\n--pp7\r\nContent-Type: text/plain\r\nX-Wap-Application-Id: news.ua\r\n\r\n" +
         std::string(140, 'x') + "\r\n--pp7--\r\n";
}

int run_push() {
  const long users = number("users", 1000);
  const long first = number("first", 0);
  const long count = number("count", 10000);
  const long window = number("window", 64);
  const long rate = number("rate", 0);
  const bool messages = options.count("no-messages") == 0;
  const bool pap = options.count("pap") != 0;
  const auto path = options.count("path") != 0 ? options["path"] : std::string(pap ? "/pap" : "/v1/pushes");
  const std::string type = pap ? "multipart/related; boundary=pp7; type=\"application/xml\"" : "application/json";
  const int fd = messages ? udp_socket(number("sip", 0)) : -1;
  Receiver receiver(fd, false);
  std::deque<Initiator> initiators;
  for (long i = 0; i < number("connections", 16); ++i) initiators.emplace_back(number("http", 8080));
  std::vector<double> latencies;
  latencies.reserve(static_cast<std::size_t>(count));
  const auto begun = Clock::now();
  auto progress = begun;
  long posted = 0;
  long accepted = 0;
  long refused = 0;
  std::vector<pollfd> polled;
  while ((accepted + refused < count || (messages && receiver.messages < accepted)) &&
         Clock::now() - progress < std::chrono::seconds(20)) {
    const auto elapsed = std::chrono::duration<double>(Clock::now() - begun).count();
    for (auto& initiator : initiators) {
      if (initiator.busy() || posted >= count) continue;
      if (messages && rate == 0 && posted - receiver.messages >= window) break;
      if (rate != 0 && static_cast<double>(posted) > elapsed * static_cast<double>(rate)) break;
      const auto user = user_name(first + posted % users);
      initiator.post(path, pap ? pap_body(user, posted) : push_body(user), type);
      ++posted;
    }
    polled.clear();
    if (messages) polled.push_back({fd, POLLIN, 0});
    for (auto& initiator : initiators)
      if (initiator.busy()) polled.push_back({initiator.fd(), POLLIN, 0});
    ::poll(polled.data(), polled.size(), rate != 0 ? 1 : 100);
    const auto before = receiver.messages + accepted + refused;
    if (messages) receiver.drain();
    for (auto& initiator : initiators) {
      if (!initiator.busy()) continue;
      const int status = initiator.poll_answer();
      if (status == 0) continue;
      if (status < 0) {
        std::fprintf(stderr, "connection lost\n");
        return 1;
      }
      latencies.push_back(initiator.milliseconds());
      if (status == 202 || status == 200)
        ++accepted;
      else
        ++refused;
    }
    if (receiver.messages + accepted + refused != before) progress = Clock::now();
  }
  const auto seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  std::sort(latencies.begin(), latencies.end());
  const auto quantile = [&](double q) {
    return latencies.empty() ? 0.0 : latencies[static_cast<std::size_t>(q * static_cast<double>(latencies.size() - 1))];
  };
  std::printf(
      "{\"posted\":%ld,\"accepted\":%ld,\"refused\":%ld,\"messages\":%ld,\"repeated\":%ld,\"seconds\":%.3f,\"accept_ms\":{"
      "\"p50\":%.2f,\"p99\":%."
      "2f,\"max\":%.2f}}\n",
      posted, accepted, refused, receiver.messages, receiver.repeated, seconds, quantile(0.5), quantile(0.99), quantile(1.0));
  return accepted == count && (!messages || receiver.messages >= accepted) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  for (int i = 2; i < argc; ++i) {
    std::string name = argv[i];
    if (name.rfind("--", 0) != 0) return 2;
    name.erase(0, 2);
    options[name] = i + 1 < argc && std::strncmp(argv[i + 1], "--", 2) != 0 ? argv[++i] : "1";
  }
  const std::string mode = argv[1];
  if (mode == "register") return run_register();
  if (mode == "push") return run_push();
  if (mode == "sink") return run_sink();
  if (mode == "trigger") return run_trigger();
  return 2;
}
