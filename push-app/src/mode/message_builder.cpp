#include "mode/message_builder.h"

#include <algorithm>

#include "text/entity_headers.h"
#include "text/gzip.h"
#include "text/request_headers.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

const Content& content_of(const PushJob& job, std::size_t index) {
  return job.contents[std::min<std::size_t>(index, job.contents.size() - 1)];
}

// What all have in common: who, to whom, on which way, for which devices.
PushMessage begin(const PushJob& job, const Attempt& attempt, const std::string& address, const ServiceApplication& application,
                  const MessageContext& context) {
  PushMessage message;
  // S-7, RFC 3323 4.1.1.3: who it is stays between the trusted, who asserted it.
  message.from = job.anonymous ? "\"Anonymous\" <sip:anonymous@anonymous.invalid>" : "<" + job.sender + ">";
  message.to = "<" + address + ">";
  message.uri = attempt.target;
  message.route = attempt.route;
  message.headers = identity_headers(job.sender, context.domain, context.icid);  // S-3, PS-3
  auto& headers = message.headers;
  if (!application.icsi.empty()) headers.push_back({"P-Asserted-Service", application.icsi});  // PS-5
  headers.push_back(accept_contact(job.application));                                          // PS-12
  if (auto rejected = reject_contact(job.excluded)) headers.push_back(std::move(*rejected));   // PS-13
  if (job.devices == Devices::one) headers.push_back({"Request-Disposition", "no-fork"});      // PS-14
  if (job.anonymous) headers.push_back({"Privacy", "id"});
  // PS-17; a missing Priority is "normal" (RFC 3261 20.26).
  if (job.priority == Priority::high) headers.push_back({"Priority", "urgent"});
  if (job.priority == Priority::low) headers.push_back({"Priority", "non-urgent"});
  return message;
}

std::int64_t seconds_left(const PushJob& job, WallTime now) {
  const auto left = std::chrono::ceil<std::chrono::seconds>(*job.deliver_before - now).count();
  return std::clamp<std::int64_t>(left, 1, 0xffffffffLL);
}

// PS-16
void add_expiry(const PushJob& job, const MessageContext& context, std::vector<SipHeaderField>& headers) {
  if (!job.deliver_before) return;
  headers.push_back({"Expires", std::to_string(seconds_left(job, context.now))});
  headers.push_back({"Date", to_rfc1123(context.now)});
}

// PS-6: the same over all attempts and whatever content, so that the receiver can drop duplicates.
std::string push_content_id(const PushJob& job, const MessageContext& context) { return content_id(job, 0, context.domain); }

void append(std::vector<SipHeaderField>& to, std::vector<SipHeaderField> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void add_line(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ").append(value).append("\r\n");
}

// PS-31: the header fields of the content itself.
std::string enclosed(const PushJob& job, std::uint8_t index, const std::string& domain) {
  const auto& content = content_of(job, index);
  std::string text;
  add_line(text, "Content-Type", content.type);
  add_line(text, "Content-ID", content_id(job, index, domain));
  for (const auto& field : entity_headers(content)) add_line(text, field.name, field.value);
  return text + "\r\n";
}

}  // namespace

PushMessage build_message(const PushJob& job, const Attempt& attempt, const std::string& address,
                          const ServiceApplication& application, const MessageContext& context) {
  auto message = begin(job, attempt, address, application, context);
  auto& headers = message.headers;
  add_expiry(job, context, headers);
  headers.push_back({"Content-ID", push_content_id(job, context)});
  const auto& content = content_of(job, attempt.content);
  append(headers, entity_headers(content));
  message.content_type = content.type;
  // PS-18. Inside a message/cpim no encoding is foreseen.
  if (attempt.gzip && !attempt.report && !has_encoding(content)) {
    if (auto smaller = gzip_if_smaller(content.bytes)) {
      headers.push_back({"Content-Encoding", std::string(kGzip)});
      message.body = std::move(*smaller);
      return message;
    }
  }
  message.body = content.bytes;
  return message;
}

PushMessage build_reference(const PushJob& job, const Attempt& attempt, const std::string& address,
                            const ServiceApplication& application, const MessageContext& context,
                            std::span<const OfferedReference> references) {
  auto message = begin(job, attempt, address, application, context);
  add_expiry(job, context, message.headers);
  message.headers.push_back({"Content-ID", push_content_id(job, context)});
  message.headers.push_back({"Content-Disposition", "render"});
  if (references.size() == 1) {
    message.content_type = reference_type(references.front().reference);
    message.body = enclosed(job, references.front().content, context.domain);
    return message;
  }
  const auto boundary = context.icid;  // random, and nowhere else in the body
  message.content_type = "multipart/alternative;boundary=" + boundary;
  for (auto it = references.rbegin(); it != references.rend(); ++it) {
    message.body.append("--").append(boundary).append("\r\n");
    add_line(message.body, "Content-Type", reference_type(it->reference));
    message.body.append("\r\n").append(enclosed(job, it->content, context.domain)).append("\r\n");
  }
  message.body.append("--").append(boundary).append("--\r\n");
  return message;
}

PushMessage build_invitation(const PushJob& job, const Attempt& attempt, const std::string& address,
                             const ServiceApplication& application, const MessageContext& context, std::chrono::seconds wait,
                             std::string sdp) {
  auto message = begin(job, attempt, address, application, context);
  auto& headers = message.headers;
  headers.push_back({"Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"});
  headers.push_back({"Accept", "application/sdp"});
  // RFC 3261 13.2.1: of the invitation. When the content itself expires is told along with it.
  auto expires = std::max<std::int64_t>(1, wait.count());
  if (job.deliver_before) expires = std::min(expires, seconds_left(job, context.now));
  headers.push_back({"Expires", std::to_string(expires)});
  message.content_type = "application/sdp";
  message.body = std::move(sdp);
  return message;
}

std::vector<SipHeaderField> session_headers(const PushJob& job, std::uint8_t content, const std::string& domain) {
  std::vector<SipHeaderField> fields;
  fields.push_back({"Content-ID", content_id(job, 0, domain)});
  append(fields, entity_headers(content_of(job, content)));
  if (job.deliver_before) fields.push_back({"X-Push-Deliver-Before", to_rfc1123(*job.deliver_before)});
  return fields;
}

}  // namespace herald::push
