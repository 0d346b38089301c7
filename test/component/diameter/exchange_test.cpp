// The peer layer in good and bad times: silence, late answers, lost connections, other hosts, notifications. FD-70.
#include <atomic>
#include <chrono>
#include <doctest/doctest.h>

#include "sh_lab.h"

using namespace herald;
using namespace herald::diameter;
using namespace herald::diameter::test;

namespace {

void both(ShLab& lab, const std::function<RawDiameterPeer::Script(RawDiameterPeer&)>& make) {
  lab.hss().on_request(make(lab.hss()));
  lab.second().on_request(make(lab.second()));
}

RawDiameterPeer::Script silent() {
  return [](const DiameterRequest&) { return DiameterReply{}; };
}

std::uint64_t requests(ShLab& lab) { return lab.hss().requests() + lab.second().requests(); }

}  // namespace

TEST_CASE("every kind of data travels from the HSS to the asker") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  const auto answer_with = [&](const std::string& xml) {
    both(lab, [xml](RawDiameterPeer& peer) {
      return [&peer, xml](const DiameterRequest& r) {
        return DiameterReply{{peer.answer(r, avp::u32(268, 2001) + avp::octets(702, xml, kTgpp))}, false};
      };
    });
  };
  answer_with(
      "<Sh-Data><RepositoryData><ServiceIndication>push-profile</ServiceIndication><SequenceNumber>7</SequenceNumber>"
      "<ServiceData><push-profile version=\"1\"/></ServiceData></RepositoryData></Sh-Data>");
  auto reply = lab.ask(*client, "sip:alice@ims.lab", ShDataRef::repository_data);
  REQUIRE(reply.ok());
  CHECK(reply.data->repository->sequence == 7);
  CHECK(reply.data->repository->service_data == "<push-profile version=\"1\"/>");
  answer_with("<Sh-Data><PublicIdentifiers><IMSPublicIdentity>tel:+1555</IMSPublicIdentity></PublicIdentifiers></Sh-Data>");
  reply = lab.ask(*client, "sip:alice@ims.lab", ShDataRef::public_identities);
  REQUIRE(reply.ok());
  CHECK(reply.data->public_identities.front() == "tel:+1555");
  answer_with("<Sh-Data><Sh-IMS-Data><SCSCFName>sip:scscf.ims.lab:6060</SCSCFName></Sh-IMS-Data></Sh-Data>");
  reply = lab.ask(*client, "sip:alice@ims.lab", ShDataRef::scscf_name);
  REQUIRE(reply.ok());
  CHECK(reply.data->scscf_name == "sip:scscf.ims.lab:6060");
  CHECK(reply.diameter_code == 2001);
  CHECK_FALSE(reply.stale);
}

TEST_CASE("SH-65: the capabilities exchange offers Sh of vendor 3GPP and no relaying") {
  auto& lab = ShLab::instance();
  lab.settle();
  const auto cer = lab.hss().last_cer();
  CHECK(cer.find(avp::octets(260, avp::u32(258, 16777217) + avp::u32(266, kTgpp))) != std::string::npos);
  CHECK(cer.find(avp::u32(265, kTgpp)) != std::string::npos);
  CHECK(cer.find("\xff\xff\xff\xff") == std::string::npos);
}

TEST_CASE("SH-01 to SH-03, SH-51: what the HSS gets") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  std::mutex mutex;
  std::vector<DiameterRequest> seen;
  both(lab, [&](RawDiameterPeer& peer) {
    return [&](const DiameterRequest& r) {
      const std::lock_guard lock(mutex);
      seen.push_back(r);
      return DiameterReply{{peer.answer(r, avp::u32(268, 2001) + user_state(1))}, false};
    };
  });
  lab.ask(*client, "sip:Alice@IMS.lab:5060;transport=tcp");
  lab.ask(*client, "sip:bob@ims.lab");
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].flags == 0xc0);
  CHECK(seen[0].command == 306);
  CHECK(seen[0].application == 16777217);
  CHECK(seen[0].find(601, kTgpp) == "sip:Alice@ims.lab");
  CHECK(seen[0].find(283) == "hss.lab");
  CHECK_FALSE(seen[0].find(293));
  CHECK(seen[0].find(264) == "as1.ims.lab");
  CHECK(*seen[0].find(277) == std::string("\0\0\0\1", 4));
  CHECK(*seen[0].find(263) != *seen[1].find(263));
  CHECK(seen[0].find(263)->starts_with("as1.ims.lab;"));
}

