// Content indirection through the whole module: the MESSAGE, the link, the content behind it.
#include <doctest/doctest.h>

#include "base/log_setup.h"
#include "mode/message_builder.h"
#include "push/cpim.h"
#include "push_lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";

PushLab::Options secure(std::string more = {}) {
  PushLab::Options options;
  // Nobody is asked: each case says what is known.
  options.config = "content_base_url: https://push.example\ncapabilities: {ask_options: false}\n" + more;
  return options;
}

std::string parameter(std::string_view type, const std::string& name) {
  const auto at = type.find(name + "=");
  if (at == std::string_view::npos) return {};
  auto rest = type.substr(at + name.size() + 1);
  if (rest.starts_with('"')) return std::string(rest.substr(1, rest.find('"', 1) - 1));
  return std::string(rest.substr(0, rest.find(';')));
}

std::string type_of(const SipMessage& request) { return std::string(request.headers.get("Content-Type").value_or("")); }

json large(std::size_t bytes = 5000, const std::string& type = "text/plain") {
  return {{"type", type}, {"text", std::string(bytes, 'x')}};
}

Answer fetched(PushLab& lab, const std::string& url) {
  const std::string base = "https://push.example";
  REQUIRE(url.starts_with(base));
  return lab.call("GET", url.substr(base.size()), {}, {});
}

}  // namespace

TEST_CASE("PS-30, PS-31, PS-32, F-3, S-8: large content goes as a MESSAGE that says where it can be fetched") {
  PushLab lab(secure());
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, {{"content", large()}, {"mode", "indirection"}, {"deliver_before", "2026-01-01T01:00:00Z"}});
  REQUIRE(lab.messages().size() == 1);
  const auto& request = lab.last()->request;
  const auto type = type_of(request);
  CHECK(type.starts_with("message/external-body;access-type=\"URL\";URL=\"https://push.example/content/"));
  CHECK(parameter(type, "expiration") == "Thu, 01 Jan 2026 01:00:00 GMT");
  CHECK(parameter(type, "size") == "5000");
  CHECK(parameter(type, "hash").size() == 40);
  CHECK(request.body == "Content-Type: text/plain\r\nContent-ID: <" + id + "@ims.lab>\r\nContent-Disposition: render\r\n\r\n");
  CHECK(request.headers.get("Content-ID") == "<" + id + "@ims.lab>");  // PS-6
  CHECK(request.headers.get("Accept-Contact") == "*;+g.oma.pusheventapp=\"news.ua\";require;explicit");
  CHECK(request.headers.get("Expires") == "3600");
  lab.answer(lab.last(), 200);
  CHECK(lab.status(id) == "delivered");
  CHECK(lab.delivery(id)["mode"] == "indirection");
  const auto url = parameter(type, "URL");
  const auto answer = fetched(lab, url);
  CHECK(answer.status == 200);
  CHECK(answer.text == std::string(5000, 'x'));
  CHECK(answer.headers.at("Content-Type") == "text/plain");
  CHECK(lab.status(id) == "delivered");  // a fetch is no report
  CHECK(fetched(lab, url.substr(0, url.size() - 4) + "AAAA").status == 404);
  lab.advance(1h + 1s);
  CHECK(fetched(lab, url).status == 410);
}

TEST_CASE("PS-20, PS-51: a reference that asks for reports says nothing twice, and stays within 1300 bytes") {
  PushLab lab(secure("reference_max_bytes: 1300\n"));
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, {{"content", large()}, {"mode", "indirection"}, {"report", "display"}});
  REQUIRE(lab.messages().size() == 1);
  const auto& request = lab.last()->request;
  CHECK(type_of(request) == "message/cpim");
  CHECK(request.text().size() + push::kViaAllowance <= 1300);
  const auto cpim = push::CpimMessage::parse(request.body);
  REQUIRE(cpim.has_value());
  CHECK(cpim->report.message_id == id + ".0");
  CHECK_FALSE(cpim->content.has("Content-ID"));
  CHECK_FALSE(cpim->content.has("Content-Disposition"));
  CHECK(parameter(cpim->content.get("Content-Type").value_or(""), "hash").size() == 40);
  // PS-31, RFC 2046 5.2.3: what a reference must say of its content stays.
  CHECK(cpim->body == "Content-Type: text/plain\r\nContent-ID: <" + id + "@ims.lab>\r\nContent-Disposition: render\r\n\r\n");
}

