// Many subscribers for a benchmark, against heraldd or a Kamailio with presence. Reads commands from standard input, one a line,
// and answers each with one JSON line; between two commands the script looks at the server from outside.
//
//   bench_events --as-sip P --sip P [--event E] [--accept A] [--group N] [--http P] [--expires S]
//
//   subscribe COUNT FIRST WINDOW [RATE]    SUBSCRIBE, 200, NOTIFY, 200; WINDOW at a time, or RATE a second
//   refresh COUNT FIRST WINDOW [RATE]      the same in the dialogs that there are
//   unsubscribe COUNT FIRST WINDOW [RATE]
//   push COUNT FIRST BATCH WINDOW          POSTs pushes to BATCH users each, until every one of COUNT has his NOTIFY
//   publish COUNT FIRST BATCH WINDOW       the same with PUBLISH of the presentity that --group BATCH subscribers share
//   wait COUNT SECONDS                     only answers, until COUNT NOTIFYs have come
//   probe                                  the slowest OPTIONS since the last time, from a second socket, one a millisecond
#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <poll.h>
#include <sstream>
#include <thread>
#include <vector>

#include "initiator.h"
#include "latencies.h"
#include "wire.h"

namespace {

using namespace bench;

constexpr auto kResend = std::chrono::milliseconds(500);
constexpr auto kGiveUp = std::chrono::seconds(32);

std::map<std::string, std::string> options;
long number(const std::string& name, long fallback) {
  const auto found = options.find(name);
  return found == options.end() ? fallback : std::atol(found->second.c_str());
}
std::string word(const std::string& name, const std::string& fallback) {
  const auto found = options.find(name);
  return found == options.end() ? fallback : found->second;
}

double since(Clock::time_point begun) { return std::chrono::duration<double, std::milli>(Clock::now() - begun).count(); }

std::string_view between(std::string_view text, std::string_view begin, std::string_view ends) {
  const auto at = text.find(begin);
  if (at == std::string_view::npos) return {};
  const auto from = at + begin.size();
  return text.substr(from, text.find_first_of(ends, from) - from);
}

long leading_number(std::string_view text) { return std::atol(std::string(text.substr(0, 20)).c_str()); }

struct Subscription {
  std::string tag, contact;  // the server's
  unsigned cseq = 0;
  long notified = 0;  // CSeq of the last NOTIFY
  std::size_t branch = 0;
  bool answer_due = false, notify_due = false, push_due = false;
  Clock::time_point sent;
};

struct Phase {
  long done = 0, failed = 0, resent = 0, repeated = 0, lower = 0, notifies = 0, bodies = 0, unknown = 0;
  std::map<int, long> refusals;
  Latencies answer, notify;
  Clock::time_point begun = Clock::now(), progress = Clock::now(), first_notify{};
};

class Crowd {
 public:
  Crowd() : fd_(udp_socket(number("sip", 0))), server_(loopback(number("as-sip", 5065))) {}

  std::string subscribe(long count, long first, long window, long rate, bool again, long expires) {
    phase_ = {};
    if (static_cast<std::size_t>(first + count) > all_.size()) all_.resize(static_cast<std::size_t>(first + count));
    outstanding_.clear();
    long sent = 0;
    while (phase_.done + phase_.failed < count && !stuck()) {
      const auto due =
          rate > 0 ? std::min(count, static_cast<long>(since(phase_.begun) * static_cast<double>(rate) / 1000) + 1) : count;
      while (sent < due && (rate > 0 || sent - phase_.done - phase_.failed < window)) {
        auto& one = all_[static_cast<std::size_t>(first + sent)];
        if (!again) one = {};
        ++one.cseq;
        one.answer_due = one.notify_due = true;
        one.sent = Clock::now();
        send_subscribe(first + sent, expires);
        outstanding_.push_back({first + sent, one.sent, 1, expires});
        ++sent;
        if (rate > 0 && sent % 8 == 0) drain();
      }
      turn(rate > 0 ? 1 : 50);
      resend();
    }
    return report(count);
  }

