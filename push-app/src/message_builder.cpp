#include "message_builder.h"

#include <algorithm>

#include "request_headers.h"
#include "timestamps.h"

namespace herald::push {

PushMessage build_message(const PushJob& job, const Attempt& attempt, const std::string& address,
                          const ServiceApplication& application, const MessageContext& context) {
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
  if (job.anonymous) headers.push_back({"Privacy", "id"});
  if (job.deliver_before) {  // PS-16
    const auto left = std::chrono::ceil<std::chrono::seconds>(*job.deliver_before - context.now).count();
    headers.push_back({"Expires", std::to_string(std::clamp<std::int64_t>(left, 1, 0xffffffffLL))});
    headers.push_back({"Date", to_rfc1123(context.now)});
  }
  // PS-17; a missing Priority is "normal" (RFC 3261 20.26).
  if (job.priority == Priority::high) headers.push_back({"Priority", "urgent"});
  if (job.priority == Priority::low) headers.push_back({"Priority", "non-urgent"});
  // PS-6: the same over all attempts, so that the receiver can drop duplicates.
  headers.push_back({"Content-ID", "<" + job.id + "@" + context.domain + ">"});
  headers.push_back({"Content-Disposition", "render"});  // PS-18

  const auto& content = job.contents[std::min<std::size_t>(attempt.content, job.contents.size() - 1)];
  message.content_type = content.type;
  message.body = content.bytes;
  return message;
}

}  // namespace herald::push