TEST_CASE("PS-21, PS-22, PS-30: names as long as a network's: the reference may exceed what content may not") {
  const std::string realm = "@ims.mnc001.mcc262.3gppnetwork.org";
  const std::string user = "sip:+4915112345678901" + realm;
  const json wish{
      {"content", large(5000)}, {"mode", "indirection"}, {"report", "display"}, {"deliver_before", "2026-01-01T01:00:00Z"}};
  const std::string base =
      "content_base_url: https://" + std::string(150, 'c') + ".example\ncapabilities: {ask_options: false}\n";
  SUBCASE("with the defaults") {
    PushLab::Options options;
    options.config = base;
    PushLab lab(std::move(options));
    lab.registered(user);
    const auto id = lab.push(user, wish);
    REQUIRE(lab.messages().size() == 1);
    const auto size = lab.last()->request.text().size() + push::kViaAllowance;
    CHECK(size > 1300);
    CHECK(size <= 2000);
    lab.answer(lab.last(), 200);
    CHECK(lab.status(id) == "network_accepted");  // the report is awaited
    // Content itself keeps to the limit: this one goes as a reference.
    lab.push(user, {{"content", large(1200)}, {"report", "delivery"}});
    const auto cpim = push::CpimMessage::parse(lab.last()->request.body);
    REQUIRE(cpim.has_value());
    CHECK(cpim->content.get("Content-Type")->starts_with("message/external-body"));
  }
  SUBCASE("where some hop would not use TCP, nothing larger than 1300 bytes goes out") {
    PushLab::Options options;
    options.config = base + "reference_max_bytes: 1300\n";
    PushLab lab(std::move(options));
    lab.registered(user);
    const auto id = lab.push(user, wish);
    CHECK(lab.messages().empty());
    CHECK(lab.status(id) == "undeliverable");
  }
}

TEST_CASE("PS-31, PS-32: each recipient and attempt has a link of its own; the Content-ID stays") {
  PushLab lab(secure());
  lab.registered(kAlice);
  lab.registered("sip:bob@ims.lab");
  json body{{"to", json::array({kAlice, "sip:bob@ims.lab"})}, {"app", "news.ua"}, {"content", large()}, {"mode", "indirection"}};
  const auto id = lab.call("POST", "/v1/pushes", body).body["id"].get<std::string>();
  REQUIRE(lab.messages().size() == 2);
  const auto first = lab.messages()[0];
  const auto second = lab.messages()[1];
  CHECK(parameter(type_of(first->request), "URL") != parameter(type_of(second->request), "URL"));
  CHECK(parameter(type_of(first->request), "hash") == parameter(type_of(second->request), "hash"));
  lab.answer(first, 486);
  lab.answer(second, 200);
  lab.advance(7s);
  REQUIRE(lab.messages().size() == 3);
  CHECK(parameter(type_of(lab.last()->request), "URL") != parameter(type_of(first->request), "URL"));
  CHECK(lab.last()->request.headers.get("Content-ID") == first->request.headers.get("Content-ID"));
  CHECK(lab.last()->request.body == first->request.body);
}

TEST_CASE("PS-34: several contents for a receiver that may choose: one link a part, what was asked for first goes last") {
  PushLab::Options options;
  options.config = "content_base_url: https://push.example\npager_max_bytes: 2000\n";
  options.apps = {application("news.ua", ConsentDefault::open)};
  options.apps.front().pager_max_bytes = 2000;
  PushLab lab(std::move(options));
  lab.registered(kAlice);
  lab.push(kAlice, {{"content", large(5000, "image/png")}, {"alternatives", json::array({large(6000, "image/jpeg")})}});
  REQUIRE(lab.messages("OPTIONS").size() == 1);
  lab.answer(lab.messages("OPTIONS")[0], 200,
             {{"Accept", "image/*, message/external-body, multipart/alternative"}, {"Allow", "MESSAGE"}});
  REQUIRE(lab.messages().size() == 1);
  const auto& request = lab.last()->request;
  CHECK(type_of(request).starts_with("multipart/alternative;boundary="));
  const auto jpeg = request.body.find("Content-Type: image/jpeg");
  const auto png = request.body.find("Content-Type: image/png");
  CHECK(jpeg < png);
  CHECK(png != std::string::npos);
  CHECK(request.body.find("size=5000") > request.body.find("size=6000"));
  const auto text = request.text();
  CHECK(text.find("@ims.lab>\r\nContent-Disposition") != std::string::npos);
  // PS-31: other bytes, another Content-ID.
  CHECK(request.body.find(".1@ims.lab>") != std::string::npos);
  CHECK(request.body.find(".0@ims.lab>") == std::string::npos);
}

TEST_CASE("PS-33: the receiver lacks indirection: the short alternative goes instead, and it is remembered") {
  PushLab lab(secure());
  lab.registered(kAlice);
  const json body{{"content", large(5000, "image/png")}, {"mode", "indirection"}};
  const auto id = lab.push(kAlice, body);
  lab.advance(3s);
  REQUIRE(lab.messages().size() == 1);
  lab.answer(lab.last(), 415, {{"Accept", "text/plain"}});
  CHECK(lab.status(id) == "undeliverable");
  CHECK(lab.delivery(id)["code"] == 2005);
  const auto next = lab.push(kAlice, body);
  CHECK(lab.messages().size() == 1);  // known now
  CHECK(lab.delivery(next)["code"] == 2006);
}

