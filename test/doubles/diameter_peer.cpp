#include "doubles/diameter_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace herald::test {

namespace {

constexpr std::uint32_t kTgpp = 10415;

std::string be32(std::uint32_t value) {
  std::string out;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) out += static_cast<char>((value >> shift) & 0xffU);
  return out;
}
std::string be24(std::uint32_t value) { return be32(value).substr(1); }

std::uint32_t number(std::string_view octets) {
  std::uint32_t value = 0;
  for (const char c : octets) value = (value << 8U) | static_cast<unsigned char>(c);
  return value;
}

std::string message(std::uint8_t flags, std::uint32_t command, std::uint32_t application, std::uint32_t hop_by_hop,
                    std::uint32_t end_to_end, std::string_view body) {
  std::string out("\x01", 1);
  out += be24(static_cast<std::uint32_t>(20 + body.size()));
  out += static_cast<char>(flags);
  out += be24(command) + be32(application) + be32(hop_by_hop) + be32(end_to_end);
  out += body;
  return out;
}

std::optional<std::string> find_in(std::string_view body, std::uint32_t code, std::uint32_t vendor) {
  while (body.size() >= 8) {
    const auto its_code = number(body.substr(0, 4));
    const bool has_vendor = (static_cast<unsigned char>(body[4]) & 0x80U) != 0;
    const std::size_t length = number(body.substr(5, 3));
    const std::size_t header = has_vendor ? 12 : 8;
    if (length < header || length > body.size()) return std::nullopt;
    const auto its_vendor = has_vendor ? number(body.substr(8, 4)) : 0U;
    const auto data = body.substr(header, length - header);
    if (its_code == code && its_vendor == vendor) return std::string(data);
    if (its_code == 700 && its_vendor == kTgpp) {
      if (auto inside = find_in(data, code, vendor)) return inside;
    }
    body.remove_prefix(std::min(body.size(), (length + 3) & ~std::size_t{3}));
  }
  return std::nullopt;
}

