#include "pushes/submission.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "herald/sip_message.h"
#include "herald/sip_uri.h"
#include "text/base64.h"
#include "text/json_members.h"

namespace herald::push {
namespace {

using Json = nlohmann::json;

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c != 0x7f; });
}

// An upload. Its type is the upload's unless another is given.
Checked<Content> content_reference(const Json& value, const std::string& member) {
  if (value.contains("text") || value.contains("base64")) {
    return refuse(400, 2000, member + ": needs exactly one of text, base64 and ref");
  }
  auto id = text_member(value["ref"], member + ".ref", 128);
  if (!id) return tl::unexpected(id.error());
  Content content;
  if (value.contains("type")) {
    auto type = text_member(value["type"], member + ".type", 200);
    if (!type) return tl::unexpected(type.error());
    if (!MediaType::parse(*type) || !printable(*type)) return refuse(400, 2000, member + ".type: not a media type");
    content.type = std::move(*type);
  }
  content.blob.emplace();
  content.blob->id = std::move(*id);
  return content;
}

Checked<Content> content_value(const Json& value, const std::string& member, const SubmissionLimits& limits) {
  if (!value.is_object()) return refuse(400, 2000, member + ": must be an object");
  for (const auto& [name, unused] : value.items()) {
    if (name != "type" && name != "text" && name != "base64" && name != "ref") {
      return refuse(400, 2000, member + "." + name.substr(0, 64) + ": no such member");
    }
  }
  if (value.contains("ref")) return content_reference(value, member);
  if (!value.contains("type")) return refuse(400, 2000, member + ".type: required");
  const auto type = text_member(value["type"], member + ".type", 200);
  if (!type) return tl::unexpected(type.error());
  const auto parsed = MediaType::parse(*type);
  if (!parsed || !printable(*type)) return refuse(400, 2000, member + ".type: not a media type");
  if (parsed->type.starts_with("multipart/") && !parsed->params.has("boundary")) {
    return refuse(400, 2000, member + ".type: multipart needs a boundary");
  }
  if (value.contains("text") == value.contains("base64")) {
    return refuse(400, 2000, member + ": needs exactly one of text, base64 and ref");
  }
  Content content{*type, {}};
  const std::string body_member = member + (value.contains("text") ? ".text" : ".base64");
  const auto& body = value.contains("text") ? value["text"] : value["base64"];
  if (!body.is_string()) return refuse(400, 2000, body_member + ": must be a string");
  if (value.contains("text")) {
    content.bytes = body.get<std::string>();
    const bool ascii = std::all_of(content.bytes.begin(), content.bytes.end(), [](char c) { return (c & 0x80) == 0; });
    // RFC 2046 4.1.2: text without charset would be read as US-ASCII.
    if (!ascii && parsed->type.starts_with("text/") && !parsed->params.has("charset")) content.type += ";charset=utf-8";
  } else {
    auto decoded = decode_base64(body.get_ref<const std::string&>());
    if (!decoded) return refuse(400, 2000, body_member + ": not base64");
    content.bytes = std::move(*decoded);
  }
  if (content.bytes.size() > limits.max_content_bytes) {
    return refuse(413, 2000, body_member + ": more than " + std::to_string(limits.max_content_bytes) + " bytes");
  }
  return content;
}

// One function a member; each takes the JSON value and completes the submission.
using MemberParser = Checked<void> (*)(const Json&, Submission&, const SubmissionLimits&);

// The addresses themselves are read aside.
Checked<void> parse_to(const Json& value, Submission&, const SubmissionLimits&) {
  if (!value.is_array()) return refuse(400, 2000, "to: must be an array of addresses");
  return {};
}

Checked<void> parse_app(const Json& value, Submission& out, const SubmissionLimits&) {
  auto text = application_member(value, "app");
  if (!text) return tl::unexpected(text.error());
  out.application = std::move(*text);
  return {};
}

Checked<void> parse_from(const Json& value, Submission& out, const SubmissionLimits& limits) {
  if (!value.is_string()) return refuse(400, 2000, "from: must be a string");
  auto address = parse_address(value.get_ref<const std::string&>(), "from", limits.max_address);
  if (!address) return tl::unexpected(address.error());
  out.from = std::move(address->address);
  return {};
}

Checked<void> parse_content(const Json& value, Submission& out, const SubmissionLimits& limits) {
  auto content = content_value(value, "content", limits);
  if (!content) return tl::unexpected(content.error());
  out.contents.insert(out.contents.begin(), std::move(*content));
  return {};
}

Checked<void> parse_alternatives(const Json& value, Submission& out, const SubmissionLimits& limits) {
  if (!value.is_array()) return refuse(400, 2000, "alternatives: must be an array");
  if (value.size() > limits.max_alternatives) {
    return refuse(400, 2000, "alternatives: more than " + std::to_string(limits.max_alternatives));
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    auto content = content_value(value[i], "alternatives[" + std::to_string(i) + "]", limits);
    if (!content) return tl::unexpected(content.error());
    out.contents.push_back(std::move(*content));
  }
  return {};
}

