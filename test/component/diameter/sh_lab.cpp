#include "sh_lab.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <poll.h>

namespace herald::diameter::test {

namespace {

Task<void> keep(Future<ShReply> future, std::shared_ptr<std::optional<ShReply>> into) {
  auto reply = co_await future;
  into->emplace(reply ? std::move(*reply) : ShReply{});
}

}  // namespace

std::string user_state(int state) {
  return avp::octets(
      702, "<Sh-Data><Sh-IMS-Data><IMSUserState>" + std::to_string(state) + "</IMSUserState></Sh-IMS-Data></Sh-Data>", kTgpp);
}

std::string experimental(std::uint32_t code) { return avp::octets(297, avp::u32(266, kTgpp) + avp::u32(298, code)); }

ShLab& ShLab::instance() {
  static ShLab lab;
  return lab;
}

ShLab::ShLab() {
  DiameterOptions options;
  options.identity = "as1.ims.lab";
  options.realm = "ims.lab";
  options.destination_realm = "hss.lab";
  options.watchdog = std::chrono::seconds(6);
  options.reconnect = std::chrono::seconds(1);
  options.peers.push_back({"hss1.hss.lab", "hss.lab", "127.0.0.1", first_.port(), false});
  options.peers.push_back({"hss2.hss.lab", "hss.lab", "127.0.0.1", second_.port(), false});
  auto started = DiameterStack::start(options);
  REQUIRE_MESSAGE(started, (started ? "" : started.error().text));
  stack_ = std::move(*started);
}

std::unique_ptr<ShClient> ShLab::client(ShOptions options) { return make_sh_client(*stack_, std::move(options)); }

void ShLab::settle() {
  for (auto* peer : {&first_, &second_}) {
    peer->refuse_connections(false);
    peer->answer_watchdog(true);
    peer->add_to_cea("");
    peer->on_request([peer](const DiameterRequest& request) {
      return DiameterReply{{peer->answer(request, avp::u32(268, 2001) + user_state(1))}, false};
    });
  }
  REQUIRE(wait_until([this] { return std::ranges::all_of(stack_->peers(), [](const auto& peer) { return peer.open; }); },
                     std::chrono::seconds(60)));
}

std::shared_ptr<std::optional<ShReply>> ShLab::start(ShClient& client, const std::string& user, ShDataRef data) {
  auto into = std::make_shared<std::optional<ShReply>>();
  shard.run([&] {
    ShQuery query;
    query.user = user;
    query.data = data;
    query.service_indication = "push-profile";
    spawn(keep(client.user_data(std::move(query), Deadline::after(clock, std::chrono::seconds(5))), into));
  });
  return into;
}

ShReply ShLab::finish(const std::shared_ptr<std::optional<ShReply>>& asked) {
  REQUIRE(wait_until([&] { return asked->has_value(); }));
  return **asked;
}

ShReply ShLab::ask(ShClient& client, const std::string& user, ShDataRef data) { return finish(start(client, user, data)); }

bool ShLab::wait_until(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    shard.run_ready();
    if (condition()) return true;
    if (std::chrono::steady_clock::now() > end) return false;
    poll(nullptr, 0, 1);  // let the other threads on
  }
}

}  // namespace herald::diameter::test
