#include "mode/content_links.h"

#include <array>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <utility>

#include "herald/log.h"
#include "herald/record.h"
#include "job/push_records.h"
#include "push_catalog.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

constexpr std::string_view kTable = "content_meta";
constexpr std::uint16_t kSchema = 1;
constexpr FieldTag kPush = 1, kContent = 2, kExpires = 3, kSha1 = 4, kRecipient = 5;
constexpr std::size_t kTokenLength = 22;  // 128 bits in base64url
constexpr Duration kPurgePause = std::chrono::seconds(60);
constexpr std::size_t kPurgePage = 500;

struct Link {
  std::string push;
  std::uint8_t content = 0;
  std::uint32_t recipient = 0;  // index of the delivery
  WallTime expires{};
  std::string sha1;
};

std::optional<std::string> new_token() {
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) return std::nullopt;
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string token;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const auto byte : random) {
    bits = bits << 8U | byte;
    for (held += 8; held >= 6; held -= 6) token += kAlphabet[bits >> (held - 6) & 63U];
  }
  token += kAlphabet[bits << (6 - held) & 63U];
  return token;
}

bool is_token(std::string_view text) {
  return text.size() == kTokenLength &&
         text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
}

// RFC 4483 5: SHA-1 is what the hash parameter is; it guards against damage, the URL's secrecy and TLS against people.
std::string sha1_of(std::string_view bytes) {
  std::array<unsigned char, 20> sum{};
  EVP_Digest(bytes.data(), bytes.size(), sum.data(), nullptr, EVP_sha1(), nullptr);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const auto byte : sum) {
    text += kHex[byte >> 4U];
    text += kHex[byte & 15U];
  }
  return text;
}

Key link_key(const std::string& token) { return Key{std::string(kTable), token, token}; }

std::string encode(const Link& link) {
  RecordWriter writer(kSchema);
  writer.text(kPush, link.push).number(kContent, link.content).time(kExpires, link.expires).text(kSha1, link.sha1);
  writer.number(kRecipient, link.recipient);
  return writer.take();
}

Expected<Link> decode(const Record& record) {
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  const auto push = reader->text(kPush);
  const auto expires = reader->time(kExpires);
  if (!push || !expires) return fail(ErrorCode::corrupt, "content link without push or expiry");
  Link link;
  link.push = *push;
  link.content = static_cast<std::uint8_t>(reader->number(kContent).value_or(0));
  link.expires = *expires;
  link.sha1 = reader->text(kSha1).value_or("");
  link.recipient = static_cast<std::uint32_t>(reader->number(kRecipient).value_or(0));
  return link;
}

HttpResponse nothing(int status, std::string_view title, std::string_view detail) {
  return HttpResponse::problem(status, title, detail);
}

}  // namespace

void ContentLinks::serve() {
  context_.http().add("GET", "/content/{token}",
                      [self = shared_from_this()](HttpRequest request) { return fetch(self, std::move(request)); });
  if (const auto base = base_url(); base.starts_with("http:")) log::event(catalog::kLinksWithoutTls, {{"url", base}});
  purge_later();
}

void ContentLinks::stop() noexcept {
  *stopped_ = true;
  if (purge_timer_) context_.executor().timers().cancel(purge_timer_);
  purge_timer_ = {};
}

std::string ContentLinks::base_url() const {
  auto base = context_.config<PushConfig>()->content_base_url;
  return base.empty() ? context_.node().http_url : base;
}

bool ContentLinks::available() const { return !base_url().empty(); }

Task<Expected<ContentReference>> ContentLinks::make(Self self, std::shared_ptr<const PushJob> job, std::uint8_t content,
                                                    std::uint32_t recipient) {
  auto& context = self->context_;
  const auto base = self->base_url();
  if (base.empty()) co_return fail(ErrorCode::unavailable, "content_base_url is not set");
  if (content >= job->contents.size()) co_return fail(ErrorCode::invalid, "no such content");
  const auto token = new_token();
  if (!token) co_return fail(ErrorCode::internal, "no random numbers");
  const auto& offered = job->contents[content];
  Link link;
  link.push = job->id;
  link.content = content;
  link.recipient = recipient;
  link.expires = job->expires;
  link.sha1 = offered.blob ? offered.blob->sha1 : sha1_of(offered.bytes);
  ContentReference reference;
  reference.url = base + "/content/" + *token;
  reference.expires = link.expires;
  reference.size = static_cast<std::size_t>(offered.size());
  reference.sha1 = link.sha1;
  Put put;
  put.key = link_key(*token);
  put.value = encode(link);
  put.expected = 0;
  put.due = link.expires;
  Batch batch;
  batch.durability = Durability::relaxed;
  batch.puts.push_back(std::move(put));
  const auto committed = co_await context.store().commit(std::move(batch));
  if (!committed) co_return fail(committed.error());
  co_return reference;
}

