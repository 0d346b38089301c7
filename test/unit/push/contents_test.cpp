// Contents as uploads: POST /v1/contents, pushes that refer to them, their quota and their end.
#include <doctest/doctest.h>

#include "herald/record.h"
#include "push_lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
const std::vector<HttpField> kNews{{"Authorization", "Bearer news-token"}};
const std::vector<HttpField> kMail{{"Authorization", "Bearer mail-token"}};

PushLab::Options quota(const std::string& bytes = "1000") {
  PushLab::Options options;
  options.config = "  - {name: small, token: small-token, stored_bytes: " + bytes + "}\nupload_lifetime: 10m\nretention: 1h\n";
  return options;
}

Answer upload(PushLab& lab, std::string bytes, std::vector<HttpField> headers = kNews, const std::string& type = "image/png") {
  headers.push_back({"Content-Type", type});
  return lab.call_raw("POST", "/v1/contents", std::move(bytes), std::move(headers));
}

json referring(const std::string& id, json more = json::object()) {
  json body{{"to", {kAlice}}, {"app", "news.ua"}, {"content", {{"ref", id}}}};
  body.update(more);
  return body;
}

}  // namespace

TEST_CASE("an upload is kept with its type and hash, and shown to its owner alone") {
  PushLab lab;
  const auto made = upload(lab, "pixels");
  REQUIRE(made.status == 201);
  const std::string id = made.body["id"];
  CHECK(made.headers.at("Location") == "/v1/contents/" + id);
  CHECK(made.body["size"] == 6);
  CHECK(made.body["type"] == "image/png");
  CHECK(made.body["sha256"].get<std::string>().size() == 64);
  CHECK(lab.call("GET", "/v1/contents/" + id).body["used"] == false);
  CHECK(lab.call("GET", "/v1/contents/" + id, {}, kMail).status == 404);
  CHECK(lab.call("DELETE", "/v1/contents/" + id, {}, kMail).status == 404);
  CHECK(lab.call("GET", "/v1/contents/" + id, {}, {}).status == 401);
  CHECK(lab.call("DELETE", "/v1/contents/" + id).status == 204);
  CHECK(lab.call("GET", "/v1/contents/" + id).status == 404);
  CHECK(lab.blobs.size() == 0);
  CHECK(upload(lab, "").status == 400);
  CHECK(upload(lab, "x", kNews, "nonsense").status == 415);
  CHECK(lab.call_raw("POST", "/v1/contents", "x", kNews).status == 415);
  CHECK(lab.blobs.size() == 0);
}

TEST_CASE("a push by reference carries the uploaded bytes; of another account, or unknown, it is 400") {
  PushLab lab;
  lab.registered(kAlice);
  const std::string id = upload(lab, "Goal!", kNews, "text/plain").body["id"];
  CHECK(lab.call("POST", "/v1/pushes", referring(id, {{"app", "mms.ua"}}), kMail).status == 400);
  CHECK(lab.call("POST", "/v1/pushes", referring("01ARZ3NDEKTSV4RRFFQ69G5FAV")).body["detail"] == "ref: no such content");
  CHECK(lab.call("POST", "/v1/pushes", referring(id, {{"content", {{"ref", id}, {"text", "x"}}}})).status == 400);
  CHECK(lab.call("POST", "/v1/pushes", referring(id, {{"content", {{"ref", 7}}}})).status == 400);
  REQUIRE(lab.call("POST", "/v1/pushes", referring(id)).status == 202);
  lab.advance(1s);
  REQUIRE(lab.messages().size() == 1);
  CHECK(lab.last()->request.body == "Goal!");
  CHECK(lab.last()->request.headers.get("Content-Type") == "text/plain");
  CHECK(lab.call("GET", "/v1/contents/" + id).body["used"] == false);  // the push has a copy
  const std::string large = upload(lab, std::string(70000, 'x')).body["id"];
  REQUIRE(lab.call("POST", "/v1/pushes", referring(large)).status == 202);
  CHECK(lab.call("GET", "/v1/contents/" + large).body["used"] == true);
  CHECK(lab.call("DELETE", "/v1/contents/" + large).status == 409);
}

