#include "intake.h"

#include <algorithm>
#include <array>

#include "gunzip.h"
#include "herald/sip_uri.h"

namespace herald::receiver {
namespace {

constexpr std::uint64_t kLargestDecoded = 8U << 20U;  // of what came in one request

struct Part {
  std::string type;  // Content-Type
  std::string encoding;
  std::string id;  // without brackets; empty: none
  std::string body;
};

std::string bare_id(std::string_view text) {
  if (text.size() >= 2 && text.front() == '<' && text.back() == '>') text = text.substr(1, text.size() - 2);
  return std::string(text);
}

std::string media_type(const std::string& text) {
  const auto parsed = MediaType::parse(text.empty() ? "text/plain" : text);
  return parsed ? parsed->type : text;
}

Part part_of(const SipHeaders& headers, std::string body) {
  return {std::string(headers.get("Content-Type").value_or("")), std::string(headers.get("Content-Encoding").value_or("")),
          bare_id(headers.get("Content-ID").value_or("")), std::move(body)};
}

// Several pushes in one request; what cannot be taken apart stays whole.
std::vector<Part> parts_of(Part whole) {
  if (media_type(whole.type) == "multipart/mixed") {
    if (auto parts = parse_multipart(whole.type, whole.body)) {
      std::vector<Part> out;
      for (auto& part : *parts) out.push_back(part_of(part.headers, std::move(part.body)));
      return out;
    }
  }
  std::vector<Part> out;
  out.push_back(std::move(whole));
  return out;
}

Verdict refuse(int status, std::string why) {
  Verdict verdict;
  verdict.status = status;
  verdict.why = std::move(why);
  return verdict;
}

// PR-12: refused rather than silently ignored.
Verdict decide_reference(PushItem& item, const Part& part, const PushPolicy& policy, const ContentRules& rules, WallTime now) {
  // RFC 4483 4: an Accept without message/external-body says that references are not followed.
  PushPolicy without = policy;
  without.external_bodies = false;
  const SipHeaderField no_references{"Accept", accept_header(without)};
  if (!policy.external_bodies) {
    auto verdict = refuse(415, "content by reference is not fetched");
    verdict.headers.push_back(no_references);
    return verdict;
  }
  auto reference = ExternalBody::parse(part.type, part.body);
  if (!reference) return refuse(reference.error().code == ErrorCode::unsupported ? 415 : 400, reference.error().text);
  Verdict verdict;
  verdict.status = refuse_reference(*reference, rules, now, verdict.why);
  if (verdict.status == 415) verdict.headers.push_back(no_references);
  if (verdict.status != 0) return verdict;
  if (!reference->type.empty() && !accepted(reference->type, policy)) {
    verdict = refuse(415, "type " + reference->type);
    verdict.headers.push_back({"Accept", accept_header(policy)});
    return verdict;
  }
  verdict.status = 200;
  if (!reference->type.empty()) item.push.type = reference->type;
  // The push's own id stays whatever it refers to; that of the content serves where there is none (PS-6, PS-31).
  if (part.id.empty() && !reference->id.empty()) item.push.id = reference->id;
  item.push.url = reference->url;
  if (item.push.mode == "pager") item.push.mode = "indirection";
  item.reference = std::move(*reference);
  item.body.clear();
  return verdict;
}

// What a session's message says of its end instead of Date and Expires. PR-8
void expire(const SipHeaders& headers, WallTime now, Push& push) {
  const auto until = parse_sip_date(headers.get("X-Push-Deliver-Before").value_or(""));
  if (until && *until < now) push.expired = true;
}

// RFC 2046 5.1.4: the last of the alternatives that is understood; none: the whole stays as it is.
void choose_alternative(Part& whole, const PushPolicy& policy) {
  if (media_type(whole.type) != "multipart/alternative") return;
  auto parts = parse_multipart(whole.type, whole.body);
  if (!parts) return;
  for (auto each = parts->rbegin(); each != parts->rend(); ++each) {
    auto part = part_of(each->headers, std::move(each->body));
    auto type = media_type(part.type);
    if (type == "message/external-body" && policy.external_bodies) {
      const auto reference = ExternalBody::parse(part.type, part.body);
      if (!reference) continue;
      type = reference->type.empty() ? "text/plain" : reference->type;
    }
    if (!accepted(type, policy)) continue;
    if (!whole.id.empty()) part.id = std::move(whole.id);  // one push, whichever of them
    whole = std::move(part);
    return;
  }
}

// Only what was accepted gets here: gzip, or nothing to undo.
Verdict decode(PushItem& item) {
  if (item.push.encoding != "gzip") return {};
  auto plain = gunzip(item.body, kLargestDecoded);
  if (!plain) return refuse(plain.error().code == ErrorCode::too_large ? 413 : 400, plain.error().text);
  item.body = std::move(*plain);
  return {};
}

}  // namespace

SipMessage request_of(const SipMessage& invite, const MsrpMessage& message, std::string body) {
  SipMessage request;
  request.start = SipRequestLine{"MESSAGE", invite.uri()};
  // Date and Expires of an INVITE are the invitation's, not the content's (RFC 3261 13.2.1).
  constexpr std::array<std::string_view, 6> kNotOfContent{"Content-Type", "Content-Encoding", "Content-ID", "Content-Disposition",
                                                          "Date",         "Expires"};
  for (const auto& field : invite.headers.fields())
    if (std::none_of(kNotOfContent.begin(), kNotOfContent.end(),
                     [&](std::string_view name) { return same_header_name(field.name, name); }))
      request.headers.add(field.name, field.value);
  for (const auto& [name, value] : message.headers) request.headers.set(name, value);
  request.headers.set("Content-Type", message.type.empty() ? "application/octet-stream" : message.type);
  // One session may bring several: without an id of its own each is told apart by its Message-ID.
  request.headers.set("Call-ID", message.message_id);
  request.body = std::move(body);
  return request;
}

std::string sender_of(const SipMessage& message) {
  const auto& headers = message.headers;
  const auto values = headers.has("P-Asserted-Identity") ? headers.list("P-Asserted-Identity") : headers.all("From");
  const auto address = values.empty() ? std::nullopt : std::optional(NameAddr::parse(values.front()));
  return address && *address ? canonical_identity((*address)->uri) : std::string();
}

Intake read_intake(const SipMessage& message, const PushPolicy& policy, const ContentRules& rules, WallTime now,
                   const IntakeSource& source) {
  Intake intake;
  auto common = read_push(message, policy, now);
  if (!source.app.empty()) {
    common.app = source.app;
    common.known_app = true;
  }
  if (!source.mode.empty()) common.mode = source.mode;
  expire(message.headers, now, common);
  auto whole = part_of(message.headers, message.body);
  const auto outer_id = whole.id;
  ReportRequest report;
  if (media_type(whole.type) == "message/cpim" && policy.reports) {
    auto cpim = CpimMessage::parse(whole.body);
    if (!cpim) {
      intake.verdict = refuse(400, cpim.error().text);
      return intake;
    }
    if (cpim->is_report()) {
      intake.is_report = true;
      return intake;
    }
    report = cpim->report;
    whole = part_of(cpim->content, std::move(cpim->body));
    expire(cpim->content, now, common);
    // PS-6: the push keeps its id in imdn.Message-ID, too.
    if (whole.id.empty() && !outer_id.empty()) whole.id = outer_id;
    if (whole.id.empty() && !report.message_id.empty()) common.id = report.message_id;
    // Beside a reference the push's own id stands in its body (RFC 2046 5.2.3), and goes before that.
    if (whole.id.empty() && media_type(whole.type) != "message/external-body") whole.id = common.id;
    if (report.from.empty()) report.from = common.from;
  }
  if (!source.in_blob) choose_alternative(whole, policy);
  const bool several = media_type(whole.type) == "multipart/mixed" && !source.in_blob;
  std::vector<Part> parts;
  if (several)
    parts = parts_of(std::move(whole));
  else
    parts.push_back(std::move(whole));
  std::size_t number = 0;
  for (auto& part : parts) {
    PushItem item;
    item.push = common;
    item.push.type = media_type(part.type);
    item.push.encoding = part.encoding;
    ++number;
    if (!part.id.empty())
      item.push.id = part.id;
    else if (several)
      item.push.id = common.id + "." + std::to_string(number);
    item.report = report;
    if (item.push.type == "message/external-body" && source.in_blob) {
      intake.verdict = refuse(413, "a reference of that size");
    } else if (item.push.type == "message/external-body") {
      intake.verdict = decide_reference(item, part, policy, rules, now);
      if (intake.verdict.why.empty() && !item.push.known_app) intake.verdict = decide(item.push, 0, policy);
    } else {
      intake.verdict = decide(item.push, part.body.size(), policy);
      item.body = std::move(part.body);
      if (intake.verdict.why.empty() && !source.in_blob) intake.verdict = decode(item);
    }
    intake.items.push_back(std::move(item));
    if (!intake.verdict.why.empty()) return intake;
  }
  return intake;
}

}  // namespace herald::receiver
