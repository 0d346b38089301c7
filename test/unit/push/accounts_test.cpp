// Accounts of initiators: what they prove, what they may do, how much of it. S-4; status-mapping.md 10.
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

#include "doubles/temporary_folder.h"
#include "push_lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAccounts = R"(
  - {name: hashed, token_hash: "sha256:ada63e98fe50eccb55036d88eda4b2c3709f53c2b65bc0335797067e9a2a5d8b"}
  - {name: machine, certificates: ["CN=pi.example,O=Pi", "CN=spare*"], applications: [news.ua]}
  - name: narrow
    token: narrow-token
    content_types: ["text/*", application/json]
    recipients: ["sip:*@ims.lab", "tel:+358*"]
    max_priority: medium
    daily_recipients: 3
)";

PushLab::Options with_accounts(const std::string& more = "") {
  PushLab::Options options;
  options.config = kAccounts + more;
  return options;
}

json body(json more = json::object()) {
  json plain{{"to", {"sip:alice@ims.lab"}}, {"app", "news.ua"}, {"content", {{"type", "text/plain"}, {"text", "x"}}}};
  plain.update(more);
  return plain;
}

std::vector<HttpField> bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }

}  // namespace

TEST_CASE("S-4: a token that the configuration knows only as a digest, by Bearer and by Basic") {
  PushLab lab(with_accounts());
  CHECK(lab.call("POST", "/v1/pushes", body(), bearer("testtoken")).status == 202);
  CHECK(lab.call("POST", "/v1/pushes", body(), {{"Authorization", "Basic aGFzaGVkOnRlc3R0b2tlbg=="}}).status == 202);
  CHECK(lab.call("POST", "/v1/pushes", body(), bearer("testtokem")).status == 401);
  // The digest is no token.
  CHECK(
      lab.call("POST", "/v1/pushes", body(), bearer("ada63e98fe50eccb55036d88eda4b2c3709f53c2b65bc0335797067e9a2a5d8b")).status ==
      401);
}

TEST_CASE("S-4: a client certificate stands for its account; one that nobody has, and none, for nobody") {
  PushLab lab(with_accounts());
  const auto as = [&](const std::string& subject, json push, std::vector<HttpField> headers = {}) {
    lab.client_certificate = subject;
    const auto answer = lab.call("POST", "/v1/pushes", std::move(push), std::move(headers));
    lab.client_certificate.clear();
    return answer.status;
  };
  CHECK(as("CN=pi.example,O=Pi", body()) == 202);
  CHECK(as("CN=spare-7", body()) == 202);
  CHECK(as("CN=pi.example,O=Pi", body({{"app", "mms.ua"}})) == 403);
  CHECK(as("CN=pi.example,O=Pie", body()) == 401);
  CHECK(as("", body()) == 401);
  // Whoever sends a token wants to be asked for the token.
  CHECK(as("CN=pi.example,O=Pi", body(), bearer("wrong-token")) == 401);
  // A certificate's account has no empty token.
  CHECK(as("", body(), {{"Authorization", "Basic bWFjaGluZTo="}}) == 401);
}

TEST_CASE("S-4: content types, recipients and priority beyond the account are 403 with 2001 and the member's name") {
  PushLab lab(with_accounts());
  const auto refused = [&](json push, const std::string& says) {
    const auto answer = lab.call("POST", "/v1/pushes", std::move(push), bearer("narrow-token"));
    CHECK(answer.status == 403);
    CHECK(answer.body["code"] == 2001);
    CHECK_MESSAGE(answer.body["detail"].get<std::string>().starts_with(says), answer.body.dump());
  };
  refused(body({{"content", {{"type", "image/png"}, {"base64", "eA=="}}}}), "content:");
  refused(body({{"alternatives", {{{"type", "application/x"}, {"base64", "eA=="}}}}}), "content:");
  refused(body({{"to", {"sip:alice@ims.lab", "sip:bob@other.lab"}}}), "to[1]:");
  refused(body({{"to", {"tel:+4912345"}}}), "to[0]:");
  refused(body({{"priority", "high"}}), "priority:");
  json crowd = json::array();
  for (int i = 0; i < 1000; ++i) crowd.push_back("sip:u" + std::to_string(i) + "@ims.lab");
  crowd[777] = "sip:u777@ims.lab.evil";
  refused(body({{"to", crowd}}), "to[777]:");
  CHECK(lab.memory.records() == 0);
  CHECK(lab.call("POST", "/v1/pushes",
                 body({{"content", {{"type", "TEXT/Plain;charset=utf-8"}, {"text", "x"}}}, {"to", {"tel:+358401"}}}),
                 bearer("narrow-token"))
            .status == 202);
}