  // `sip`: PUBLISH; otherwise POST.
  std::string fan_out(long count, long first, long batch, long window, bool sip) {
    phase_ = {};
    outstanding_.clear();
    publishing_.clear();
    std::deque<Initiator> initiators;
    if (!sip)
      for (long i = 0; i < std::min<long>(window, 16); ++i) initiators.emplace_back(number("http", 8080));
    long started = 0;  // subscribers
    for (long i = first; i < first + count; ++i) all_[static_cast<std::size_t>(i)].push_due = true;
    while (phase_.done < count && !stuck()) {
      for (long slot = 0; started < count && started - phase_.done < window * batch; ++slot) {
        Initiator* free = nullptr;
        for (auto& initiator : initiators)
          if (!initiator.busy()) free = &initiator;
        if (!sip && free == nullptr) break;
        const auto now = Clock::now();
        const long end = std::min(count, started + batch);
        for (long i = started; i < end; ++i) all_[static_cast<std::size_t>(first + i)].sent = now;
        if (sip) {
          send_publish((first + started) / batch);
          publishing_[(first + started) / batch] = now;
        } else
          free->post("/v1/pushes", push_body(first + started, first + end));
        started = end;
      }
      turn(initiators.empty() ? 20 : 1);
      for (auto& [resource, at] : publishing_)
        if (Clock::now() - at > kResend) {
          send_publish(resource);
          ++phase_.resent;
          at = Clock::now();
        }
      for (auto& initiator : initiators) {
        if (!initiator.busy()) continue;
        const int status = initiator.poll_answer();
        if (status == 202) phase_.answer.add(initiator.milliseconds());
        if (status != 0 && status != 202) {
          ++phase_.failed;
          ++phase_.refusals[status];
          if (status < 0) return "{\"error\":\"connection lost\"}";
        }
      }
    }
    return report(count);
  }

  std::string wait(long count, long seconds) {
    phase_ = {};
    while (phase_.notifies < count && Clock::now() - phase_.begun < std::chrono::seconds(seconds)) turn(50);
    phase_.done = phase_.notifies;
    return report(count);
  }

 private:
  struct Outstanding {
    long index;
    Clock::time_point sent;
    int times;
    long expires;
  };

  [[nodiscard]] bool stuck() const { return Clock::now() - phase_.progress > kGiveUp; }

  void turn(int milliseconds) {
    pollfd p{fd_, POLLIN, 0};
    ::poll(&p, 1, milliseconds);
    drain();
  }

  void send(const std::string& text) {
    ::sendto(fd_, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&server_), sizeof server_);
  }

  void send_subscribe(long i, long expires) {
    static const auto event = word("event", "oma-push;appid=news.ua");
    static const auto accept = word("accept", "text/plain, multipart/mixed");
    static const auto port = word("sip", "0");
    static const long group = number("group", 1);
    static const bool presence = event.starts_with("presence");
    const auto& one = all_[static_cast<std::size_t>(i)];
    const auto id = std::to_string(i);
    const auto user = presence ? "r" + std::to_string(i / group) : user_name(i);
    std::string out = "SUBSCRIBE ";
    out += one.tag.empty() ? "sip:" + user + "@ims.lab" : one.contact;
    out += " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:" + port + ";branch=z9hG4bKe" + id + "c" + std::to_string(one.cseq) + run_;
    // As the S-CSCF sends it on the originating leg.
    if (!presence && one.tag.empty()) out += "\r\nRoute: <sip:127.0.0.1:" + word("as-sip", "5065") + ";lr;orig>";
    out += "\r\nMax-Forwards: 70\r\nFrom: <sip:" + user_name(i) + "@ims.lab>;tag=f" + id + "\r\nTo: <sip:" + user + "@ims.lab>";
    if (!one.tag.empty()) out += ";tag=" + one.tag;
    out += "\r\nCall-ID: e" + id + run_ + "\r\nCSeq: " + std::to_string(one.cseq) +
           " SUBSCRIBE\r\nContact: <sip:" + user_name(i) + "@127.0.0.1:" + port +
           ">\r\nP-Asserted-Identity: <sip:" + user_name(i) + "@ims.lab>\r\nEvent: " + event + "\r\nAccept: " + accept +
           "\r\nExpires: " + std::to_string(expires) + "\r\nContent-Length: 0\r\n\r\n";
    send(out);
  }

  void send_publish(long resource) {
    const auto id = std::to_string(resource);
    const auto user = "sip:r" + id + "@ims.lab";
    const auto body = "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"" + user +
                      "\"><tuple id=\"t\"><status><basic>open</basic></status><note>" + std::string(60, 'x') +
                      "</note></tuple></presence>";
    send("PUBLISH " + user + " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:" + word("sip", "0") + ";branch=z9hG4bKp" + id + run_ +
         "\r\nMax-Forwards: 70\r\nFrom: <" + user + ">;tag=p" + id + "\r\nTo: <" + user + ">\r\nCall-ID: p" + id + run_ +
         "\r\nCSeq: 1 PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\nContent-Type: application/pidf+xml\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  static std::string push_body(long from, long to) {
    std::string out = "{\"to\":[";
    for (long i = from; i < to; ++i) out += (i == from ? "\"sip:" : ",\"sip:") + user_name(i) + "@ims.lab\"";
    return out + R"(],"app":"news.ua","content":{"type":"text/plain","text":")" + std::string(140, 'x') + "\"}}";
  }

