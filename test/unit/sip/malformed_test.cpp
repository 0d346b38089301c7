// RFC 4475's kinds of torture, and some of our own. Each must leave the stack alive and get the answer stated.
#include "stack_fixture.h"

using namespace herald;
using namespace herald::test;

namespace {

constexpr int kDropped = 0;  // nothing comes back: there is nobody, or no way, to answer

struct Torture {
  const char* name;
  std::string text;  // %P = the peer's host:port, %N = a number of its own
  int answer;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::string head(const std::string& start = "MESSAGE sip:u@h.example SIP/2.0",
                 const std::string& via = "SIP/2.0/UDP %P;branch=z9hG4bK%N", const std::string& from = "<sip:a@h.example>;tag=%N",
                 const std::string& to = "<sip:u@h.example>", const std::string& cseq = "1 MESSAGE") {
  return start + "\r\nVia: " + via + "\r\nFrom: " + from + "\r\nTo: " + to + "\r\nCall-ID: c%N\r\nCSeq: " + cseq +
         "\r\nMax-Forwards: 70\r\n";
}
const std::string kEnd = "Content-Length: 0\r\n\r\n";

std::vector<Torture> tortures() {
  std::string many;
  for (int i = 0; i < 300; ++i) many += "X-H" + std::to_string(i) + ": v\r\n";
  std::string same;
  for (int i = 0; i < 10000; ++i) same += "a:\r\n";
  return {
      // -- valid, if odd: must be taken ------------------------------------------------------------------------------------
      {"4475 3.1.1.1 folds and odd case",
       "MESSAGE sip:u@h.example SIP/2.0\r\nvIa  : SIP  / 2.0\r\n /UDP\r\n    %P;branch=z9hG4bK%N\r\nFROM\t: \"J \\\\\\\"\" "
       "<sip:a@h.example>\r\n  ;\r\n  tag = %N\r\nTo :\r\n sip:u@h.example\r\ni: c%N\r\ncseq: 0009\r\n  "
       "MESSAGE\r\nMax-Forwards: 0068\r\nNewFangledHeader: newfangled value\r\n continued newfangled value\r\nl: 0\r\n\r\n",
       200},
      {"4475 3.1.1.2 the whole range of a URI and a token",
       head("MESSAGE sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@h.example "
            "SIP/2.0",
            "SIP/2.0/UDP %P;branch=z9hG4bK%N",
            "token1~` token2'+_ token3*%!.- <sip:mundane@h.example>;fromParam''~+*_!.-%=\"x\";tag=%N",
            "\"BEL:\x07\" <sip:x@h.example>") +
           kEnd,
       200},
      {"4475 3.1.1.2 the method of that example, which Sofia does not take",
       head("!interesting-Method0123456789_*+`.%indeed'~ sip:u@h.example SIP/2.0", "SIP/2.0/UDP %P;branch=z9hG4bK%N",
            "<sip:a@h.example>;tag=%N", "<sip:u@h.example>", "1 !interesting-Method0123456789_*+`.%indeed'~") +
           kEnd,
       kDropped},
      {"4475 3.1.1.6 no LWS between name and <",
       head("MESSAGE sip:u@h.example SIP/2.0", "SIP/2.0/UDP %P;branch=z9hG4bK%N", "caller<sip:a@h.example>;tag=%N") + kEnd, 200},
      {"4475 3.1.1.7 long values", head() + "X-Long: " + std::string(2000, 'x') + "\r\n" + kEnd, 200},
      {"4475 3.1.1.8 extra bytes after the body", head() + kEnd + "trailing rubbish", 200},
      {"4475 3.1.1.9 semicolon in the user part", head("MESSAGE sip:user;par=u%40example.net@h.example SIP/2.0") + kEnd, 200},
      {"4475 3.1.1.13 tel in To",
       head("MESSAGE sip:u@h.example SIP/2.0", "SIP/2.0/UDP %P;branch=z9hG4bK%N", "<sip:a@h.example>;tag=%N",
            "<tel:+15551000001>") +
           kEnd,
       200},
      {"a malformed P-Associated-URI (Kamailio #4291)",
       head() + "P-Associated-URI: <sip:alice@ims.lab, tel:+15551000001>\r\n" + kEnd, 200},
      {"a malformed Contact, Date, Expires, Refer-To and Warning are the application's",
       head() + "Contact: <sip:\r\nDate: yesterday\r\nExpires: -1\r\nRefer-To: <sip:a@b?x=%%%>\r\nWarning: 1\r\n" + kEnd, 200},
      {"a multipart body without its boundary",
       head() + "Content-Type: multipart/mixed\r\nContent-Length: 10\r\n\r\n--\r\n--\r\n--", 200},
      {"leading empty lines", "\r\n\r\n" + head() + kEnd, 200},
      {"lines ended by a lone LF", replaced(head() + kEnd, "\r\n", "\n"), 200},
      {"a body with NUL bytes", head() + "Content-Length: 3\r\n\r\n" + std::string("a\0b", 3), 200},
      {"no Max-Forwards (RFC 3261 16.3)", replaced(head() + kEnd, "Max-Forwards: 70\r\n", ""), 200},
      {"unknown scheme in the Request-URI (3.3.2)", head("MESSAGE nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0") + kEnd,
       200},

      // -- invalid: refused ------------------------------------------------------------------------------------------------
      {"4475 3.1.2.1 extraneous separators",
       head("MESSAGE sip:u@h.example SIP/2.0", "SIP/2.0/UDP %P;branch=z9hG4bK%N;;,;,,") + kEnd, kDropped},
      {"4475 3.1.2.2 Content-Length larger than the message", head() + "Content-Length: 9999\r\n\r\nshort", 400},
      {"4475 3.1.2.3 negative Content-Length", head() + "Content-Length: -999\r\n\r\nbody", 400},
      {"4475 3.1.2.4 CSeq out of range",
       head("MESSAGE sip:u@h.example SIP/2.0", "SIP/2.0/UDP %P;branch=z9hG4bK%N", "<sip:a@h.example>;tag=%N", "<sip:u@h.example>",
            "36893488147419103232 MESSAGE") +
           kEnd,
       400},
      {"4475 3.1.2.6 unterminated quoted string",
       head("MESSAGE sip:u@h.example SIP/2.0", "SIP/2.0/UDP %P;branch=z9hG4bK%N", "<sip:a@h.example>;tag=%N",
            "\"Mr. J. User <sip:j@h.example>") +
           kEnd,
       400},
      {"4475 3.1.2.7 Request-URI in angle brackets", head("MESSAGE <sip:u@h.example> SIP/2.0") + kEnd, 400},
      {"4475 3.1.2.8 LWS inside the Request-URI", head("MESSAGE sip:u@h.example; lr SIP/2.0") + kEnd, kDropped},
      {"4475 3.1.2.9 two spaces in the request line", head("MESSAGE  sip:u@h.example  SIP/2.0") + kEnd, 200},
      {"4475 3.1.2.16 unknown protocol version",
       head("MESSAGE sip:u@h.example SIP/7.0", "SIP/7.0/UDP %P;branch=z9hG4bK%N") + kEnd, 505},
      {"version of the start line only", head("MESSAGE sip:u@h.example SIP/7.0") + kEnd, 505},
      {"4475 3.1.2.17 start line and CSeq method differ", head("OPTIONS sip:u@h.example SIP/2.0") + kEnd, 400},
      {"4475 3.3.1 no Call-ID", replaced(head() + kEnd, "Call-ID: c%N\r\n", ""), 400},
      {"no From", replaced(head() + kEnd, "From: <sip:a@h.example>;tag=%N\r\n", ""), 400},
      {"no To", replaced(head() + kEnd, "To: <sip:u@h.example>\r\n", ""), 400},
      {"no CSeq", replaced(head() + kEnd, "CSeq: 1 MESSAGE\r\n", ""), 400},
      {"4475 3.3.8 two From, To, Call-ID and CSeq",
       head() + "From: <sip:b@h.example>;tag=2\r\nCall-ID: other\r\nCSeq: 2 MESSAGE\r\n" + kEnd, 400},
      {"4475 3.3.9 two Content-Length", head() + "Content-Length: 5\r\nContent-Length: 3\r\n\r\nhello", 400},
      {"a header line without a colon", head() + "rubbish\r\n" + kEnd, 400},
      {"Max-Forwards out of range", replaced(head() + kEnd, "Max-Forwards: 70", "Max-Forwards: 99999999999"), 400},
      {"over 256 header fields", head() + many + kEnd, 400},
      {"ten thousand times the same empty header", head() + same + kEnd, kDropped},
      {"twenty thousand lines without a colon", head() + replaced(same, "a:", "a") + kEnd, kDropped},
      {"a Route that is no URI", head() + "Route: <<<>>>\r\n" + kEnd, 400},

      // -- nobody to answer ------------------------------------------------------------------------------------------------
      {"no Via", replaced(head() + kEnd, "Via: SIP/2.0/UDP %P;branch=z9hG4bK%N\r\n", ""), kDropped},
      {"Via of another transport", head("MESSAGE sip:u@h.example SIP/2.0", "SIP/2.0/TCP %P;branch=z9hG4bK%N") + kEnd, kDropped},
      {"not SIP at all", "\x01\x02\x03\xff\xfe rubbish", kDropped},
      {"one byte", "x", kDropped},
      {"only line ends", "\r\n\r\n\r\n", kDropped},
      {"NUL bytes", std::string(200, '\0'), kDropped},
      {"a response that matches nothing",
       "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP %P;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n"
       "Call-ID: none\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
       kDropped},
      {"4475 3.1.2.19 status over the range",
       "SIP/2.0 4294967301 better not break\r\nVia: SIP/2.0/UDP %P;branch=z9hG4bKx\r\nFrom: "
       "<sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: none\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
       kDropped},
      {"ACK to nothing", replaced(head("ACK sip:u@h.example SIP/2.0") + kEnd, "1 MESSAGE", "1 ACK"), kDropped},
      {"CANCEL of nothing (RFC 3261 9.2)", replaced(head("CANCEL sip:u@h.example SIP/2.0") + kEnd, "1 MESSAGE", "1 CANCEL"), 481},
      {"an HTTP request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", kDropped},
      {"a STUN binding request",
       std::string("\0\1\0\0\x21\x12\xa4\x42"
                   "abcdefghijkl",
                   20),
       kDropped},
  };
}

}  // namespace

TEST_CASE("malformed datagrams get the stated answer and never harm the stack (RFC 4475)") {
  Stack stack;
  int number = 0;
  for (const auto& torture : tortures()) {
    const std::string name = torture.name;
    CAPTURE(name);
    SipPeer peer;
    peer.connect(stack.port());
    const auto text = replaced(replaced(torture.text, "%P", peer.host_port()), "%N", std::to_string(++number));
    REQUIRE(peer.send(text));
    stack.step();
    std::optional<std::string> answer;
    for (int i = 0; i < 3 && !answer; ++i) {
      stack.step();
      answer = peer.receive();
    }
    CHECK((answer ? SipPeer::status(*answer) : 0) == torture.answer);
    SipPeer sane;
    sane.connect(stack.port());
    REQUIRE(sane.send(sane.message("sip:herald@127.0.0.1")));
    const auto alive = stack.next(sane);
    REQUIRE(alive);
    CHECK(SipPeer::status(*alive) == 200);
  }
  CHECK(number >= 20);
}
