// Answers as no proper HSS would give them, octet by octet. FD-60, FD-61, FD-63, FD-70; D1, D2, D3.
#include <doctest/doctest.h>

#include "sh_lab.h"

using namespace herald;
using namespace herald::diameter;
using namespace herald::diameter::test;

namespace {

constexpr std::uint32_t kUnknownCode = 9999;

// What the HSS puts after the usual head of an answer, and what the asker is told.
struct Row {
  const char* name;
  std::string avps;
  ShResult result;
};

std::string group(std::uint32_t code, std::string_view children, std::uint32_t vendor = 0) {
  return avp::octets(code, children, vendor);
}

const std::string kOk = avp::u32(268, 2001);
const std::string kUnknown = avp::octets(kUnknownCode, "what", 0, avp::kMandatory);
const std::string kUnknownVendor = avp::octets(kUnknownCode, "what", 4242, avp::kMandatory);

std::string wrong_length(std::string avp_octets, std::uint8_t length) {
  avp_octets[7] = static_cast<char>(length);
  return avp_octets;
}

}  // namespace

TEST_CASE("an answer with AVPs that do not fit never aborts the process nor vanishes") {
  auto& lab = ShLab::instance();
  lab.settle();
  const auto data = user_state(1);
  const std::string nested_unknown = avp::u32(266, kTgpp) + avp::u32(629, 1, kTgpp) + avp::u32(630, 1, kTgpp) + kUnknown;
  const Row rows[] = {
      {"as it should be", kOk + data, ShResult::ok},
      {"D1: unknown AVP with M before Result-Code", kUnknown + kOk + data, ShResult::ok},
      {"D1: unknown vendor's AVP with M before Result-Code", kUnknownVendor + kOk + data, ShResult::ok},
      {"D2: unknown AVP with M after Result-Code", kOk + kUnknown + data, ShResult::ok},
      {"nested unknown AVP with M before Result-Code", group(628, nested_unknown, kTgpp) + kOk + data, ShResult::ok},
      {"nested unknown AVP with M after Result-Code", kOk + group(628, nested_unknown, kTgpp) + data, ShResult::ok},
      {"doubly nested, inside Failed-AVP", group(279, group(628, nested_unknown, kTgpp)) + kOk + data, ShResult::ok},
      {"Failed-AVP with an AVP of a wrong length", group(279, avp::octets(703, "x", kTgpp)) + avp::u32(268, 5004),
       ShResult::unavailable},
      {"Failed-AVP that is no list of AVPs", group(279, "garbage!") + avp::u32(268, 5005), ShResult::unavailable},
      {"unknown AVP with M before a 5xxx", kUnknown + avp::u32(268, 5012), ShResult::busy},
      {"unknown AVP with M around an Experimental-Result", kUnknown + experimental(5001) + kUnknown, ShResult::user_unknown},
      {"unknown AVP with M inside Experimental-Result", group(297, avp::u32(266, kTgpp) + avp::u32(298, 5001) + kUnknown),
       ShResult::user_unknown},
      {"Result-Code of 5 octets", avp::octets(268, "12345") + data, ShResult::malformed},
      {"Result-Code of 0 octets", avp::octets(268, "") + data, ShResult::malformed},
      {"Result-Code without its M bit", avp::u32(268, 2001, 0, 0) + data, ShResult::ok},
      {"Result-Code with a vendor", avp::u32(268, 2001, kTgpp) + data, ShResult::malformed},
      {"Experimental-Result without its code", group(297, avp::u32(266, kTgpp)), ShResult::malformed},
      {"Experimental-Result without a vendor", group(297, avp::u32(298, 5001)), ShResult::user_unknown},
      {"Experimental-Result empty", group(297, ""), ShResult::malformed},
      {"SH-04: both results", kOk + experimental(5001) + data, ShResult::malformed},
      {"SH-04: neither result", data, ShResult::malformed},
      {"a group whose child is longer than it", group(628, wrong_length(avp::u32(266, kTgpp), 200), kTgpp) + kOk + data,
       ShResult::ok},
      {"last AVP cut short", kOk + wrong_length(avp::octets(702, "<Sh-Data/>", kTgpp), 250), ShResult::malformed},
      {"AVP of length 0", wrong_length(kOk, 0) + data, ShResult::malformed},
      {"a few octets too many", kOk + data + std::string("\0\0\0\0", 4), ShResult::malformed},
      {"no User-Data", kOk, ShResult::no_data},
      {"empty User-Data", kOk + avp::octets(702, "", kTgpp), ShResult::no_data},
      {"User-Data that is not XML", kOk + avp::octets(702, "hello", kTgpp), ShResult::malformed},
      {"Sh-Data without the state", kOk + avp::octets(702, "<Sh-Data/>", kTgpp), ShResult::no_data},
      {"Sh-Data with a DTD", kOk + avp::octets(702, "<!DOCTYPE a><Sh-Data/>", kTgpp), ShResult::malformed},
      {"overload and load reports", kOk + data + group(623, avp::u32(626, 0, 0, 0) + avp::u32(627, 10, 0, 0)) + group(650, ""),
       ShResult::ok},
  };
  int number = 0;
  for (const auto& row : rows) {
    const std::string name = row.name;
    CAPTURE(name);
    for (auto* peer : {&lab.hss(), &lab.second()}) {
      peer->on_request([peer, &row](const DiameterRequest& request) {
        return DiameterReply{{peer->answer(request, row.avps)}, false};
      });
    }
    ShOptions once;
    once.max_backoff_retries = 0;
    once.total_budget = std::chrono::milliseconds(900);  // 5012 is not asked again
    auto client = lab.client(once);
    const auto reply = lab.ask(*client, "sip:user" + std::to_string(number++) + "@ims.lab");
    CHECK(to_string(reply.result) == to_string(row.result));
    if (row.result == ShResult::ok) CHECK(reply.data->state == ImsUserState::registered);
  }
  for (const auto& peer : lab.stack().peers()) CHECK(peer.open);
}

