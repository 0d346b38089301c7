#include <doctest/doctest.h>
#include <string>

#include "sh_data_parser.h"

using namespace herald;
using namespace herald::diameter;

TEST_CASE("SH section 5: identities, state and S-CSCF name") {
  const auto data = parse_sh_data(R"(<?xml version="1.0" encoding="UTF-8"?>
<!-- made by hand -->
<Sh-Data><PublicIdentifiers>
  <IMSPublicIdentity> sip:alice@ims.lab </IMSPublicIdentity>
  <IMSPublicIdentity>tel:+358401234567</IMSPublicIdentity>
  <MSISDN>358401234567</MSISDN></PublicIdentifiers>
  <Sh-IMS-Data><SCSCFName>sip:scscf.ims.lab:6060</SCSCFName><IMSUserState>1</IMSUserState></Sh-IMS-Data></Sh-Data>)");
  REQUIRE(data);
  CHECK(data->public_identities == std::vector<std::string>{"sip:alice@ims.lab", "tel:+358401234567"});
  CHECK(data->scscf_name == "sip:scscf.ims.lab:6060");
  CHECK(data->state == ImsUserState::registered);
  CHECK_FALSE(data->repository);
}

TEST_CASE("an empty SCSCFName says that nobody serves the user") {
  const auto data = parse_sh_data("<Sh-Data><Sh-IMS-Data><SCSCFName/><IMSUserState>0</IMSUserState></Sh-IMS-Data></Sh-Data>");
  REQUIRE(data);
  REQUIRE(data->scscf_name);
  CHECK(data->scscf_name->empty());
  CHECK(data->state == ImsUserState::not_registered);
}

TEST_CASE("repository data keeps its one element as text that stands alone") {
  const auto data = parse_sh_data(
      R"(<Sh-Data><RepositoryData><ServiceIndication>push-profile</ServiceIndication><SequenceNumber>7</SequenceNumber>
<ServiceData xmlns:p="urn:example:push-profile:1">
  <p:push-profile version="1"><p:consent state="granted"/>a &amp; b</p:push-profile>
</ServiceData></RepositoryData></Sh-Data>)");
  REQUIRE(data);
  REQUIRE(data->repository);
  CHECK(data->repository->service_indication == "push-profile");
  CHECK(data->repository->sequence == 7);
  CHECK(
      data->repository->service_data ==
      R"(<p:push-profile version="1" xmlns:p="urn:example:push-profile:1"><p:consent state="granted"/>a &amp; b</p:push-profile>)");
}

TEST_CASE("SH-35: an entry without ServiceData is an entry without data") {
  const auto data = parse_sh_data(
      "<Sh-Data><RepositoryData><ServiceIndication>x</ServiceIndication><SequenceNumber>0</SequenceNumber></RepositoryData></"
      "Sh-Data>");
  REQUIRE(data);
  REQUIRE(data->repository);
  CHECK(data->repository->service_data.empty());
}

TEST_CASE("SH-20: names and nesting of real HSSs are accepted") {
  SUBCASE("PyHSS's S-CSCFName") {
    const auto data = parse_sh_data("<Sh-Data><Sh-IMS-Data><S-CSCFName>sip:s</S-CSCFName></Sh-IMS-Data></Sh-Data>");
    REQUIRE(data);
    CHECK(data->scscf_name == "sip:s");
  }
  SUBCASE("unknown elements anywhere, another order, a prefix") {
    const auto data = parse_sh_data(
        "<x:Sh-Data xmlns:x='urn:x'><Foo><IMSPublicIdentity>sip:no@x</IMSPublicIdentity></Foo><x:Sh-IMS-Data><Bar/>"
        "<IMSUserState> 2 </IMSUserState></x:Sh-IMS-Data><PublicIdentifiers><Baz/><IMSPublicIdentity>sip:a@b</IMSPublicIdentity>"
        "</PublicIdentifiers></x:Sh-Data>");
    REQUIRE(data);
    CHECK(data->state == ImsUserState::unregistered_services);
    CHECK(data->public_identities == std::vector<std::string>{"sip:a@b"});
  }
  SUBCASE("SH-21: identity sets in extensions, FOKUS's name for it, no duplicates") {
    const auto data = parse_sh_data(
        "<Sh-Data><Extension><RegisteredIdentities><IMSPublicIdentity>sip:a@b</IMSPublicIdentity></RegisteredIdentities>"
        "<Extension><AliasIdentities><IMSPublicIdentity>sip:c@b</IMSPublicIdentity></AliasIdentities></Extension></Extension>"
        "<Sh-Data-Extension><ImplicitIdentities><IMSPublicIdentity>sip:a@b</IMSPublicIdentity></ImplicitIdentities>"
        "</Sh-Data-Extension></Sh-Data>");
    REQUIRE(data);
    CHECK(data->public_identities == std::vector<std::string>{"sip:a@b", "sip:c@b"});
  }
}