  void resend() {
    while (!outstanding_.empty()) {
      auto& oldest = outstanding_.front();
      const auto& one = all_[static_cast<std::size_t>(oldest.index)];
      const auto age = Clock::now() - oldest.sent;
      if (!one.answer_due) {
        outstanding_.pop_front();
        continue;
      }
      if (age < kResend * oldest.times) return;
      auto again = oldest;
      outstanding_.pop_front();
      if (again.times > 6) {
        all_[static_cast<std::size_t>(again.index)].answer_due = false;
        ++phase_.failed;
        ++phase_.refusals[408];
        continue;
      }
      send_subscribe(again.index, again.expires);
      ++phase_.resent;
      again.sent = Clock::now();
      ++again.times;
      outstanding_.push_back(again);
      return;
    }
  }

  void drain() {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    for (;;) {
      const auto got = ::recvfrom(fd_, buffer_.data(), buffer_.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (got <= 0) return;
      const std::string_view message(buffer_.data(), static_cast<std::size_t>(got));
      if (message.starts_with("SIP/2.0 "))
        on_response(message);
      else if (message.starts_with("NOTIFY "))
        on_notify(message, from);
    }
  }

  Subscription* find(std::string_view call_id) {
    if (!call_id.starts_with('e') || call_id.find(run_) == std::string_view::npos) return nullptr;
    const auto index = static_cast<std::size_t>(leading_number(call_id.substr(1)));
    return index < all_.size() ? &all_[index] : nullptr;
  }

  void on_response(std::string_view message) {
    const int status = static_cast<int>(leading_number(message.substr(8)));
    if (status < 200) return;
    const auto cseq = header(message, "CSeq");
    if (cseq.ends_with("PUBLISH")) {
      const auto id = header(message, "Call-ID");
      publishing_.erase(id.empty() ? 0 : leading_number(id.substr(1)));
      if (status >= 300) ++phase_.refusals[status];
      return;
    }
    auto* one = find(header(message, "Call-ID"));
    if (one == nullptr || !one->answer_due || leading_number(cseq) != static_cast<long>(one->cseq)) return;
    one->answer_due = false;
    phase_.progress = Clock::now();
    if (status >= 300) {
      one->notify_due = false;
      ++phase_.failed;
      ++phase_.refusals[status];
      return;
    }
    if (one->tag.empty()) one->tag = between(header(message, "To"), ";tag=", ";\r\n");
    if (one->contact.empty()) one->contact = between(header(message, "Contact"), "<", ">");
    phase_.answer.add(since(one->sent));
    if (!one->notify_due) ++phase_.done;
  }

  void on_notify(std::string_view message, const sockaddr_in& from) {
    auto* one = find(header(message, "Call-ID"));
    std::string out = one != nullptr ? "SIP/2.0 200 OK\r\n" : "SIP/2.0 481 No Subscription\r\n";
    for (const auto* name : {"Via", "From", "To", "Call-ID", "CSeq"}) {
      out += name;
      out += ": ";
      out += header(message, name);
      out += "\r\n";
    }
    out += "Content-Length: 0\r\n\r\n";
    ::sendto(fd_, out.data(), out.size(), 0, reinterpret_cast<const sockaddr*>(&from), sizeof from);
    if (one == nullptr) {
      ++phase_.unknown;
      return;
    }
    const auto cseq = leading_number(header(message, "CSeq"));
    const auto branch = std::hash<std::string_view>()(header(message, "Via"));
    if (cseq == one->notified && branch == one->branch) {
      ++phase_.repeated;
      return;
    }
    if (cseq <= one->notified) ++phase_.lower;
    one->notified = cseq;
    one->branch = branch;
    if (one->tag.empty()) one->tag = between(header(message, "From"), ";tag=", ";\r\n");
    phase_.progress = Clock::now();
    if (phase_.notifies++ == 0) phase_.first_notify = phase_.progress;
    const bool body = !header(message, "Content-Length").starts_with("0");
    if (body) ++phase_.bodies;
    if (one->notify_due) {
      one->notify_due = false;
      phase_.notify.add(since(one->sent));
      if (!one->answer_due) ++phase_.done;
    } else if (one->push_due && body) {
      one->push_due = false;
      phase_.notify.add(since(one->sent));
      ++phase_.done;
    }
  }

  std::string report(long count) {
    std::ostringstream out;
    const auto now = Clock::now();
    out << "{\"asked\":" << count << ",\"done\":" << phase_.done << ",\"failed\":" << phase_.failed
        << ",\"resent\":" << phase_.resent << ",\"repeated\":" << phase_.repeated << ",\"lower_cseq\":" << phase_.lower
        << ",\"notifies\":" << phase_.notifies << ",\"bodies\":" << phase_.bodies << ",\"unknown\":" << phase_.unknown
        << ",\"seconds\":" << std::chrono::duration<double>((phase_.done >= count ? phase_.progress : now) - phase_.begun).count()
        << ",\"first_notify_ms\":"
        << (phase_.notifies != 0 ? std::chrono::duration<double, std::milli>(phase_.first_notify - phase_.begun).count() : -1.0)
        << ",\"refusals\":{";
    bool comma = false;
    for (const auto& [status, times] : phase_.refusals) {
      out << (comma ? "," : "") << '"' << status << "\":" << times;
      comma = true;
    }
    out << "},\"answer_ms\":" << phase_.answer.json() << ",\"notify_ms\":" << phase_.notify.json() << "}";
    return out.str();
  }

  int fd_;
  sockaddr_in server_;
  std::string run_ = "x" + std::to_string(::getpid());
  std::vector<Subscription> all_;
  std::deque<Outstanding> outstanding_;
  std::map<long, Clock::time_point> publishing_;  // unanswered PUBLISH by presentity
  Phase phase_;
  std::array<char, 65536> buffer_{};
};

// The slowest answer to OPTIONS: one at a time, a millisecond apart.
class Probe {
 public:
  Probe() : thread_([this] { run(); }) {}
  ~Probe() {
    stop_ = true;
    thread_.join();
  }
  std::string take() {
    const auto slowest = slowest_.exchange(0.0);
    const auto count = count_.exchange(0);
    return "{\"slowest_ms\":" + std::to_string(slowest) + ",\"probes\":" + std::to_string(count) +
           ",\"over_5ms\":" + std::to_string(over_.exchange(0)) + "}";
  }