TEST_CASE("PS-33: the inner type is refused: an alternative by the same way") {
  PushLab lab(secure());
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, {{"content", large(5000, "image/png")},
                                    {"alternatives", json::array({large(6000, "image/jpeg")})},
                                    {"mode", "indirection"}});
  lab.advance(3s);
  lab.answer(lab.last(), 415, {{"Accept", "message/external-body, image/jpeg"}});
  REQUIRE(lab.messages().size() == 2);
  CHECK(parameter(type_of(lab.last()->request), "size") == "6000");
  lab.answer(lab.last(), 200);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("PS-23, PS-33: nothing is known: a reference is tried rather than giving up; 413 to it means too large altogether") {
  PushLab lab(secure());
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, {{"content", large()}});
  lab.advance(3s);  // OPTIONS is not answered
  REQUIRE(lab.messages().size() == 1);
  CHECK(type_of(lab.last()->request).starts_with("message/external-body"));
  lab.answer(lab.last(), 413);
  CHECK(lab.status(id) == "undeliverable");
  CHECK(lab.delivery(id)["code"] == 2005);
  const auto next = lab.push(kAlice, {{"content", large()}});
  CHECK(lab.delivery(next)["code"] == 2005);
  CHECK(lab.messages().size() == 1);
}

TEST_CASE("section 7: a MESSAGE that was too large for the receiver goes as a reference (413, 513)") {
  for (const int status : {413, 513}) {
    PushLab lab(secure());
    lab.registered(kAlice);
    const auto id = lab.push(kAlice, {{"content", large(400)}});
    CHECK(type_of(lab.last()->request) == "text/plain");
    lab.answer(lab.last(), status);
    REQUIRE(lab.messages().size() == 2);
    CHECK(type_of(lab.last()->request).starts_with("message/external-body"));
    lab.answer(lab.last(), 200);
    CHECK(lab.status(id) == "delivered");
    CHECK(lab.delivery(id)["attempts"] == 2);
    lab.push(kAlice, {{"content", large(400)}});
    CHECK(type_of(lab.last()->request).starts_with("message/external-body"));  // learned
  }
}

TEST_CASE("PS-30: content that lies in a blob is served from there, and its hash is the blob's") {
  PushLab lab(secure());
  lab.registered(kAlice);
  // What REST spooled; here by hand.
  const auto id = lab.push(kAlice, {{"content", large(5000)}, {"mode", "indirection"}});
  CHECK(parameter(type_of(lab.last()->request), "hash") == lab.blobs.keep(std::string(5000, 'x')).sha1);
  CHECK(lab.status(id) == "sending");
}

TEST_CASE("S-8: links that will be plain HTTP are an operator event at the start; https links are none") {
  const auto told = [](const std::string& config) {
    std::string lines;
    log::capture([&lines](std::string_view line) { lines += line; });
    PushLab::Options options;
    options.config = config;
    { PushLab lab(std::move(options)); }
    log::capture({});
    return lines.find("PU0111") != std::string::npos;
  };
  CHECK(told("content_base_url: http://push.example\n"));
  CHECK(told(""));  // what the node itself listens on
  CHECK_FALSE(told("content_base_url: https://push.example\n"));
}

TEST_CASE("PS-32: links go with their push") {
  PushLab lab(secure("retention: 1h\ndefault_lifetime: 1m\n"));
  lab.registered(kAlice);
  lab.push(kAlice, {{"content", large()}, {"mode", "indirection"}});
  const auto url = parameter(type_of(lab.last()->request), "URL");
  lab.answer(lab.last(), 200);
  lab.advance(61s);
  CHECK(fetched(lab, url).status == 410);
  lab.advance(3h);
  CHECK(fetched(lab, url).status == 404);
}

TEST_CASE("PS-18: gzip only for a receiver that is known to take it, and only if it helps") {
  PushLab lab;
  lab.registered(kAlice);
  lab.push(kAlice, {{"content", large(600)}});
  CHECK_FALSE(lab.last()->request.headers.has("Content-Encoding"));
  lab.answer(lab.last(), 200);
  // Something it may not take makes the PSA ask.
  lab.push(kAlice, {{"content", {{"type", "image/png"}, {"text", "p"}}}});
  lab.answer(lab.messages("OPTIONS").at(0), 200, {{"Accept", "text/plain, image/png"}, {"Accept-Encoding", "gzip, identity"}});
  lab.answer(lab.last(), 200);
  lab.push(kAlice, {{"content", large(400)}});
  const auto packed = lab.last();
  CHECK(packed->request.headers.get("Content-Encoding") == "gzip");
  CHECK(packed->request.body.size() < 100);
  CHECK(packed->request.body.starts_with("\x1f\x8b"));
  SUBCASE("not for what does not become smaller") {
    lab.answer(packed, 200);
    lab.push(kAlice, {{"content", {{"type", "text/plain"}, {"text", "ab"}}}});
    CHECK_FALSE(lab.last()->request.headers.has("Content-Encoding"));
  }
  SUBCASE("415 about the encoding: the same again without, and it is remembered") {
    lab.answer(packed, 415, {{"Accept-Encoding", "identity"}});
    REQUIRE(lab.messages().size() == 4);
    CHECK_FALSE(lab.last()->request.headers.has("Content-Encoding"));
  }
}
