#include "event/publication_rules.h"

#include <algorithm>

#include "event/event_field.h"

namespace herald::event {
namespace {

constexpr std::size_t kMaxTag = 256;
constexpr const char* kRetryAfter = "10";

PublishDecision refuse(int status, std::string why, std::vector<SipHeaderField> headers = {}) {
  PublishDecision decision;
  decision.refusal = PublishAnswer{status, std::move(headers), std::move(why)};
  return decision;
}

}  // namespace

Expected<PublishOrder> read_publish(const SipMessage& request) {
  PublishOrder order;
  const auto& headers = request.headers;
  if (const auto event = parse_event(headers.get("Event").value_or(""))) order.package = event->package;
  const auto fields = headers.all("SIP-If-Match");
  if (!fields.empty()) {
    // RFC 3903 6: exactly one entity-tag.
    if (fields.size() > 1 || split_header_list(fields.front()).size() != 1) {
      return fail(ErrorCode::invalid, "not exactly one SIP-If-Match");
    }
    if (fields.front().size() > kMaxTag) return fail(ErrorCode::invalid, "SIP-If-Match is too long");
    order.etag = std::string(fields.front());
  }
  auto expires = expires_of(headers);
  if (!expires) return fail(std::move(expires.error()));
  order.expires = *expires;
  if (const auto text = headers.get("Content-Type")) {
    auto type = MediaType::parse(*text);
    if (!type) return fail(ErrorCode::invalid, "Content-Type is malformed");
    order.type = std::move(type->type);
    order.content_type = std::string(*text);
  }
  const auto encoding = headers.get("Content-Encoding").value_or("");
  order.encoded = !encoding.empty() && encoding != "identity";
  order.body = request.body;
  return order;
}

PublishDecision decide_publish(const PublishOrder& order, const PublicationRules& rules) {
  PublishDecision decision;
  const auto asked = order.expires.value_or(rules.default_expires);
  const bool end = asked.count() == 0;
  if (!end && asked < rules.min_expires) {
    return refuse(423, "expires too soon", {{"Min-Expires", std::to_string(rules.min_expires.count())}});
  }
  decision.expires = std::min(asked, rules.max_expires);
  if (end) {
    // RFC 3903 4.5; what a body would mean here nobody says, so it is not looked at.
    if (!order.etag) return refuse(400, "Expires 0 without SIP-If-Match removes nothing");
    decision.kind = PublishKind::remove;
    return decision;
  }
  if (order.body.empty()) {
    if (!order.etag) return refuse(400, "neither body nor SIP-If-Match");
    decision.kind = PublishKind::refresh;
    return decision;
  }
  decision.kind = order.etag ? PublishKind::modify : PublishKind::create;
  if (order.body.size() > rules.max_body_bytes) return refuse(413, "body of " + std::to_string(order.body.size()) + " octets");
  if (order.encoded) return refuse(415, "encoded body", {{"Accept-Encoding", "identity"}});
  const bool known = std::find(rules.types.begin(), rules.types.end(), order.type) != rules.types.end();
  if (!known) decision.refusal = unaccepted_type(rules);
  return decision;
}

PublishAnswer bad_event(const std::vector<std::string>& packages) {
  PublishAnswer answer{489, {}, "unknown event package"};
  if (!packages.empty()) answer.headers.push_back({"Allow-Events", list_text(packages)});
  return answer;
}

PublishAnswer unaccepted_type(const PublicationRules& rules) {
  return {415, {{"Accept", list_text(rules.types)}}, "body of a type the package does not take"};
}

PublishAnswer try_later(std::string why) { return {500, {{"Retry-After", kRetryAfter}}, std::move(why)}; }

}  // namespace herald::event
