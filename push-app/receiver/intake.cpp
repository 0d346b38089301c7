#include "intake.h"

#include "herald/sip_uri.h"

namespace herald::receiver {
namespace {

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
Verdict decide_reference(PushItem& item, const std::string& content_type, const std::string& body, const PushPolicy& policy,
                         const ContentRules& rules, WallTime now) {
  // RFC 4483 4: an Accept without message/external-body says that references are not followed.
  PushPolicy without = policy;
  without.external_bodies = false;
  const SipHeaderField no_references{"Accept", accept_header(without)};
  if (!policy.external_bodies) {
    auto verdict = refuse(415, "content by reference is not fetched");
    verdict.headers.push_back(no_references);
    return verdict;
  }
  auto reference = ExternalBody::parse(content_type, body);
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
  if (!reference->id.empty()) item.push.id = reference->id;
  item.push.url = reference->url;
  item.reference = std::move(*reference);
  item.body.clear();
  return verdict;
}

}  // namespace

std::string sender_of(const SipMessage& message) {
  const auto& headers = message.headers;
  const auto values = headers.has("P-Asserted-Identity") ? headers.list("P-Asserted-Identity") : headers.all("From");
  const auto address = values.empty() ? std::nullopt : std::optional(NameAddr::parse(values.front()));
  return address && *address ? canonical_identity((*address)->uri) : std::string();
}

Intake read_intake(const SipMessage& message, const PushPolicy& policy, const ContentRules& rules, WallTime now,
                   const std::string& app) {
  Intake intake;
  auto common = read_push(message, policy, now);
  if (!app.empty()) {
    common.app = app;
    common.known_app = true;
    common.mode = "notify";
  }
  auto whole = part_of(message.headers, message.body);
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
    // PS-6: the push keeps its id in imdn.Message-ID, too.
    if (whole.id.empty()) whole.id = common.id = report.message_id.empty() ? common.id : report.message_id;
    if (report.from.empty()) report.from = common.from;
  }
  const bool several = media_type(whole.type) == "multipart/mixed";
  auto parts = parts_of(std::move(whole));
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
    if (item.push.type == "message/external-body") {
      intake.verdict = decide_reference(item, part.type, part.body, policy, rules, now);
      if (intake.verdict.why.empty() && !item.push.known_app) intake.verdict = decide(item.push, 0, policy);
    } else {
      intake.verdict = decide(item.push, part.body.size(), policy);
      item.body = std::move(part.body);
    }
    intake.items.push_back(std::move(item));
    if (!intake.verdict.why.empty()) return intake;
  }
  return intake;
}

}  // namespace herald::receiver