TEST_CASE("a silent HSS: the asker hears at the request timeout, and a late answer hurts nobody") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  std::mutex mutex;
  std::vector<std::string> late;
  both(lab, [&](RawDiameterPeer& peer) {
    return [&](const DiameterRequest& r) {
      const std::lock_guard lock(mutex);
      late.push_back(peer.answer(r, avp::u32(268, 2001) + user_state(2)));
      return DiameterReply{};
    };
  });
  const auto before = requests(lab);
  const auto asked = lab.start(*client, "sip:silent@ims.lab");
  REQUIRE(lab.wait_until([&] { return requests(lab) > before; }));
  lab.shard.advance(std::chrono::milliseconds(1999));
  CHECK_FALSE(asked->has_value());
  lab.shard.advance(std::chrono::milliseconds(1));
  CHECK(lab.finish(asked).result == ShResult::timeout);
  CHECK(lab.shard.timer_count() == 0);
  {
    const std::lock_guard lock(mutex);
    REQUIRE(late.size() == 1);
    CHECK((lab.hss().send(late[0]) && lab.second().send(late[0])));  // one of them has an id nobody knows
  }
  lab.settle();
  const auto reply = lab.ask(*client, "sip:silent@ims.lab");
  CHECK(reply.ok());
  CHECK(reply.data->state == ImsUserState::registered);
}

TEST_CASE("SH-50: a hundred askers of the same thing cause one request") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  std::vector<std::shared_ptr<std::optional<ShReply>>> asked;
  const auto before = requests(lab);
  for (int i = 0; i < 100; ++i) asked.push_back(lab.start(*client, "sip:crowd@ims.lab"));
  for (const auto& one : asked) CHECK(lab.finish(one).ok());
  CHECK(requests(lab) == before + 1);
  CHECK(lab.ask(*client, "sip:crowd@ims.lab").ok());
  CHECK(requests(lab) == before + 1);  // and the cache serves the next
}

TEST_CASE("FD-51: 3002 and 3004 are tried once more") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  for (const std::uint32_t code : {3002U, 3004U}) {
    std::atomic<int> count{0};
    both(lab, [&](RawDiameterPeer& peer) {
      return [&](const DiameterRequest& r) {
        if (count++ > 0) return DiameterReply{{peer.answer(r, avp::u32(268, 2001) + user_state(1))}, false};
        return DiameterReply{{peer.answer(r, avp::u32(268, code))}, false};
      };
    });
    CHECK(lab.ask(*client, "sip:again" + std::to_string(code) + "@ims.lab").ok());
    CHECK(count == 2);
  }
}

TEST_CASE("SH-61, FD-52: a redirect is followed to the host it names") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  both(lab, [&](RawDiameterPeer& peer) {
    return [&](const DiameterRequest& r) {
      if (r.find(293) == "hss2.hss.lab" && &peer == &lab.second())
        return DiameterReply{{peer.answer(r, avp::u32(268, 2001) + user_state(1))}, false};
      const auto body = avp::octets(264, peer.identity()) + avp::octets(296, "hss.lab") + avp::u32(268, 3006) +
                        avp::octets(292, "aaa://hss2.hss.lab:3868;transport=tcp") + avp::u32(261, 0);
      return DiameterReply{{herald::test::diameter_message(r, body, 0x60)}, false};
    };
  });
  CHECK(lab.ask(*client, "sip:moved@ims.lab").ok());
  both(lab, [&](RawDiameterPeer& peer) {
    return [&](const DiameterRequest& r) {
      const auto body = avp::octets(264, peer.identity()) + avp::octets(296, "hss.lab") + avp::u32(268, 3006) +
                        avp::octets(292, "aaa://" + peer.identity() + ":3868");
      return DiameterReply{{herald::test::diameter_message(r, body, 0x60)}, false};
    };
  });
  CHECK(lab.ask(*client, "sip:round@ims.lab").result == ShResult::unavailable);  // in a circle: at most two
}