TEST_CASE("an unused upload goes after its time, a used one with its last push, what a crash left without a record after a day") {
  PushLab lab(quota());
  const std::string used = upload(lab, std::string(70000, 'u')).body["id"];
  upload(lab, "unused");
  lab.push(kAlice, {{"content", {{"ref", used}}}, {"deliver_before", "2026-01-01T01:00:00Z"}});
  lab.push(kAlice, {{"content", {{"ref", used}}}, {"deliver_before", "2026-01-01T02:00:00Z"}});
  REQUIRE(lab.blobs.size() == 2);
  lab.advance(11min);
  CHECK(lab.blobs.size() == 1);
  lab.restart();
  lab.advance(2h);  // the first of the pushes is purged
  CHECK(lab.call("GET", "/v1/contents/" + used).status == 200);
  lab.advance(2h);
  CHECK(lab.call("GET", "/v1/contents/" + used).status == 404);
  CHECK(lab.blobs.size() == 0);

  lab.blobs.next_id = make_id(lab.clock.wall());
  lab.blobs.keep("orphan");
  lab.advance(23h);
  CHECK(lab.blobs.size() == 1);  // whoever wrote it may still be busy
  lab.advance(3h);
  CHECK(lab.blobs.size() == 0);
}

TEST_CASE("the quota of stored bytes is 429, counts over a restart and is free again when contents go") {
  PushLab lab(quota());
  const std::vector<HttpField> small{{"Authorization", "Bearer small-token"}};
  const std::string id = upload(lab, std::string(600, 'x'), small).body["id"];
  auto answer = upload(lab, std::string(401, 'x'), small);
  CHECK(answer.status == 429);
  CHECK(answer.body["code"] == 4001);
  CHECK(upload(lab, std::string(400, 'x'), small).status == 201);
  lab.restart();
  CHECK(upload(lab, "x", small).status == 429);
  CHECK(upload(lab, std::string(5000, 'x')).status == 201);  // another account
  CHECK(lab.call("DELETE", "/v1/contents/" + id, {}, small).status == 204);
  CHECK(upload(lab, std::string(600, 'x'), small).status == 201);
}

TEST_CASE("what comes inline and is large is kept as a file; refused pushes leave none") {
  PushLab::Options options;
  options.config = "inline_content_bytes: 1024\nmax_content_bytes: 5000\n";
  PushLab lab(options);
  const std::string large(3000, 'x');
  const auto content = [](const std::string& text) { return json{{"type", "text/plain"}, {"text", text}}; };
  const auto id = lab.push(kAlice, {{"content", content(large)}});
  CHECK(lab.blobs.size() == 1);
  auto answer = lab.call("POST", "/v1/pushes", referring("", {{"content", content(std::string(5001, 'x'))}}));
  CHECK(answer.status == 413);
  CHECK(answer.body["detail"].get<std::string>().starts_with("content.text:"));
  lab.store.fail_commits(1, ErrorCode::unavailable);
  CHECK(lab.call("POST", "/v1/pushes", referring("", {{"content", content(large)}})).status == 503);
  CHECK(lab.blobs.size() == 1);
}

TEST_CASE("multipart/related: contents as parts of the submission, binary, named by Content-ID") {
  PushLab lab;
  lab.registered(kAlice);
  const std::string bytes("\0\xff\r\n--x", 7);
  const auto post = [&](const std::string& json_text, const std::string& headers = "Content-ID: <pic>\r\n") {
    auto fields = kNews;
    fields.push_back({"Content-Type", "multipart/related; boundary=pp7; type=\"application/json\""});
    return lab.call_raw("POST", "/v1/pushes",
                        "--pp7\r\nContent-Type: application/json\r\n\r\n" + json_text +
                            "\r\n--pp7\r\nContent-Type: image/png\r\n" + headers + "\r\n" + bytes + "\r\n--pp7--\r\n",
                        fields);
  };
  REQUIRE(post(referring("cid:pic").dump()).status == 202);
  lab.advance(3s);  // nobody answers what images are taken
  REQUIRE(lab.messages().size() == 1);
  CHECK(lab.last()->request.body == bytes);
  CHECK(lab.last()->request.headers.get("Content-Type") == "image/png");
  CHECK(post(referring("cid:other").dump()).body["detail"].get<std::string>().starts_with("ref:"));
  CHECK(post(referring("", {{"content", {{"type", "text/plain"}, {"text", "x"}}}}).dump()).status == 400);
  CHECK(post(referring("cid:pic").dump(), "").status == 400);
  CHECK(post("nonsense").status == 400);
}