Task<HttpResponse> ContentLinks::fetch(Self self, HttpRequest request) {
  const auto unavailable = [] {
    auto response = nothing(503, "Temporarily unavailable", "the store does not answer");
    response.headers.push_back({"Retry-After", "2"});
    return response;
  };
  if (*self->stopped_) co_return unavailable();
  auto& context = self->context_;
  const auto token = request.path_parameters["token"];
  if (!is_token(token)) co_return nothing(404, "Not found", "no such content");
  auto at = link_key(token);
  const auto record = co_await context.store().get(std::move(at));
  if (*self->stopped_) co_return unavailable();
  if (!record) {
    if (record.error().code != ErrorCode::not_found) co_return unavailable();
    co_return nothing(404, "Not found", "no such content");
  }
  const auto link = decode(*record);
  if (!link) co_return nothing(500, "Error", "the link cannot be read");
  const auto gone = [] { return nothing(410, "Gone", "the content is no longer offered"); };
  if (context.clock().wall() >= link->expires) co_return gone();
  auto push_at = push_key(link->push);
  const auto push = co_await context.store().get(std::move(push_at));
  if (*self->stopped_) co_return unavailable();
  if (!push) {
    if (push.error().code != ErrorCode::not_found) co_return unavailable();
    co_return gone();
  }
  auto job = decode_push(*push);
  if (!job || link->content >= job->contents.size()) co_return nothing(500, "Error", "the push cannot be read");
  auto& content = job->contents[link->content];
  log::info("content retrieved", {{"trace", job->trace},
                                  {"push", job->id},
                                  {"recipient", link->recipient},
                                  {"content", static_cast<unsigned>(link->content)},
                                  {"bytes", content.size()},
                                  {"range", request.header("Range").value_or("")},
                                  {"peer", request.peer}});
  HttpResponse response;
  response.headers.push_back({"Expires", to_rfc1123(link->expires)});
  response.headers.push_back({"Cache-Control", "private"});
  response.headers.push_back({"X-Content-Type-Options", "nosniff"});
  if (content.blob) {  // the server answers ranges, conditions and HEAD
    response.headers.push_back({"Content-Type", content.type});
    response.blob = HttpBlobBody{std::move(*content.blob)};
    co_return response;
  }
  const auto etag = '"' + link->sha1 + '"';
  response.headers.push_back({"ETag", etag});
  const auto known = request.header("If-None-Match");
  if (known && (*known == etag || *known == "*")) {
    response.status = 304;
    co_return response;
  }
  response.headers.push_back({"Content-Type", content.type});
  response.body = std::move(content.bytes);
  co_return response;
}

void ContentLinks::purge_later() {
  const auto due = context_.clock().now() + kPurgePause;
  purge_timer_ = context_.executor().timers().start_at(due, [self = shared_from_this()] {
    self->purge_timer_ = {};
    if (!*self->stopped_) spawn(purge(self));
  });
}

// A link is kept after its end as long as its push is, so that who comes late hears 410 and not 404.
Task<void> ContentLinks::purge(Self self) {
  auto& store = self->context_.store();
  const auto old = self->context_.clock().wall() - self->context_.config<PushConfig>()->retention;
  const auto page = co_await store.due(std::string(kTable), old, kPurgePage);
  if (*self->stopped_) co_return;
  if (page && !page->records.empty()) {
    Batch batch;
    batch.durability = Durability::relaxed;
    for (const auto& record : page->records) batch.erases.push_back({record.key, record.version});
    static_cast<void>(co_await store.commit(std::move(batch)));
    if (*self->stopped_) co_return;
  }
  self->purge_later();
}

}  // namespace herald::push