Checked<void> parse_report_member(const Json& value, Submission& out, const SubmissionLimits&) {
  const auto text = text_member(value, "report", 16);
  if (!text) return tl::unexpected(text.error());
  const auto report = push::parse_report(*text);
  if (!report) return refuse(400, 2000, "report: none, network, delivery or display");
  out.report = *report;
  out.report_given = true;
  return {};
}

Checked<void> parse_report_if_possible(const Json& value, Submission& out, const SubmissionLimits&) {
  if (!value.is_boolean()) return refuse(400, 2000, "report_if_possible: must be true or false");
  out.report_if_possible = value.get<bool>();
  return {};
}

Checked<void> parse_mode(const Json& value, Submission& out, const SubmissionLimits&) {
  const auto text = text_member(value, "mode", 16);
  if (!text) return tl::unexpected(text.error());
  if (*text == "auto") return {};
  out.mode = parse_mode_name(*text);
  if (!out.mode) return refuse(400, 2000, "mode: auto, notify, pager, msrp or indirection");
  return {};
}

Checked<void> parse_priority_member(const Json& value, Submission& out, const SubmissionLimits&) {
  const auto text = text_member(value, "priority", 16);
  if (!text) return tl::unexpected(text.error());
  const auto priority = parse_priority(*text);
  if (!priority) return refuse(400, 2000, "priority: low, medium or high");
  out.priority = *priority;
  return {};
}

Checked<void> parse_deliver_after(const Json& value, Submission& out, const SubmissionLimits&) {
  const auto time = time_member(value, "deliver_after");
  if (!time) return tl::unexpected(time.error());
  out.deliver_after = *time;
  return {};
}

Checked<void> parse_deliver_before(const Json& value, Submission& out, const SubmissionLimits&) {
  const auto time = time_member(value, "deliver_before");
  if (!time) return tl::unexpected(time.error());
  out.deliver_before = *time;
  return {};
}

Checked<void> parse_anonymous(const Json& value, Submission& out, const SubmissionLimits&) {
  if (!value.is_boolean()) return refuse(400, 2000, "anonymous: must be true or false");
  out.anonymous = value.get<bool>();
  return {};
}

Checked<void> parse_devices_member(const Json& value, Submission& out, const SubmissionLimits&) {
  const auto text = text_member(value, "devices", 16);
  if (!text) return tl::unexpected(text.error());
  const auto devices = parse_devices(*text);
  if (!devices) return refuse(400, 2000, "devices: any, one or all");
  out.devices = *devices;
  return {};
}

// name, name=value or name="value" as it may stand in Reject-Contact (RFC 3840 9, RFC 3841 9.2).
bool is_feature(std::string_view text) {
  const auto equals = text.find('=');
  const auto name = text.substr(0, equals);
  constexpr std::string_view kMarks = "-.!%*_+`'~";
  const auto token = [&](std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [&](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             kMarks.find(c) != std::string_view::npos;
    });
  };
  if (!token(name)) return false;
  if (equals == std::string_view::npos) return true;
  auto value = text.substr(equals + 1);
  if (value.size() < 2 || !value.starts_with('"') || !value.ends_with('"')) return token(value);
  value = value.substr(1, value.size() - 2);
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != ',' && c != ';'; });
}

Checked<void> parse_excluded(const Json& value, Submission& out, const SubmissionLimits&) {
  constexpr std::size_t kMost = 8;
  if (!value.is_array() || value.size() > kMost) {
    return refuse(400, 2000, "excluded: must be an array of at most " + std::to_string(kMost) + " feature parameters");
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto member = "excluded[" + std::to_string(i) + "]";
    auto text = text_member(value[i], member, 200);
    if (!text) return tl::unexpected(text.error());
    if (!is_feature(*text)) return refuse(400, 2000, member + ": not a feature parameter like +sip.instance=\"<..>\" or audio");
    out.excluded.push_back(std::move(*text));
  }
  return {};
}

Checked<void> parse_callback(const Json& value, Submission& out, const SubmissionLimits&) {
  auto text = text_member(value, "callback", 1000);
  if (!text) return tl::unexpected(text.error());
  out.callback = std::move(*text);  // the account's patterns are asked by whoever knows the account
  out.callback_form = CallbackForm::json;
  return {};
}

// "id", or {"id": .., "method": "all" | "pending_only"} (PAP-34).
Checked<void> parse_replace(const Json& value, Submission& out, const SubmissionLimits&) {
  constexpr std::size_t kMaxId = 256;
  Replacement replacement;
  const bool object = value.is_object();
  if (object) {
    for (const auto& [name, unused] : value.items()) {
      if (name != "id" && name != "method") return refuse(400, 2000, "replace." + name.substr(0, 64) + ": no such member");
    }
    if (!value.contains("id")) return refuse(400, 2000, "replace.id: required");
    if (value.contains("method")) {
      const auto method = text_member(value["method"], "replace.method", 16);
      if (!method) return tl::unexpected(method.error());
      if (*method != "all" && *method != "pending_only") return refuse(400, 2000, "replace.method: all or pending_only");
      if (*method == "pending_only") replacement.method = Replacement::Method::pending_only;
    }
  }
  auto id = text_member(object ? value["id"] : value, object ? "replace.id" : "replace", kMaxId);
  if (!id) return tl::unexpected(id.error());
  replacement.id = std::move(*id);
  out.replace = std::move(replacement);
  return {};
}