 private:
  void run() {
    const int fd = udp_socket(0);
    sockaddr_in own{};
    socklen_t length = sizeof own;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &length);
    const auto port = std::to_string(ntohs(own.sin_port));
    const auto server = loopback(number("as-sip", 5065));
    std::array<char, 8192> buffer{};
    for (long i = 0; !stop_; ++i) {
      const auto id = std::to_string(i);
      const auto text = "OPTIONS sip:127.0.0.1:" + word("as-sip", "5065") + " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:" + port +
                        ";branch=z9hG4bKo" + id +
                        "\r\nMax-Forwards: 70\r\nFrom: <sip:probe@ims.lab>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: o" + id +
                        "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
      const auto begun = Clock::now();
      ::sendto(fd, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&server), sizeof server);
      pollfd p{fd, POLLIN, 0};
      ::poll(&p, 1, 5000);
      while (::recv(fd, buffer.data(), buffer.size(), 0) > 0) {
      }
      const auto taken = since(begun);
      if (taken > slowest_) slowest_ = taken;
      if (taken > 5.0) ++over_;
      ++count_;
      std::this_thread::sleep_until(begun + std::chrono::milliseconds(1));
    }
  }
  std::atomic<bool> stop_{false};
  std::atomic<double> slowest_{0.0};
  std::atomic<long> count_{0}, over_{0};
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  bool probing = false;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--probe") {
      probing = true;
    } else if (name.starts_with("--") && i + 1 < argc) {
      options[name.substr(2)] = argv[++i];
    } else {
      std::fprintf(stderr, "unknown: %s\n", argv[i]);
      return 2;
    }
  }
  Crowd crowd;
  std::unique_ptr<Probe> probe;
  if (probing) probe = std::make_unique<Probe>();
  const long expires = number("expires", 3600);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    std::array<long, 4> n{};
    words >> command;
    for (auto& value : n) words >> value;
    std::string result = "{\"error\":\"unknown command\"}";
    if (command == "subscribe") result = crowd.subscribe(n[0], n[1], n[2], n[3], false, expires);
    if (command == "refresh") result = crowd.subscribe(n[0], n[1], n[2], n[3], true, expires);
    if (command == "unsubscribe") result = crowd.subscribe(n[0], n[1], n[2], n[3], true, 0);
    if (command == "push") result = crowd.fan_out(n[0], n[1], n[2], n[3], false);
    if (command == "publish") result = crowd.fan_out(n[0], n[1], n[2], n[3], true);
    if (command == "wait") result = crowd.wait(n[0], n[1]);
    if (command == "probe" && probe) result = probe->take();
    std::cout << result << std::endl;
  }
  return 0;
}
