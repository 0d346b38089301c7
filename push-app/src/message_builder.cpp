#include "message_builder.h"

#include <algorithm>

#include "timestamps.h"

namespace herald::push {

PushMessage build_message(const PushJob& job, const Attempt& attempt, const std::string& address,
                          const ServiceApplication& application, const MessageContext& context) {
  PushMessage message;
  message.from = "<" + job.sender + ">";
  message.to = "<" + address + ">";
  message.uri = attempt.target;
  message.route = attempt.route;
  auto& headers = message.headers;

  headers.emplace_back("P-Asserted-Identity", "<" + job.sender + ">");                                           // S-3, PS-3
  headers.emplace_back("P-Charging-Vector", "icid-value=" + context.icid + ";orig-ioi=" + context.domain);       // PS-3
  if (!application.icsi.empty()) headers.emplace_back("P-Asserted-Service", application.icsi);                   // PS-5
  headers.emplace_back("Accept-Contact", "*;+g.oma.pusheventapp=\"" + job.application + "\";require;explicit");  // PS-12
  if (job.deliver_before) {                                                                                      // PS-16
    const auto left = std::chrono::ceil<std::chrono::seconds>(*job.deliver_before - context.now).count();
    headers.emplace_back("Expires", std::to_string(std::clamp<std::int64_t>(left, 1, 0xffffffffLL)));
    headers.emplace_back("Date", to_rfc1123(context.now));
  }
  // PS-17; a missing Priority is "normal" (RFC 3261 20.26).
  if (job.priority == Priority::high) headers.emplace_back("Priority", "urgent");
  if (job.priority == Priority::low) headers.emplace_back("Priority", "non-urgent");
  // PS-6: the same over all attempts, so that the receiver can drop duplicates.
  headers.emplace_back("Content-ID", "<" + job.id + "@" + context.domain + ">");
  headers.emplace_back("Content-Disposition", "render");  // PS-18

  const auto& content = job.contents[std::min<std::size_t>(attempt.content, job.contents.size() - 1)];
  message.content_type = content.type;
  message.body = content.bytes;
  return message;
}

}  // namespace herald::push
