#include "sip_actor.h"

#include <algorithm>
#include <doctest/doctest.h>

namespace herald::test {

std::vector<Heard> SipActor::transactions(std::string_view method) const {
  std::vector<Heard> found;
  for (const auto& each : requests) {
    if (SipPeer::method(each.text) != method) continue;
    const auto via = each.header("Via");
    if (std::none_of(found.begin(), found.end(), [&](const Heard& other) { return other.header("Via") == via; }))
      found.push_back(each);
  }
  return found;
}

Heard SipActor::last(std::string_view method) const {
  const auto all = transactions(method);
  REQUIRE_FALSE(all.empty());
  return all.back();
}

bool SipActor::poll(TimePoint now) {
  bool any = false;
  while (auto text = socket.receive()) {
    any = true;
    if (SipPeer::status(*text) != 0) {
      responses.push_back({std::move(*text), now});
      continue;
    }
    if (rule)
      if (const auto answer = rule(*text); !answer.empty()) socket.send(answer);
    requests.push_back({std::move(*text), now});
  }
  return any;
}

std::string ThirdPartyRegister::text(const SipActor& scscf, std::uint16_t to_port, unsigned number) const {
  const auto id = std::to_string(scscf.socket.port()) + "-reg-" + std::to_string(number);
  const auto expires = std::to_string(seconds);
  const std::string inner = "REGISTER sip:ims.lab SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6101;branch=z9hG4bKue" + id +
                            "\r\nFrom: <" + user + ">;tag=ue\r\nTo: <" + user + ">\r\nCall-ID: ue-" + id +
                            "\r\nCSeq: 1 REGISTER\r\nContact: <sip:ue@127.0.0.1:6101>;expires=" + expires +
                            ";+g.oma.pusheventapp=\"" + applications + "\"\r\nContent-Length: 0\r\n\r\n";
  return "REGISTER sip:127.0.0.1:" + std::to_string(to_port) + " SIP/2.0\r\nVia: SIP/2.0/UDP " + scscf.socket.host_port() +
         ";branch=z9hG4bK" + id + "\r\nMax-Forwards: 70\r\nFrom: <" + scscf.uri() + ">;tag=" + id + "\r\nTo: <" + user +
         ">\r\nCall-ID: " + id + "\r\nCSeq: 10 REGISTER\r\nContact: <" + scscf.uri() + ">\r\nExpires: " + expires +
         "\r\nContent-Type: message/sip\r\nContent-Length: " + std::to_string(inner.size()) + "\r\n\r\n" + inner;
}

}  // namespace herald::test