TEST_CASE("4100 is asked again after a second, on our clock") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  std::atomic<int> count{0};
  both(lab, [&](RawDiameterPeer& peer) {
    return [&](const DiameterRequest& r) {
      if (count++ > 0) return DiameterReply{{peer.answer(r, avp::u32(268, 2001) + user_state(1))}, false};
      return DiameterReply{{peer.answer(r, experimental(4100))}, false};
    };
  });
  const auto asked = lab.start(*client, "sip:busy@ims.lab");
  // The question under way ends one request timer and starts the pause.
  REQUIRE(lab.wait_until([&] { return count == 1 && lab.stack().core() != nullptr; }));
  REQUIRE(lab.wait_until([&] {
    lab.shard.advance(std::chrono::milliseconds(100));
    return asked->has_value();
  }));
  CHECK(lab.finish(asked).ok());
  CHECK(count == 2);
}

TEST_CASE("a PNR gets 5107 instead of silence, and leaves no session behind") {
  auto& lab = ShLab::instance();
  lab.settle();
  std::atomic<int> refused{0};
  lab.hss().on_request([&](const DiameterRequest& r) {
    if (r.is_answer() && r.command == 309) {
      const auto result = r.find(297);
      if (result && result->ends_with(std::string("\0\0\x13\xf3", 4))) ++refused;  // 5107
    }
    return DiameterReply{};
  });
  const auto sessions = lab.stack().library_sessions();
  const auto pnr = avp::octets(293, "as1.ims.lab") + avp::octets(283, "ims.lab") +
                   avp::octets(700, avp::octets(601, "sip:alice@ims.lab", kTgpp), kTgpp) + user_state(1);
  constexpr int kNotifications = 200;
  for (int i = 0; i < kNotifications; ++i) REQUIRE(lab.hss().send_request(309, pnr));
  CHECK(lab.wait_until([&] { return refused == kNotifications; }));
  CHECK(lab.wait_until([&] { return lab.stack().library_sessions() <= sessions; }, std::chrono::seconds(5)));
}

TEST_CASE("requests of the HSS that are nonsense are answered or ignored, never fatal") {
  auto& lab = ShLab::instance();
  lab.settle();
  std::atomic<int> answers{0};
  lab.hss().on_request([&](const DiameterRequest& r) {
    if (r.is_answer()) ++answers;
    return DiameterReply{};
  });
  std::string deep = avp::u32(266, 1);
  for (int i = 0; i < 2000; ++i) deep = avp::octets(279, deep);
  const auto to_us = avp::octets(293, "as1.ims.lab") + avp::octets(283, "ims.lab");
  REQUIRE(lab.hss().send_request(309, to_us));                                           // without User-Identity: 5005
  REQUIRE(lab.hss().send_request(309, to_us + avp::octets(9999, "x") + user_state(1)));  // unknown AVP with M: 5001
  REQUIRE(lab.hss().send_request(306, to_us));                                           // a command that is not ours to serve
  REQUIRE(lab.hss().send_request(4711, to_us));                                          // one nobody knows
  REQUIRE(lab.hss().send_request(309, to_us + deep));
  CHECK(lab.wait_until([&] { return answers >= 4; }));
  auto client = lab.client();
  lab.settle();
  CHECK(lab.ask(*client, "sip:after@ims.lab").ok());
}

