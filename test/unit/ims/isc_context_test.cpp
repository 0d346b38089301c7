#include <doctest/doctest.h>

#include "ims/isc_reader.h"
#include "ims/p_headers.h"

using namespace herald;
using namespace herald::ims;

namespace {

SipMessage request(std::vector<SipHeaderField> headers, std::string uri = "sip:alice@ims.lab") {
  SipMessage message;
  message.start = SipRequestLine{"MESSAGE", std::move(uri)};
  for (auto& field : headers) message.headers.add(std::move(field.name), std::move(field.value));
  return message;
}

bool ours(const SipUri& uri) { return uri.host == "127.0.0.1" && uri.port == 5065; }

}  // namespace

TEST_CASE("served user and session case: P-Served-User, else identity or Request-URI (AS-30, AS-31)") {
  struct Row {
    const char* name;
    std::vector<SipHeaderField> headers;
    std::string served;
    SessionCase session_case;
  };
  const std::string own = "<sip:127.0.0.1:5065;lr>", mark = "<sip:iscmark@127.0.0.1:6060;lr;s=2;h=0;d=0;a=73>";
  const std::vector<Row> rows{
      {"orig reg",
       {{"P-Served-User", "<sip:bob@ims.lab>;sescase=orig;regstate=reg"}},
       "sip:bob@ims.lab",
       SessionCase::originating},
      {"orig unreg",
       {{"P-Served-User", "<sip:bob@ims.lab>;sescase=orig;regstate=unreg"}},
       "sip:bob@ims.lab",
       SessionCase::originating_unregistered},
      {"term reg",
       {{"P-Served-User", "<sip:alice@ims.lab>;sescase=term;regstate=reg"}},
       "sip:alice@ims.lab",
       SessionCase::terminating_registered},
      {"term unreg",
       {{"P-Served-User", "sip:alice@ims.lab;sescase=term;regstate=unreg"}},
       "sip:alice@ims.lab",
       SessionCase::terminating_unregistered},
      {"diverted",
       {{"P-Served-User", "<sip:alice@ims.lab>;orig-cdiv;sescase=orig-cdiv"}},
       "sip:alice@ims.lab",
       SessionCase::originating_cdiv},
      {"S-CSCF says orig",
       {{"Route", own + ", <sip:scscf.ims.lab;lr;orig>"}, {"P-Asserted-Identity", "<sip:bob@ims.lab>"}},
       "sip:bob@ims.lab",
       SessionCase::originating},
      {"our own Route says orig",
       {{"Route", "<sip:127.0.0.1:5065;lr;app=push;sess=orig>, " + mark},
        {"P-Asserted-Identity", "<sip:bob@ims.lab>, <tel:+15551000002>"}},
       "sip:bob@ims.lab",
       SessionCase::originating},
      {"nothing but a mark: never read (AS-40)",
       {{"Route", own + ", " + mark}, {"P-Asserted-Identity", "<sip:bob@ims.lab>"}},
       "sip:alice@ims.lab",
       SessionCase::terminating_registered},
      {"straight to a PSI: nobody is served (AS-48)",
       {{"P-Asserted-Identity", "<sip:bob@ims.lab>"}},
       "",
       SessionCase::terminating_registered},
      {"malformed P-Served-User",
       {{"P-Served-User", "<<;;"}, {"Route", own + "," + mark}},
       "sip:alice@ims.lab",
       SessionCase::terminating_registered},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto message = request(row.headers);
    const auto context = read_isc_context(message, true, ours);
    CHECK(context.served_user == row.served);
    CHECK(context.session_case == row.session_case);
  }
}

TEST_CASE("our Route is popped, the others stay byte for byte (AS-1, AS-40)") {
  const std::string odd = "\"a, b\" <sip:%6Fdi@SCSCF1:6060;LR;x=\"1,2\">;y";
  auto message = request({{"Route", "<sip:127.0.0.1:5065;lr;app=push;sess=hold>," + odd}, {"Route", "<sip:edge;lr>"}});
  const auto context = read_isc_context(message, true, ours);
  REQUIRE(context.popped_route);
  CHECK(context.popped_route->params.get("app") == "push");
  CHECK(context.onward_route == std::vector<std::string>{odd, "<sip:edge;lr>"});
  CHECK(message.headers.all("Route") == std::vector<std::string_view>{odd, "<sip:edge;lr>"});
  auto foreign = request({{"Route", "<sip:elsewhere;lr>"}});
  CHECK_FALSE(read_isc_context(foreign, true, ours).popped_route);
}

