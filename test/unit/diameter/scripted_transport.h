// A stack that is a list: the test sees what was asked and decides what comes back.
#pragma once

#include <deque>
#include <utility>

#include "sh_transport.h"

namespace herald::diameter::test {

class ScriptedTransport final : public ShTransport {
 public:
  struct Sent {
    PendingHandle handle;
    ShRequest request;
    Duration timeout{};
  };
  void send(PendingHandle handle, ShRequest request, Duration timeout) override {
    sent.push_back({handle, std::move(request), timeout});
  }
  PendingTable& pending() noexcept override { return table; }
  [[nodiscard]] std::vector<ShClient::PeerState> peers() const override { return {}; }

  bool answer(ShAnswer with) {
    auto one = std::move(sent.front());
    sent.pop_front();
    return table.complete(one.handle, std::move(with));
  }
  bool answer_base(std::uint32_t code) {
    ShAnswer with;
    with.kind = ShAnswer::Kind::answered;
    with.result_code = code;
    with.origin_host = "hss1.hss.lab";
    return answer(std::move(with));
  }
  bool answer_experimental(std::uint32_t code) {
    ShAnswer with;
    with.kind = ShAnswer::Kind::answered;
    with.experimental_code = code;
    with.origin_host = "hss1.hss.lab";
    return answer(std::move(with));
  }
  bool answer_data(const std::string& xml) {
    ShAnswer with;
    with.kind = ShAnswer::Kind::answered;
    with.result_code = 2001;
    with.origin_host = "hss1.hss.lab";
    with.user_data = xml;
    return answer(std::move(with));
  }
  bool answer_state(int state) {
    return answer_data("<Sh-Data><Sh-IMS-Data><IMSUserState>" + std::to_string(state) +
                       "</IMSUserState></Sh-IMS-Data></Sh-Data>");
  }

  std::deque<Sent> sent;
  PendingTable table;
};

}  // namespace herald::diameter::test