TEST_CASE("FD-70: one HSS goes away with requests pending, the other answers them") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  lab.hss().on_request([](const DiameterRequest&) { return DiameterReply{{}, true}; });
  lab.hss().refuse_connections(true);
  for (int i = 0; i < 6; ++i) CHECK(lab.ask(*client, "sip:move" + std::to_string(i) + "@ims.lab").ok());
  lab.settle();
}

TEST_CASE("no HSS at all: unavailable at once, and stale data while the grace lasts") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  REQUIRE(lab.ask(*client, "sip:stale@ims.lab").ok());
  for (auto* peer : {&lab.hss(), &lab.second()}) {
    peer->refuse_connections(true);
    peer->drop_connection();
  }
  REQUIRE(lab.wait_until([&] { return !lab.stack().peers()[0].open && !lab.stack().peers()[1].open; }));
  CHECK(lab.ask(*client, "sip:nobody@ims.lab").result == ShResult::unavailable);
  lab.shard.advance(std::chrono::seconds(11));  // user state is fresh for 10 s
  const auto reply = lab.ask(*client, "sip:stale@ims.lab");
  CHECK(reply.ok());
  CHECK(reply.stale);
  CHECK(reply.diameter_code == 3002);
  lab.settle();
  const auto again = lab.ask(*client, "sip:stale@ims.lab");
  CHECK(again.ok());
  CHECK_FALSE(again.stale);
}

// Measured, not tested because of the time they take: after BUSY the library stays away for some ten seconds, after
// DO_NOT_WANT_TO_TALK_TO_YOU for some minutes.
TEST_CASE("a peer that says goodbye because it reboots is connected to again") {
  auto& lab = ShLab::instance();
  lab.settle();
  const auto before = lab.hss().connections();
  REQUIRE(lab.hss().disconnect_properly(0));
  CHECK(lab.wait_until([&] { return lab.hss().connections() > before; }, std::chrono::seconds(30)));
  lab.settle();
}

TEST_CASE("an answer larger than the library takes costs the connection, not the process") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  both(lab, [](RawDiameterPeer& peer) {
    return [&peer](const DiameterRequest& r) {
      return DiameterReply{{peer.answer(r, avp::u32(268, 2001) + avp::octets(702, std::string(70000, ' '), kTgpp))}, false};
    };
  });
  const auto reply = lab.ask(*client, "sip:huge@ims.lab");
  CHECK_FALSE(reply.ok());
  lab.settle();
  CHECK(lab.ask(*client, "sip:small@ims.lab").ok());
}

TEST_CASE("the largest document under the limit passes") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  both(lab, [](RawDiameterPeer& peer) {
    return [&peer](const DiameterRequest& r) {
      const auto xml =
          "<Sh-Data><Sh-IMS-Data><IMSUserState>1</IMSUserState></Sh-IMS-Data>" + std::string(60000, ' ') + "</Sh-Data>";
      return DiameterReply{{peer.answer(r, avp::u32(268, 2001) + avp::octets(702, xml, kTgpp))}, false};
    };
  });
  CHECK(lab.ask(*client, "sip:large@ims.lab").ok());
}

TEST_CASE("SH-68: over the limit of open requests the asker hears busy at once") {
  auto& lab = ShLab::instance();
  lab.settle();
  ShOptions few;
  few.max_in_flight = 3;
  auto client = lab.client(few);
  both(lab, [](RawDiameterPeer&) { return silent(); });
  std::vector<std::shared_ptr<std::optional<ShReply>>> asked;
  for (int i = 0; i < 3; ++i) asked.push_back(lab.start(*client, "sip:slow" + std::to_string(i) + "@ims.lab"));
  CHECK(lab.ask(*client, "sip:slow3@ims.lab").result == ShResult::busy);
  lab.shard.advance(std::chrono::seconds(2));
  for (const auto& one : asked) CHECK(lab.finish(one).result == ShResult::timeout);
}