TEST_CASE("SH-23: hostile documents are refused") {
  const auto code_of = [](const std::string& xml) {
    const auto data = parse_sh_data(xml);
    REQUIRE_FALSE(data);
    return data.error().code;
  };
  CHECK(code_of("") == ErrorCode::corrupt);
  CHECK(code_of("not xml") == ErrorCode::corrupt);
  CHECK(code_of("<Sh-Data>") == ErrorCode::corrupt);
  CHECK(code_of("<Other/>") == ErrorCode::corrupt);
  CHECK(code_of(std::string("<Sh-Data>\0</Sh-Data>", 20)) == ErrorCode::corrupt);
  CHECK(code_of("<!DOCTYPE Sh-Data><Sh-Data/>") == ErrorCode::corrupt);
  CHECK(code_of("<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><Sh-Data><Sh-IMS-Data><SCSCFName>&a;</SCSCFName>"
                "</Sh-IMS-Data></Sh-Data>") == ErrorCode::corrupt);
  CHECK(code_of("<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]><Sh-Data>&b;</Sh-Data>") ==
        ErrorCode::corrupt);
  CHECK(code_of("<Sh-Data>" + std::string(70000, ' ') + "</Sh-Data>") == ErrorCode::too_large);
  std::string deep = "<Sh-Data>";
  for (int i = 0; i < 1000; ++i) deep += "<Extension>";
  CHECK(code_of(deep) == ErrorCode::too_large);
  std::string sly = "<Sh-Data>";  // looks closed to a careless scan
  for (int i = 0; i < 1000; ++i) sly += "<a b='/>'>";
  CHECK(code_of(sly) == ErrorCode::too_large);
  std::string many = "<Sh-Data><PublicIdentifiers>";
  for (int i = 0; i < 1001; ++i) many += "<IMSPublicIdentity>sip:" + std::to_string(i) + "@b</IMSPublicIdentity>";
  CHECK(code_of(many + "</PublicIdentifiers></Sh-Data>") == ErrorCode::too_large);
  CHECK(code_of("<Sh-Data><Sh-IMS-Data><IMSUserState>9</IMSUserState></Sh-IMS-Data></Sh-Data>") == ErrorCode::corrupt);
  CHECK(code_of("<Sh-Data><RepositoryData><ServiceIndication>x</ServiceIndication></RepositoryData></Sh-Data>") ==
        ErrorCode::corrupt);
  CHECK(code_of("<Sh-Data><RepositoryData><SequenceNumber>65536</SequenceNumber></RepositoryData></Sh-Data>") ==
        ErrorCode::corrupt);
}

TEST_CASE("what is allowed is not refused by the depth limit") {
  std::string wide = "<Sh-Data><!-- < < < <a><a><a> -->";
  for (int i = 0; i < 500; ++i) wide += "<a b='>'/><c></c>";
  CHECK(parse_sh_data(wide + "<![CDATA[<a><a><a>]]></Sh-Data>"));
}
