// A name server on a loopback UDP socket: answers from a table, and counts what it was asked.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace herald::test {

class FakeDns {
 public:
  static constexpr unsigned kA = 1, kAaaa = 28, kSrv = 33;

  FakeDns() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (fd_ < 0 || ::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0) throw std::runtime_error("dns socket");
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~FakeDns() { ::close(fd_); }
  FakeDns(const FakeDns&) = delete;
  FakeDns& operator=(const FakeDns&) = delete;

  [[nodiscard]] std::string server() const { return "127.0.0.1:" + std::to_string(port_); }
  void a(const std::string& name, const std::string& address, std::uint32_t ttl = 60) {
    std::array<unsigned char, 4> bytes{};
    ::inet_pton(AF_INET, address.c_str(), bytes.data());
    add(name, kA, ttl, std::string(bytes.begin(), bytes.end()));
  }
  void aaaa(const std::string& name, const std::string& address, std::uint32_t ttl = 60) {
    std::array<unsigned char, 16> bytes{};
    ::inet_pton(AF_INET6, address.c_str(), bytes.data());
    add(name, kAaaa, ttl, std::string(bytes.begin(), bytes.end()));
  }
  void srv(const std::string& name, unsigned priority, unsigned weight, unsigned port, const std::string& host,
           std::uint32_t ttl = 60) {
    add(name, kSrv, ttl, number(priority, 2) + number(weight, 2) + number(port, 2) + labels(host));
  }
  void clear() { records_.clear(); }
  void fail(unsigned rcode) { rcode_ = rcode; }
  void garbage(bool on) { garbage_ = on; }
  [[nodiscard]] int asked(const std::string& name) const {
    const auto found = asked_.find(name);
    return found == asked_.end() ? 0 : found->second;
  }

  // Answers everything that has come.
  void serve() {
    std::array<char, 2048> query{};
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    for (;;) {
      size = sizeof from;
      const auto got = ::recvfrom(fd_, query.data(), query.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 17) return;
      const auto reply = answer(std::string(query.data(), static_cast<std::size_t>(got)));
      ::sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

 private:
  struct Record {
    std::uint32_t ttl;
    std::string data;
  };
  void add(const std::string& name, unsigned type, std::uint32_t ttl, std::string data) {
    records_[{name, type}].push_back({ttl, std::move(data)});
  }
  static std::string number(std::uint32_t value, int bytes) {
    std::string out;
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
    return out;
  }
  static std::string labels(const std::string& name) {
    std::string out;
    for (std::size_t at = 0; at < name.size();) {
      const auto dot = std::min(name.find('.', at), name.size());
      out += static_cast<char>(dot - at);
      out += name.substr(at, dot - at);
      at = dot + 1;
    }
    return out + '\0';
  }
  std::string answer(const std::string& query) {
    std::string name;
    std::size_t at = 12;
    while (at < query.size() && query[at] != 0) {
      const auto length = static_cast<unsigned char>(query[at]);
      name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
      at += length + 1U;
    }
    ++at;
    const auto type =
        static_cast<unsigned>(static_cast<unsigned char>(query.at(at)) << 8 | static_cast<unsigned char>(query.at(at + 1)));
    ++asked_[name];
    const auto question = query.substr(12, at + 4 - 12);
    if (garbage_) return query.substr(0, 2) + "\x81\x80" + number(1, 2) + number(9, 2) + number(0, 4) + question + "\xc0\xff\xff";
    const auto found = records_.find({name, type});
    const bool known = std::any_of(records_.begin(), records_.end(), [&](const auto& r) { return r.first.first == name; });
    const unsigned rcode = rcode_ ? rcode_ : known ? 0 : 3;
    std::string records;
    std::uint32_t count = 0;
    if (rcode == 0 && found != records_.end()) {
      for (const auto& record : found->second) {
        records += "\xc0\x0c" + number(type, 2) + number(1, 2) + number(record.ttl, 4) +
                   number(static_cast<std::uint32_t>(record.data.size()), 2) + record.data;
        ++count;
      }
    }
    return query.substr(0, 2) + "\x81" + static_cast<char>(0x80 | rcode) + number(1, 2) + number(count, 2) + number(0, 4) +
           question + records;
  }

  int fd_;
  std::uint16_t port_ = 0;
  std::map<std::pair<std::string, unsigned>, std::vector<Record>> records_;
  std::map<std::string, int> asked_;
  unsigned rcode_ = 0;
  bool garbage_ = false;
};

}  // namespace herald::test
