#include <cstdlib>
#include <doctest/doctest.h>

#include "dictionary/avp.h"
#include "dictionary/dictionary.h"
#include "library_fixture.h"
#include "sh_codec.h"
//
#include "dictionary/library.h"

using namespace herald;
using namespace herald::diameter;
using herald::diameter::test::hex;

namespace {

std::string octets_of(msg* message) {
  std::uint8_t* buffer = nullptr;
  std::size_t length = 0;
  REQUIRE(fd_msg_bufferize(message, &buffer, &length) == 0);
  std::string octets(reinterpret_cast<char*>(buffer), length);
  std::free(buffer);
  return octets;
}

ShRequest question() {
  ShRequest request;
  request.user = "sip:a@b";
  request.data = ShDataRef::user_state;
  request.destination_realm = "hss.lab";
  return request;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

DiameterMessage parsed(std::string octets) {
  auto* buffer = static_cast<std::uint8_t*>(std::malloc(octets.size()));
  std::copy(octets.begin(), octets.end(), buffer);
  msg* message = nullptr;
  REQUIRE(fd_msg_parse_buffer(&buffer, octets.size(), &message) == 0);
  REQUIRE(fd_msg_parse_dict(message, fd_g_config->cnf_dict, nullptr) == 0);
  return DiameterMessage(message);
}

}  // namespace

TEST_CASE("SH-06: a UDR carries the AVPs of the vectors octet for octet") {
  herald::diameter::test::library_ready();
  auto message = build_udr(question(), "as1.ims.lab;1;2");
  REQUIRE(message);
  const auto octets = octets_of(message->get());
  const auto text = hex(octets);
  CHECK(text.substr(0, 2) == "01");
  CHECK(text.substr(8, 8) == "C0000132");   // R, P, 306
  CHECK(text.substr(16, 8) == "01000001");  // Sh
  CHECK(contains(text,
                 "000002BCC0000020000028AF"
                 "00000259C0000013000028AF7369703A61406200"));
  CHECK(contains(text, "000002BFC0000010000028AF0000000B"));
  CHECK(contains(text, "00000104400000200000010A4000000C000028AF000001024000000C01000001"));
  CHECK(contains(text, "000001154000000C00000001"));
  // Session-Id is first (RFC 6733 8.8) and is ours.
  CHECK(text.substr(40, 16) == "0000010740000017");
  CHECK(octets.substr(28, 15) == "as1.ims.lab;1;2");
}

TEST_CASE("SH-03: repository data is asked with one Service-Indication before one Data-Reference") {
  herald::diameter::test::library_ready();
  auto request = question();
  request.data = ShDataRef::repository_data;
  request.service_indication = "push-profile";
  request.destination_host = "hss1.hss.lab";
  auto message = build_udr(request, "as1.ims.lab;1;3");
  REQUIRE(message);
  const auto text = hex(octets_of(message->get()));
  CHECK(contains(text,
                 "000002C0C0000018000028AF"
                 "707573682D70726F66696C65"
                 "000002BFC0000010000028AF00000000"));
  CHECK(contains(text,
                 "0000012540000014"
                 "687373312E6873732E6C6162"));  // Destination-Host
  CHECK(text.find("000002BFC0") == text.rfind("000002BFC0"));
}

TEST_CASE("FD-64: no session object is made for a request") {
  herald::diameter::test::library_ready();
  std::uint32_t before = 0;
  std::uint32_t after = 0;
  REQUIRE(fd_sess_getcount(&before) == 0);
  for (int i = 0; i < 100; ++i) REQUIRE(build_udr(question(), "as1.ims.lab;2;" + std::to_string(i)));
  REQUIRE(fd_sess_getcount(&after) == 0);
  CHECK(after == before);
}

TEST_CASE("an answer is read by code, whatever is missing stays absent (D3)") {
  herald::diameter::test::library_ready();
  msg* raw = nullptr;
  REQUIRE(fd_msg_new(find_answer(306), 0, &raw) == 0);
  {
    const DiameterMessage empty(raw);
    const auto answer = read_answer(raw);
    CHECK(answer.kind == ShAnswer::Kind::answered);
    CHECK_FALSE(answer.result_code);
    CHECK_FALSE(answer.experimental_code);
    CHECK_FALSE(answer.user_data);
  }
  REQUIRE(fd_msg_new(find_answer(306), 0, &raw) == 0);
  {
    const DiameterMessage answer_message(raw);
    REQUIRE(add_text(raw, 263, 0, "as1;1;1", true));
    REQUIRE(add_application(raw, kApplicationSh));
    REQUIRE(add_experimental_result(raw, 5001));
    REQUIRE(add_text(raw, 264, 0, "hss1.hss.lab"));
    REQUIRE(add_text(raw, 702, kVendor3gpp, "<Sh-Data/>"));
    const auto again = parsed(octets_of(raw));
    const auto answer = read_answer(again.get());
    CHECK(answer.experimental_code == 5001U);
    CHECK_FALSE(answer.result_code);
    CHECK(answer.origin_host == "hss1.hss.lab");
    CHECK(answer.user_data == "<Sh-Data/>");
  }
}

TEST_CASE("the dictionary knows Cx and Sh data apart, and every AVP of the tables") {
  herald::diameter::test::library_ready();
  CHECK(find_avp(606, kVendor3gpp) != nullptr);
  CHECK(find_avp(702, kVendor3gpp) != nullptr);
  CHECK(find_avp(606, kVendor3gpp) != find_avp(702, kVendor3gpp));
  for (const auto& row : avp_table()) {
    CAPTURE(row.code);
    REQUIRE(find_avp(row.code, row.vendor) != nullptr);
    dict_avp_data data{};
    REQUIRE(fd_dict_getval(find_avp(row.code, row.vendor), &data) == 0);
    CHECK(row.name == data.avp_name);
    CHECK(((data.avp_flag_val & AVP_FLAG_MANDATORY) != 0) == row.mandatory);
    CHECK((data.avp_flag_mask & AVP_FLAG_MANDATORY) == 0);  // SH-05: either M setting is accepted
  }
  for (const auto& row : command_table()) {
    CHECK(find_request(row.code) != nullptr);
    CHECK(find_answer(row.code) != nullptr);
  }
}

TEST_CASE("the host of a DiameterURI") {
  CHECK(host_of_uri("aaa://hss2.hss.lab:3868;transport=tcp") == "hss2.hss.lab");
  CHECK(host_of_uri("aaas://hss2.hss.lab") == "hss2.hss.lab");
  CHECK(host_of_uri("hss2.hss.lab").empty());
  CHECK(host_of_uri("").empty());
}

TEST_CASE("SH-02: session ids are fresh") {
  SessionIds ids("as1.ims.lab", 7);
  CHECK(ids.next() == "as1.ims.lab;7;1");
  CHECK(ids.next() == "as1.ims.lab;7;2");
}