constexpr std::pair<std::string_view, MemberParser> kMembers[] = {
    {"to", parse_to},
    {"app", parse_app},
    {"from", parse_from},
    {"content", parse_content},
    {"alternatives", parse_alternatives},
    {"report", parse_report_member},
    {"report_if_possible", parse_report_if_possible},
    {"mode", parse_mode},
    {"priority", parse_priority_member},
    {"deliver_after", parse_deliver_after},
    {"deliver_before", parse_deliver_before},
    {"anonymous", parse_anonymous},
    {"devices", parse_devices_member},
    {"excluded", parse_excluded},
    {"replace", parse_replace},
    {"callback", parse_callback},
};

}  // namespace

void use_default_report(Submission& submission, ReportLevel level) {
  if (submission.report_given) return;
  switch (level) {
    case ReportLevel::none:
      submission.report = Report::none;
      break;
    case ReportLevel::network:
      submission.report = Report::network;
      break;
    case ReportLevel::delivery:
      submission.report = Report::delivery;
      break;
    case ReportLevel::display:
      submission.report = Report::display;
      break;
  }
  submission.report_if_possible = true;  // the application's wish, not a condition of this initiator
}

Checked<Recipient> parse_address(std::string_view text, const std::string& member, std::size_t max_bytes) {
  const auto bad = [&member](const char* why) { return refuse(400, 2002, member + ": " + why); };
  if (text.empty()) return bad("must not be empty");
  if (text.size() > max_bytes) return bad("too long");
  // The address is written into header fields: nothing that could end a URI or a line.
  const bool clean =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '<' && c != '>' && c != '"'; });
  if (!clean) return bad("not a SIP or tel URI");
  const auto uri = SipUri::parse(text);
  if (!uri || (!uri->is_sip() && !uri->is_tel())) return bad("not a SIP or tel URI");
  if (uri->is_sip() && (uri->user.empty() || uri->host.empty())) return bad("needs a user and a host");
  if (!uri->headers.empty() || !uri->password.empty()) return bad("may not carry a password or headers");
  if (uri->params.has("method") || uri->params.has("maddr")) return bad("may not carry method or maddr");
  return Recipient{std::string(text), uri->canonical()};
}

Checked<std::vector<Recipient>> parse_recipients(const std::vector<std::string>& addresses, const SubmissionLimits& limits) {
  std::vector<Recipient> recipients;
  recipients.reserve(addresses.size());
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto member = "to[" + std::to_string(i) + "]";
    auto recipient = parse_address(addresses[i], member, limits.max_address);
    if (!recipient) return tl::unexpected(recipient.error());
    recipients.push_back(std::move(*recipient));
    if (!seen.insert(recipients.back().user).second) return refuse(400, 2002, member + ": the same recipient twice");
  }
  return recipients;
}

Checked<Submission> parse_submission(std::string_view json, const SubmissionLimits& limits) {
  LongArray addresses;
  addresses.member = "to";
  addresses.most_listed = limits.max_listed;
  auto body = parse_json_object(json, addresses);
  if (!body) return tl::unexpected(body.error());
  for (const auto& [name, unused] : body->items()) {
    const bool known = std::any_of(std::begin(kMembers), std::end(kMembers), [&n = name](const auto& m) { return m.first == n; });
    if (!known) return refuse(400, 2000, name.substr(0, 64) + ": no such member");
  }
  for (const auto* required : {"to", "app", "content"}) {
    if (!body->contains(required)) return refuse(400, 2000, std::string(required) + ": required");
  }
  Submission submission;
  if ((*body)["to"].is_array()) {
    if (addresses.count == 0) return refuse(400, 2000, "to: needs at least one address");
    if (addresses.count > limits.max_recipients) {
      return refuse(400, 2000, "to: more than " + std::to_string(limits.max_recipients) + " addresses");
    }
    auto listed = parse_recipients(addresses.listed, limits);
    if (!listed) return tl::unexpected(listed.error());
    submission.to = std::move(*listed);
    if (submission.to.empty()) submission.to_text = {addresses.begin, addresses.count};
  }
  for (const auto& [name, parse] : kMembers) {
    const auto member = body->find(std::string(name));
    if (member == body->end()) continue;
    if (auto parsed = parse(*member, submission, limits); !parsed) return tl::unexpected(parsed.error());
  }
  // PAP-33
  if (submission.deliver_after && submission.deliver_before && *submission.deliver_after >= *submission.deliver_before) {
    return refuse(400, 2000, "deliver_after: not before deliver_before");
  }
  return submission;
}

}  // namespace herald::push
