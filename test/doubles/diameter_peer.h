// A Diameter peer on a raw socket: it speaks CER, DWR and DPR by itself and leaves everything else to the test, down to the
// octet. So a test can send what no proper stack would. Listens on 127.0.0.1, one connection at a time.
//
//   RawDiameterPeer hss("hss1.hss.lab", "hss.lab");
//   hss.on_request([](const DiameterRequest& request) { return DiameterReply{answer(request, result_code(2001))}; });
//
// Thread: its own; the script runs there. The other functions from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace herald::test {

// Octets of AVPs. The vendor flag follows the vendor.
namespace avp {
inline constexpr std::uint8_t kMandatory = 0x40;
std::string octets(std::uint32_t code, std::string_view data, std::uint32_t vendor = 0, std::uint8_t flags = kMandatory);
std::string u32(std::uint32_t code, std::uint32_t value, std::uint32_t vendor = 0, std::uint8_t flags = kMandatory);
}  // namespace avp

struct DiameterRequest {
  std::uint8_t flags = 0;
  std::uint32_t command = 0;
  std::uint32_t application = 0;
  std::uint32_t hop_by_hop = 0;
  std::uint32_t end_to_end = 0;
  std::string body;
  // The data of the first such AVP, also inside User-Identity.
  [[nodiscard]] std::optional<std::string> find(std::uint32_t code, std::uint32_t vendor = 0) const;
  [[nodiscard]] bool is_answer() const noexcept { return (flags & 0x80) == 0; }
};

struct DiameterReply {
  std::vector<std::string> messages;  // sent as they are; none: silence
  bool disconnect = false;            // afterwards
};

// A whole message with the ids of the request. `flags` of the answer: P as in the request by default.
std::string diameter_message(const DiameterRequest& request, std::string_view body, std::uint8_t flags = 0x40);

class RawDiameterPeer {
 public:
  using Script = std::function<DiameterReply(const DiameterRequest&)>;

  RawDiameterPeer(std::string identity, std::string realm, std::uint32_t application = 16777217);
  ~RawDiameterPeer();
  RawDiameterPeer(const RawDiameterPeer&) = delete;
  RawDiameterPeer& operator=(const RawDiameterPeer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::string& identity() const noexcept { return identity_; }

  // For everything but the base protocol's own messages; also for answers to requests we sent.
  void on_request(Script script);
  void add_to_cea(std::string avps);              // before Result-Code
  void refuse_connections(bool refuse) noexcept;  // accepted and closed at once
  void answer_watchdog(bool answer) noexcept { answers_watchdog_ = answer; }

  // An answer with Session-Id, VSAI, Auth-Session-State, Origin-*, and then `avps`.
  [[nodiscard]] std::string answer(const DiameterRequest& request, std::string_view avps) const;

  bool send(std::string_view message);  // unasked; false without a connection
  // A request of our own, like PNR; its answer goes to the script.
  bool send_request(std::uint32_t command, std::string_view avps);
  bool disconnect_properly(std::uint32_t cause);  // DPR
  void drop_connection();

  [[nodiscard]] std::uint64_t connections() const noexcept { return connections_; }
  [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }
  [[nodiscard]] bool connected() const noexcept { return ready_; }
  [[nodiscard]] std::string last_cer() const;

 private:
  void run();
  void serve(int connection);
  void handle(const DiameterRequest& message);
  bool write_all(std::string_view octets);

  const std::string identity_;
  const std::string realm_;
  const std::uint32_t application_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;  // script_, cea_, cer_, connection_
  Script script_;
  std::string cea_;
  std::string cer_;
  int connection_ = -1;
  std::atomic<bool> stop_{false}, refuse_{false}, ready_{false}, answers_watchdog_{true};
  std::atomic<std::uint64_t> connections_{0}, requests_{0};
  std::atomic<std::uint32_t> next_id_{1};
  std::thread thread_;
};

}  // namespace herald::test