TEST_CASE("typed P- headers of a trusted peer") {
  auto message = request({{"P-Asserted-Identity", "\"Bob\" <sip:bob@ims.lab>, <tel:+15551000002>, <sip:third@ims.lab>"},
                          {"P-Charging-Vector", "icid-generated-at=127.0.0.1;ICID-value=\"a;b\" ; orig-ioi=\"Type 3home\""},
                          {"P-Access-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1"},
                          {"P-Visited-Network-ID", "\"ims.lab\""},
                          {"P-Charging-Function-Addresses", "ccf=1.2.3.4"},
                          {"P-Asserted-Service", "urn:urn-7:3gpp-service.a, urn:urn-7:3gpp-service.b"},
                          {"Privacy", "none;ID"}});
  const auto context = read_isc_context(message, true, ours);
  REQUIRE(context.asserted_identity.size() == 2);
  CHECK(context.asserted_identity[1].uri == "tel:+15551000002");
  CHECK(context.icid == "a;b");
  CHECK(context.orig_ioi == "Type 3home");
  CHECK(context.visited_network == "\"ims.lab\"");
  CHECK(context.charging_addresses == "ccf=1.2.3.4");
  CHECK(context.asserted_service == "urn:urn-7:3gpp-service.a");
  CHECK(context.wants_privacy_of_id);
}

TEST_CASE("nothing an untrusted peer asserts survives (S-2, AS-2)") {
  auto message = request({{"Route", "<sip:127.0.0.1:5065;lr;sess=orig>, <sip:scscf;lr;orig>"},
                          {"P-Asserted-Identity", "<sip:boss@ims.lab>"},
                          {"p-served-user", "<sip:boss@ims.lab>;sescase=orig;regstate=reg"},
                          {"P-Charging-Vector", "icid-value=1"},
                          {"P-Charging-Function-Addresses", "ccf=192.0.2.1"},
                          {"P-Access-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1"},
                          {"P-Visited-Network-ID", "other"},
                          {"P-Asserted-Service", "urn:urn-7:3gpp-service.ims.icsi.push"},
                          {"P-Whatever", "x"},
                          {"Feature-Caps", "*;+g.3gpp.x"},
                          {"Privacy", "id"},
                          {"Priority", "urgent"}});
  const auto context = read_isc_context(message, false, ours);
  CHECK(context.access_network_info.empty());
  CHECK(context.visited_network.empty());
  CHECK(context.charging_addresses.empty());
  CHECK(context.asserted_service.empty());
  CHECK(context.wants_privacy_of_id);  // Privacy is nobody's privilege (S-7)
  CHECK_FALSE(context.trusted);
  CHECK(context.served_user.empty());
  CHECK(context.session_case == SessionCase::terminating_registered);
  CHECK(context.asserted_identity.empty());
  CHECK(context.icid.empty());
  for (const auto name : {"P-Asserted-Identity", "P-Served-User", "P-Charging-Vector", "P-Charging-Function-Addresses",
                          "P-Access-Network-Info", "P-Visited-Network-ID", "P-Asserted-Service", "P-Whatever", "Feature-Caps"}) {
    CHECK_FALSE(message.headers.has(name));
  }
  CHECK(message.headers.has("Priority"));
}

TEST_CASE("P-Associated-URI in every shape seen") {
  const auto uris = [](std::string value) {
    SipHeaders headers;
    headers.add("P-Associated-URI", std::move(value));
    return associated_uris(headers);
  };
  using Uris = std::vector<std::string>;
  CHECK(uris("<sip:alice@ims.lab>, <tel:+15551000001>") == Uris{"sip:alice@ims.lab", "tel:+15551000001"});
  CHECK(uris("<sip:alice@ims.lab, tel:+15551000001>") == Uris{"sip:alice@ims.lab", "tel:+15551000001"});
  CHECK(uris("\"Alice\" <sip:alice@IMS.lab>;x=y,<sip:alice@ims.lab>") == Uris{"sip:alice@ims.lab"});
  CHECK(uris("<<>,,;;\"").empty());
}
