// A content too large for any record, from its submission to the receiver's fetch: the real content server on the real files.
#include <doctest/doctest.h>

#include "lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
constexpr std::size_t kSize = 300000;

std::string bytes() {
  std::string text;
  text.reserve(kSize);
  for (std::size_t i = 0; text.size() < kSize; ++i) text += std::to_string(i * 2654435761U) + ' ';
  text.resize(kSize);
  return text;
}

std::string parameter(const std::string& type, const std::string& name) {
  const auto at = type.find(name + "=");
  REQUIRE(at != std::string::npos);
  auto rest = type.substr(at + name.size() + 1);
  if (rest.starts_with('"')) return rest.substr(1, rest.find('"', 1) - 1);
  return rest.substr(0, rest.find(';'));
}

std::string path_of(const std::string& url) { return url.substr(url.find('/', url.find("://") + 3)); }

// As the receiver asks: without credentials, the URL is the permission.
Reply fetch(Lab& lab, const std::string& path, const std::vector<HttpField>& headers = {}, const std::string& method = "GET") {
  return lab.call(method, path, {}, headers, "");
}

}  // namespace

TEST_CASE("S-8, PS-30, PS-32: a content in a file goes as a link: whole, in ranges, HEAD, conditions; then it expires") {
  Lab::Options options;
  options.push = "capabilities: {ask_options: false}\nretention: 1h\n";
  Lab lab(options);
  lab.registers(kAlice);
  const auto content = bytes();
  const auto id = lab.push(kAlice, {{"mode", "indirection"},
                                    {"report", "delivery"},
                                    {"deliver_before", "2026-01-01T01:00:00Z"},
                                    {"content", {{"type", "text/plain"}, {"text", content}}}});
  lab.until([&] { return !lab.scscf.transactions("MESSAGE").empty(); });
  // F-3: what is fetched is not in the MESSAGE; the wrapping that asks for the report is around the reference (PS-51).
  const auto message = lab.scscf.last();
  CHECK(message.header("Content-Type") == "message/cpim");
  CHECK(message.text.size() <= 1300);
  const auto reference = message.body();
  CHECK(parameter(reference, "size") == std::to_string(kSize));
  const auto path = path_of(parameter(reference, "URL"));
  CHECK(parameter(reference, "expiration") == "Thu, 01 Jan 2026 01:00:00 GMT");

  const auto whole = fetch(lab, path);
  CHECK(whole.status == 200);
  CHECK(whole.text == content);
  CHECK(whole.headers.at("content-type") == "text/plain");
  CHECK(whole.headers.at("cache-control") == "private");
  CHECK(whole.headers.at("expires") == "Thu, 01 Jan 2026 01:00:00 GMT");
  const auto etag = whole.headers.at("etag");
  CHECK(etag.size() == 66);  // sha256, quoted

  const auto head = fetch(lab, path, {}, "HEAD");
  CHECK(head.status == 200);
  CHECK(head.headers.at("content-length") == std::to_string(kSize));
  CHECK(head.headers.at("etag") == etag);
  CHECK(head.text.empty());

  const auto middle = fetch(lab, path, {{"Range", "bytes=65530-65545"}});
  CHECK(middle.status == 206);
  CHECK(middle.text == content.substr(65530, 16));
  CHECK(middle.headers.at("content-range") == "bytes 65530-65545/" + std::to_string(kSize));
  const auto rest = fetch(lab, path, {{"Range", "bytes=299990-"}, {"If-Range", etag}});  // a fetch that was cut goes on
  CHECK(rest.status == 206);
  CHECK(rest.text == content.substr(299990));
  CHECK(fetch(lab, path, {{"Range", "bytes=299990-"}, {"If-Range", "\"another\""}}).text == content);
  CHECK(fetch(lab, path, {{"Range", "bytes=300000-"}}).status == 416);
  const auto known = fetch(lab, path, {{"If-None-Match", etag}});
  CHECK(known.status == 304);
  CHECK(known.text.empty());

  // PS-32: nobody finds it by guessing, and nothing else is served there.
  auto wrong = path;
  wrong.back() = wrong.back() == 'A' ? 'Q' : 'A';
  CHECK(fetch(lab, wrong).status == 404);
  CHECK(fetch(lab, path.substr(0, path.size() - 1)).status == 404);
  CHECK(fetch(lab, "/content/" + id).status == 404);
  CHECK(fetch(lab, path, {}, "DELETE").status >= 400);
  CHECK(fetch(lab, path).status == 200);

  lab.restart();                                // the link is in the store, the bytes are in their file
  CHECK(lab.status(id) == "network_accepted");  // fetched, which is no report
  lab.advance(1h + 1s);
  CHECK(fetch(lab, path).status == 410);
  CHECK(fetch(lab, path, {{"Range", "bytes=0-9"}}).status == 410);
  CHECK(fetch(lab, path, {}, "HEAD").status == 410);
}