bool read_all(int socket, int wake, std::string& into, std::size_t length) {
  into.clear();
  while (into.size() < length) {
    pollfd fds[2] = {{socket, POLLIN, 0}, {wake, POLLIN, 0}};
    if (poll(fds, 2, -1) <= 0 || fds[1].revents != 0) return false;
    char buffer[65536];
    const auto n = recv(socket, buffer, std::min(sizeof buffer, length - into.size()), 0);
    if (n <= 0) return false;
    into.append(buffer, static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

namespace avp {

std::string octets(std::uint32_t code, std::string_view data, std::uint32_t vendor, std::uint8_t flags) {
  std::string out = be32(code);
  if (vendor != 0) flags |= 0x80;
  out += static_cast<char>(flags);
  out += be24(static_cast<std::uint32_t>((vendor != 0 ? 12 : 8) + data.size()));
  if (vendor != 0) out += be32(vendor);
  out += data;
  while (out.size() % 4 != 0) out += '\0';
  return out;
}

std::string u32(std::uint32_t code, std::uint32_t value, std::uint32_t vendor, std::uint8_t flags) {
  return octets(code, be32(value), vendor, flags);
}

}  // namespace avp

std::optional<std::string> DiameterRequest::find(std::uint32_t code, std::uint32_t vendor) const {
  return find_in(body, code, vendor);
}

std::string diameter_message(const DiameterRequest& request, std::string_view body, std::uint8_t flags) {
  return message(flags, request.command, request.application, request.hop_by_hop, request.end_to_end, body);
}

RawDiameterPeer::RawDiameterPeer(std::string identity, std::string realm, std::uint32_t application)
    : identity_(std::move(identity)), realm_(std::move(realm)), application_(application) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 16) != 0 || getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      pipe(wake_) != 0)
    throw std::runtime_error("no socket for a Diameter peer");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

RawDiameterPeer::~RawDiameterPeer() {
  stop_ = true;
  (void)!write(wake_[1], "x", 1);
  thread_.join();
  close(listener_);
  close(wake_[0]);
  close(wake_[1]);
}

void RawDiameterPeer::on_request(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

void RawDiameterPeer::add_to_cea(std::string avps) {
  const std::lock_guard lock(mutex_);
  cea_ = std::move(avps);
}

void RawDiameterPeer::refuse_connections(bool refuse) noexcept { refuse_ = refuse; }

std::string RawDiameterPeer::last_cer() const {
  const std::lock_guard lock(mutex_);
  return cer_;
}

std::string RawDiameterPeer::answer(const DiameterRequest& request, std::string_view avps) const {
  std::string body;
  if (const auto session = request.find(263)) body += avp::octets(263, *session);
  body += avp::octets(260, avp::u32(266, kTgpp) + avp::u32(258, application_));
  body += avp::u32(277, 1) + avp::octets(264, identity_) + avp::octets(296, realm_);
  body += avps;
  return diameter_message(request, body);
}

bool RawDiameterPeer::write_all(std::string_view octets) {
  const std::lock_guard lock(mutex_);
  while (!octets.empty()) {
    if (connection_ < 0) return false;
    const auto n = ::send(connection_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool RawDiameterPeer::send(std::string_view octets) { return write_all(octets); }

bool RawDiameterPeer::send_request(std::uint32_t command, std::string_view avps) {
  const auto id = next_id_++;
  std::string body = avp::octets(263, identity_ + ";1;" + std::to_string(id));
  body += avp::octets(260, avp::u32(266, kTgpp) + avp::u32(258, application_));
  body += avp::u32(277, 1) + avp::octets(264, identity_) + avp::octets(296, realm_);
  body += avps;
  return write_all(message(0xc0, command, application_, id, id, body));
}

bool RawDiameterPeer::disconnect_properly(std::uint32_t cause) {
  const auto id = next_id_++;
  return write_all(message(0x80, 282, 0, id, id, avp::octets(264, identity_) + avp::octets(296, realm_) + avp::u32(273, cause)));
}

void RawDiameterPeer::drop_connection() {
  const std::lock_guard lock(mutex_);
  if (connection_ >= 0) shutdown(connection_, SHUT_RDWR);
}

void RawDiameterPeer::run() {
  while (!stop_) {
    pollfd fds[2] = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    if (poll(fds, 2, -1) <= 0 || stop_) return;
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    if (!refuse_) {
      const int on = 1;
      setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      {
        const std::lock_guard lock(mutex_);
        connection_ = connection;
      }
      serve(connection);
      ready_ = false;
      const std::lock_guard lock(mutex_);
      connection_ = -1;
    }
    close(connection);
  }
}

void RawDiameterPeer::serve(int connection) {
  std::string header;
  std::string body;
  while (!stop_ && read_all(connection, wake_[0], header, 20)) {
    const std::size_t length = number(std::string_view(header).substr(1, 3));
    if (length < 20 || !read_all(connection, wake_[0], body, length - 20)) return;
    const std::string_view view(header);
    DiameterRequest received;
    received.flags = static_cast<std::uint8_t>(view[4]);
    received.command = number(view.substr(5, 3));
    received.application = number(view.substr(8, 4));
    received.hop_by_hop = number(view.substr(12, 4));
    received.end_to_end = number(view.substr(16, 4));
    received.body = body;
    handle(received);
  }
}

void RawDiameterPeer::handle(const DiameterRequest& received) {
  const auto origin = avp::octets(264, identity_) + avp::octets(296, realm_);
  if (!received.is_answer() && received.command == 257) {  // CER
    std::string extra;
    {
      const std::lock_guard lock(mutex_);
      extra = cea_;
      cer_ = received.body;
    }
    const std::string address("\x00\x01\x7f\x00\x00\x01", 6);
    const auto capabilities = avp::octets(257, address) + avp::u32(266, 0) + avp::octets(269, "peer", 0, 0) +
                              avp::u32(265, kTgpp) + avp::octets(260, avp::u32(266, kTgpp) + avp::u32(258, application_));
    ++connections_;
    write_all(diameter_message(received, extra + avp::u32(268, 2001) + origin + capabilities, 0));
    ready_ = true;
  } else if (!received.is_answer() && received.command == 280) {  // DWR
    if (answers_watchdog_) write_all(diameter_message(received, avp::u32(268, 2001) + origin, 0));
  } else if (!received.is_answer() && received.command == 282) {  // DPR
    write_all(diameter_message(received, avp::u32(268, 2001) + origin, 0));
  } else if (received.application != 0) {
    Script script;
    {
      const std::lock_guard lock(mutex_);
      script = script_;
    }
    if (!received.is_answer()) ++requests_;
    if (!script) return;
    const auto reply = script(received);
    for (const auto& octets : reply.messages) write_all(octets);
    if (reply.disconnect) drop_connection();
  }
}

}  // namespace herald::test
