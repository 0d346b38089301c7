#include <doctest/doctest.h>

#include "hss/digest.h"
#include "hss/faults.h"
#include "hss/profile.h"

namespace {

using namespace herald::lab;

constexpr auto kDocument = R"(<?xml version="1.0"?><!-- x --><IMSSubscription>
<ServiceProfile><InitialFilterCriteria><Priority>1</Priority><ApplicationServer><ServerName>sip:push@as.example:5065;lr</ServerName>
</ApplicationServer></InitialFilterCriteria></ServiceProfile>
<ServiceProfile><PublicIdentity><Identity>sip:push@IMS.lab</Identity></PublicIdentity><InitialFilterCriteria><Priority>2</Priority>
<ApplicationServer><ServerName>sip:other</ServerName></ApplicationServer></InitialFilterCriteria></ServiceProfile>
</IMSSubscription>)";
constexpr auto kOfEverybody =
    "<InitialFilterCriteria><Priority>1</Priority><ApplicationServer><ServerName>sip:push@as.example:5065;lr</ServerName>"
    "</ApplicationServer></InitialFilterCriteria>";
constexpr auto kOfPush =
    "<InitialFilterCriteria><Priority>2</Priority><ApplicationServer><ServerName>sip:other</ServerName>"
    "</ApplicationServer></InitialFilterCriteria>";

SubscriberConfig with_identity(const std::string& uri, bool psi) {
  SubscriberConfig user;
  user.public_ids = {uri};
  user.psi = psi;
  return user;
}

TEST_CASE("a user gets the criteria of profiles without identity and of those that name him, a service only its own") {
  CHECK(*filter_criteria(kDocument, with_identity("sip:alice@ims.lab", false), "") == kOfEverybody);
  CHECK(*filter_criteria(kDocument, with_identity("sip:push@ims.lab", false), "") == std::string(kOfEverybody) + kOfPush);
  CHECK(*filter_criteria(kDocument, with_identity("sip:push@ims.lab", true), "") == kOfPush);
  CHECK_FALSE(filter_criteria(kDocument, with_identity("sip:other@ims.lab", true), "").has_value());
}

TEST_CASE("the server's address in criteria follows the port of the run, its user and parameters stay") {
  const auto found = filter_criteria(kDocument, with_identity("sip:push@ims.lab", false), "127.0.0.1:9");
  REQUIRE(found.has_value());
  CHECK(found->find("<ServerName>sip:push@127.0.0.1:9;lr</ServerName>") != std::string::npos);
  CHECK(found->find("<ServerName>sip:127.0.0.1:9</ServerName>") != std::string::npos);
}

TEST_CASE("what is no criteria is an error, not an empty profile") {
  for (const auto* text : {"<a>", "<a/>", "", "<IMSSubscription><ServiceProfile/></IMSSubscription>"}) {
    CAPTURE(text);
    CHECK_FALSE(filter_criteria(text, with_identity("sip:alice@ims.lab", false), "").has_value());
  }
}

TEST_CASE("the service profile has the elements in the schema's order (service-profile-ifc 1)") {
  SubscriberConfig user;
  user.private_id = "alice@ims.lab";
  user.public_ids = {"sip:alice@ims.lab", "tel:+1<&"};
  user.criteria_xml = "<InitialFilterCriteria><Priority>1</Priority></InitialFilterCriteria>";
  CHECK(ims_subscription(user) ==
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><IMSSubscription><PrivateID>alice@ims.lab</PrivateID><ServiceProfile>"
        "<PublicIdentity><BarringIndication>0</BarringIndication><Identity>sip:alice@ims.lab</Identity></PublicIdentity>"
        "<PublicIdentity><BarringIndication>0</BarringIndication><Identity>tel:+1&lt;&amp;</Identity></PublicIdentity>"
        "<InitialFilterCriteria><Priority>1</Priority></InitialFilterCriteria></ServiceProfile></IMSSubscription>");
}

TEST_CASE("Sh-Data has what was asked for, in the schema's order (SH-22)") {
  ShView view;
  view.ims_user_state = 1;
  view.scscf_name = "sip:s";
  view.criteria = "<InitialFilterCriteria/>";
  view.repository_service = "push-profile";
  view.repository = {7, "<p/>"};
  view.with_identities = true;
  view.public_ids = {"sip:a@b"};
  CHECK(
      sh_data(view) ==
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Sh-Data><PublicIdentifiers><IMSPublicIdentity>sip:a@b</IMSPublicIdentity>"
      "</PublicIdentifiers><RepositoryData><ServiceIndication>push-profile</ServiceIndication><SequenceNumber>7</SequenceNumber>"
      "<ServiceData><p/></ServiceData></RepositoryData><Sh-IMS-Data><SCSCFName>sip:s</SCSCFName><IFCs><InitialFilterCriteria/>"
      "</IFCs><IMSUserState>1</IMSUserState></Sh-IMS-Data></Sh-Data>");
}

TEST_CASE("a repository update is read back from Sh-Data") {
  ShView view;
  view.repository_service = "s";
  view.repository = {8, "<p a=\"1\"/>"};
  auto update = parse_repository_update(sh_data(view));
  REQUIRE(update.has_value());
  CHECK(update->service == "s");
  CHECK(update->sequence == 8);
  CHECK(update->xml == "<p a=\"1\"/>");
  view.repository.xml.clear();
  update = parse_repository_update(sh_data(view));
  REQUIRE(update.has_value());
  CHECK_FALSE(update->xml.has_value());
  CHECK_FALSE(parse_repository_update("rubbish").has_value());
  CHECK_FALSE(parse_repository_update("<Sh-Data/>").has_value());
}

TEST_CASE("HA1 is RFC 2617's") {
  CHECK(digest_ha1("Mufasa", "testrealm@host.com", "Circle Of Life") == "939e7578ed9e3c518a452acee763bce9");
  CHECK(random_octets(16).size() == 16);
}

TEST_CASE("fault switches are words") {
  CHECK(parse_fault("none")->kind == FaultKind::none);
  CHECK(parse_fault("silent")->kind == FaultKind::silent);
  CHECK(parse_fault("slow 1500")->delay == std::chrono::milliseconds(1500));
  CHECK(parse_fault("result 3004")->code == 3004);
  CHECK(parse_fault("error 5001")->kind == FaultKind::experimental);
  CHECK(parse_fault("rubbish")->rubbish == RubbishKind::xml);
  CHECK(parse_fault("rubbish unknown_m")->rubbish == RubbishKind::unknown_m);
  for (const auto* wrong : {"", "slow", "slow x", "error -1", "rubbish what", "loud"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_fault(wrong).has_value());
  }
}

}  // namespace
