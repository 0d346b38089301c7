#include <doctest/doctest.h>
#include <random>
#include <string>

#include "doubles/diameter_peer.h"
#include "library_fixture.h"
#include "message_guard.h"
#include "stack_core.h"
//
#include "dictionary/library.h"

using namespace herald;
using namespace herald::diameter;
namespace make = herald::test::avp;
using herald::diameter::test::library_ready;

namespace {

constexpr std::uint32_t kTgpp = 10415;

std::string answer(const std::string& body, std::uint32_t command = 306, std::uint32_t application = 16777217) {
  herald::test::DiameterRequest request;
  request.command = command;
  request.application = application;
  request.end_to_end = 7;
  return herald::test::diameter_message(request, body);
}

std::optional<GuardReport> guard(std::string& message) {
  static const MessageModels models = load_models();
  return guard_message({reinterpret_cast<std::uint8_t*>(message.data()), message.size()}, models);
}

// What the library says to it: 0, or the errno of parsing.
int library_takes(const std::string& message) {
  auto* buffer = static_cast<std::uint8_t*>(std::malloc(message.size()));
  std::copy(message.begin(), message.end(), buffer);
  msg* parsed = nullptr;
  if (const int rc = fd_msg_parse_buffer(&buffer, message.size(), &parsed); rc != 0) {
    std::free(buffer);
    return rc;
  }
  fd_pei error{};
  const int rc = fd_msg_parse_rules(parsed, fd_g_config->cnf_dict, &error);
  if (error.pei_avp_free != 0 && error.pei_avp != nullptr) fd_msg_free(reinterpret_cast<msg*>(error.pei_avp));
  fd_msg_free(parsed);
  return rc;
}

}  // namespace

TEST_CASE("what fits is left as it is, octet for octet") {
  library_ready();
  auto message = answer(make::octets(263, "a;1;2") + make::u32(268, 2001) + make::octets(9999, "optional", 0, 0) +
                        make::octets(628, make::u32(266, kTgpp) + make::u32(629, 1, kTgpp, 0) + make::u32(630, 1, kTgpp), kTgpp) +
                        make::octets(702, "<Sh-Data/>", kTgpp));
  const auto before = message;
  const auto report = guard(message);
  REQUIRE(report);
  CHECK_FALSE(report->touched());
  CHECK(report->answer);
  CHECK(report->end_to_end == 7);
  CHECK(message == before);
  CHECK(library_takes(message) == 0);
}

TEST_CASE("FD-61: whatever the library would choke on, it takes after the guard") {
  library_ready();
  const std::string unknown = make::octets(9999, "x");
  const std::string rows[] = {
      unknown + make::u32(268, 2001),
      make::octets(628, unknown, kTgpp) + make::u32(268, 2001),
      make::octets(279, make::octets(279, unknown)) + make::u32(268, 2001),
      make::octets(268, "123"),
      make::octets(297, make::octets(266, "toolong") + make::u32(298, 5001)),
      make::octets(260, ""),
      make::octets(284, "noise"),
      make::octets(622, "123"),
      "noise that is no AVP!",
      std::string(100, '\0'),
      std::string(100, '\xff'),
  };
  for (const auto& body : rows) {
    auto message = answer(body);
    CAPTURE(herald::diameter::test::hex(message));
    CHECK(library_takes(message) != 0);  // or the row proves nothing
    auto padded = answer(body + std::string((4 - body.size() % 4) % 4, '\0'));
    const auto report = guard(padded);
    REQUIRE(report);
    CHECK(report->touched());
    CHECK(library_takes(padded) == 0);
  }
}

TEST_CASE("an answer of a command nobody knows becomes one that says nothing") {
  library_ready();
  auto message = answer(make::u32(268, 2001), 8388000);
  CHECK(library_takes(message) != 0);
  REQUIRE(guard(message));
  CHECK(library_takes(message) == 0);
}

TEST_CASE("answers of the base protocol are guarded as well") {
  library_ready();
  auto message = answer(make::octets(9999, "x") + make::u32(268, 2001), 280, 0);
  const auto report = guard(message);
  REQUIRE(report);
  CHECK(report->set_aside == 1);
  CHECK(report->first_code == 9999);
}

TEST_CASE("requests keep their errors, but not their depth") {
  library_ready();
  herald::test::DiameterRequest request;
  request.command = 309;
  request.application = 16777217;
  auto wrong = herald::test::diameter_message(request, make::octets(9999, "x") + make::octets(268, "1"), 0xc0);
  const auto before = wrong;
  REQUIRE(guard(wrong));
  CHECK(wrong == before);
  std::string deep = make::u32(266, 1);
  for (int i = 0; i < 1000; ++i) deep = make::octets(279, deep);
  auto nested = herald::test::diameter_message(request, deep, 0xc0);
  const auto report = guard(nested);
  REQUIRE(report);
  CHECK(report->set_aside == 1);
}

TEST_CASE("no header, no report") {
  library_ready();
  std::string stub(19, '\0');
  CHECK_FALSE(guard(stub));
}

TEST_CASE("20 000 answers with octets changed at random: the library takes every one after the guard") {
  library_ready();
  std::mt19937 random(4711);  // the same every time
  const auto whole =
      answer(make::octets(263, "a;1;2") + make::octets(260, make::u32(266, kTgpp) + make::u32(258, 16777217)) +
             make::u32(277, 1) + make::octets(297, make::u32(266, kTgpp) + make::u32(298, 5001)) +
             make::octets(628, make::u32(266, kTgpp) + make::u32(629, 1, kTgpp) + make::u32(630, 1, kTgpp), kTgpp) +
             make::octets(279, make::octets(703, "1234", kTgpp)) + make::u32(268, 2001));
  int changed = 0;
  for (int i = 0; i < 20000; ++i) {
    auto message = whole;
    const auto flips = 1 + random() % 6;
    for (unsigned k = 0; k < flips; ++k) {
      const auto at = 20 + random() % (message.size() - 20);
      message[at] = static_cast<char>(random() % 2 != 0 ? random() : message[at] ^ (1U << random() % 8));
    }
    const auto report = guard(message);
    REQUIRE(report);
    changed += report->touched() ? 1 : 0;
    const int rc = library_takes(message);
    if (rc != 0) CAPTURE(herald::diameter::test::hex(message));
    REQUIRE(rc == 0);
  }
  CHECK(changed > 1000);
}