TEST_CASE("answers that are wrong as a whole") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  const auto reply_to = [&](auto make) {
    for (auto* peer : {&lab.hss(), &lab.second()}) {
      peer->on_request([peer, make](const DiameterRequest& request) { return DiameterReply{{make(*peer, request)}, false}; });
    }
    static int number = 0;
    return lab.ask(*client, "sip:whole" + std::to_string(number++) + "@ims.lab").result;
  };
  SUBCASE("no AVP at all") {
    CHECK(reply_to([](RawDiameterPeer&, const DiameterRequest& r) { return herald::test::diameter_message(r, ""); }) ==
          ShResult::malformed);
  }
  SUBCASE("a body of noise") {
    CHECK(reply_to([](RawDiameterPeer&, const DiameterRequest& r) {
            return herald::test::diameter_message(r, std::string(64, '\xff'));
          }) == ShResult::malformed);
  }
  SUBCASE("no Session-Id") {
    CHECK(reply_to([](RawDiameterPeer&, const DiameterRequest& r) {
            return herald::test::diameter_message(r, avp::u32(268, 2001) + user_state(1));
          }) == ShResult::ok);
  }
  SUBCASE("Session-Id in the wrong place") {
    CHECK(reply_to([](RawDiameterPeer&, const DiameterRequest& r) {
            return herald::test::diameter_message(r, avp::u32(268, 2001) + user_state(1) + avp::octets(263, *r.find(263)));
          }) == ShResult::ok);
  }
  SUBCASE("another command of Sh") {
    CHECK(reply_to([](RawDiameterPeer& peer, DiameterRequest r) {
            r.command = 308;
            return peer.answer(r, avp::u32(268, 2001) + user_state(1));
          }) == ShResult::malformed);
  }
  SUBCASE("a command nobody knows") {
    CHECK(reply_to([](RawDiameterPeer& peer, DiameterRequest r) {
            r.command = 8388000;
            return peer.answer(r, avp::u32(268, 2001) + user_state(1));
          }) == ShResult::malformed);
  }
  SUBCASE("the E bit on a protocol error") {
    CHECK(reply_to([](RawDiameterPeer&, const DiameterRequest& r) {
            return herald::test::diameter_message(
                r, avp::octets(264, "x.hss.lab") + avp::octets(296, "hss.lab") + avp::u32(268, 3003), 0x60);
          }) == ShResult::unavailable);
  }
}

TEST_CASE("a capabilities answer with an unknown AVP with M before Result-Code does not abort the process") {
  auto& lab = ShLab::instance();
  lab.settle();
  const auto before = lab.hss().connections();
  lab.hss().add_to_cea(kUnknown + avp::octets(kUnknownCode, "x", kTgpp));
  lab.hss().drop_connection();
  CHECK(lab.wait_until([&] { return lab.hss().connections() > before; }, std::chrono::seconds(30)));
  lab.settle();
}
