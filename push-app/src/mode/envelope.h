// The body of a NOTIFY that carries pushes: one content as it is, relabelled or as a reference, several as multipart/mixed.
// sip-push.md 6 and 7, PS-19, PS-24, PS-30, PS-31. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "delivery/content_choice.h"
#include "herald/sip_message.h"
#include "push/cpim.h"
#include "push/push_job.h"

namespace herald::push {

// Where indirect content lies. PS-30.
struct ContentReference {
  std::string url;
  WallTime expires{};
  std::size_t size = 0;
  std::string sha1;  // hex
};

struct EnvelopeItem {
  const PushJob* job = nullptr;
  NotifyForm form;
  const ContentReference* reference = nullptr;  // the content lies there instead
  const ReportRequest* report = nullptr;        // wrapped once more, in message/cpim that asks for it (PS-51)
  WallTime now{};                               // of its DateTime
};

struct EnvelopeRules {
  std::string domain;             // Content-ID = <push id@domain>
  bool name_application = false;  // the subscription is to all of them: say which one
};

struct Envelope {
  std::string type;
  std::vector<SipHeaderField> headers;
  std::string body;
  // As part of a request: body, these header fields and Content-Type.
  [[nodiscard]] std::size_t size() const noexcept;
};

[[nodiscard]] Envelope wrap_one(const EnvelopeItem& item, const EnvelopeRules& rules);
// `boundary` must not occur in any of them.
[[nodiscard]] Envelope wrap_many(std::span<const EnvelopeItem> items, const EnvelopeRules& rules, const std::string& boundary);

// The value of Content-Type for a reference, and the enclosed header fields that are its body.
[[nodiscard]] std::string reference_type(const ContentReference& reference);

}  // namespace herald::push