TEST_CASE(
    "the daily quota counts recipients, survives a restart, is given back by what was not accepted, and ends with the day") {
  PushLab lab(with_accounts());
  const auto push = [&](json more = json::object()) {
    return lab.call("POST", "/v1/pushes", body(std::move(more)), bearer("narrow-token"));
  };
  CHECK(push({{"to", {"sip:a@ims.lab", "sip:b@ims.lab"}}}).status == 202);
  lab.store.fail_commits(1, ErrorCode::unavailable);
  CHECK(push().status == 503);
  lab.restart();
  auto answer = push({{"to", {"sip:a@ims.lab", "sip:b@ims.lab"}}});
  CHECK(answer.status == 429);
  CHECK(answer.body["code"] == 4001);
  CHECK(std::stol(answer.headers.at("Retry-After")) > 3600);
  CHECK(push().status == 202);
  CHECK(push().status == 429);
  lab.advance(24h);
  CHECK(push().status == 202);
}

TEST_CASE("Idempotency-Key: what was accepted is answered again although the quota is used up since") {
  PushLab lab(with_accounts());
  auto headers = bearer("narrow-token");
  headers.push_back({"Idempotency-Key", "order-66"});
  const auto three = body({{"to", {"sip:a@ims.lab", "sip:b@ims.lab", "sip:c@ims.lab"}}});
  const auto first = lab.call("POST", "/v1/pushes", three, headers);
  REQUIRE(first.status == 202);
  CHECK(lab.call("POST", "/v1/pushes", body(), bearer("narrow-token")).status >= 429);
  const auto again = lab.call("POST", "/v1/pushes", three, headers);
  CHECK(again.status == 202);
  CHECK(again.body["id"] == first.body["id"]);
  CHECK(lab.call("POST", "/v1/pushes", body(), headers).status == 409);
}

TEST_CASE("a reload changes accounts: the next request of a removed one is 401, a new one is served, without a restart") {
  PushLab lab(with_accounts());
  CHECK(lab.call("POST", "/v1/pushes", body(), bearer("testtoken")).status == 202);
  CHECK(lab.call("POST", "/v1/pushes", body(), bearer("fresh-token")).status == 401);
  lab.reload("  - {name: fresh, token: fresh-token, applications: [mms.ua]}\n");
  CHECK(lab.call("POST", "/v1/pushes", body(), bearer("testtoken")).status == 401);
  CHECK(lab.call("POST", "/v1/pushes", body(), bearer("fresh-token")).status == 403);
  CHECK(lab.call("POST", "/v1/pushes", body({{"app", "mms.ua"}}), bearer("fresh-token")).status == 202);
}

TEST_CASE("the audit log has a line for each change and each refusal: who, what, when, what came of it, and no secret") {
  TemporaryFolder folder;
  const auto file = folder.file("audit.jsonl");
  {
    PushLab lab(with_accounts("audit: {path: " + file + "}\n"));
    lab.call("POST", "/v1/pushes", body(), bearer("testtoken"));
    lab.call("POST", "/v1/pushes", body(), bearer("guessed-token"));
    lab.call("POST", "/v1/pushes", body({{"priority", "high"}}), bearer("narrow-token"));
    lab.call("GET", "/v1/pushes", {}, bearer("testtoken"));  // changes nothing
    lab.call("POST", "/v1/pushes", body(), {}, /*admin=*/true);
  }
  std::ifstream in(file);
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) {
    CHECK(line.find("token") == std::string::npos);
    lines.push_back(json::parse(line));
  }
  REQUIRE(lines.size() == 4);
  CHECK(lines[0]["who"] == "hashed");
  CHECK(lines[0]["by"] == "bearer");
  CHECK(lines[0]["method"] == "POST");
  CHECK(lines[0]["path"] == "/v1/pushes");
  CHECK(lines[0]["status"] == 202);
  CHECK(lines[0]["object"].get<std::string>().starts_with("/v1/pushes/"));
  CHECK(lines[0]["time"].get<std::string>().starts_with("2026-01-01T00:00:0"));
  CHECK(lines[1]["who"] == "");
  CHECK(lines[1]["status"] == 401);
  CHECK(lines[2]["who"] == "narrow");
  CHECK(lines[2]["status"] == 403);
  CHECK(lines[3]["who"] == "@operator");
  CHECK(lines[3]["by"] == "admin");
}
