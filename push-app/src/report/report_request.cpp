#include "report/report_request.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "delivery/content_choice.h"
#include "herald/sip_message.h"

namespace herald::push {
namespace {

constexpr std::size_t kPushId = 26;  // characters of make_id

bool reportable(const PushJob& job, std::uint8_t content) {
  if (job.anonymous || job.contents.empty()) return false;
  const auto& chosen = job.contents[std::min<std::size_t>(content, job.contents.size() - 1)];
  const auto type = MediaType::parse(chosen.type);
  return type && type->type != kImdnType && type->type != kCpimType;
}

// What is true of the content and not of the message (RFC 3862 3): also Content-Encoding, which names the content's bytes.
bool about_content(std::string_view name) {
  constexpr std::string_view kPrefix = "content-";
  return name.size() > kPrefix.size() && std::equal(kPrefix.begin(), kPrefix.end(), name.begin(), [](char a, char b) {
           return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
         });
}

}  // namespace

std::string report_id(std::string_view push, std::uint32_t index) { return std::string(push) + "." + std::to_string(index); }

std::optional<ReportName> parse_report_id(std::string_view id) {
  if (id.size() < kPushId + 2 || id[kPushId] != '.') return std::nullopt;
  const auto push = id.substr(0, kPushId);
  const bool plain = std::all_of(push.begin(), push.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
  const auto digits = id.substr(kPushId + 1);
  ReportName name{std::string(push), 0};
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), name.index);
  if (!plain || read.ec != std::errc{} || read.ptr != digits.data() + digits.size()) return std::nullopt;
  return name;
}

bool can_ask(const PushJob& job, const Delivery& delivery, std::uint8_t content, const Capabilities& receiver) {
  if (!wants_report(job) || delivery.tried(Fix::no_report) || !reportable(job, content)) return false;
  // The device's own word only: content types of a provisioned profile or of an initiator are about contents, not wrappers.
  Capabilities own;
  for (const auto& fact : receiver.facts) {
    if (fact.kind == FactKind::imdn) return fact.supported;
    if (fact.kind == FactKind::type && fact.source <= FactSource::published) own.facts.push_back(fact);
  }
  return own.takes_type(kCpimType) != Support::no;
}

bool can_ask_by_notify(const PushJob& job, const Delivery& delivery, std::uint8_t content,
                       const std::vector<std::string>& accept) {
  return wants_report(job) && !delivery.tried(Fix::no_report) && reportable(job, content) && accept_allows(accept, kCpimType);
}

std::optional<Refuse> plan_report(Attempt& attempt, const PlanInput& input) {
  attempt.report = false;
  if (!wants_report(input.job)) return std::nullopt;
  if (attempt.mode == Mode::notify) {
    attempt.report = std::any_of(input.subscriptions.begin(), input.subscriptions.end(), [&](const NotifyPath& path) {
      return can_ask_by_notify(input.job, input.delivery, attempt.content, path.accept);
    });
    // RFC 6665: its 200 comes from the subscriber itself, never from a relay. Nothing of the kind shows that it was displayed.
    if (attempt.report || input.job.report_if_possible || input.job.report == Report::delivery) return std::nullopt;
    return Refuse{Status::undeliverable, 3007, "capability:report"};
  }
  // MSRP's own reports are the proof, and their absence ends the push at once (SM-17); only a display needs more.
  if (attempt.mode == Mode::msrp && input.job.report == Report::delivery) return std::nullopt;
  attempt.report = can_ask(input.job, input.delivery, attempt.content, input.capabilities);
  if (attempt.report || input.job.report_if_possible) return std::nullopt;
  return Refuse{Status::undeliverable, 3007, "capability:report"};
}

ReportRequest report_request(const PushJob& job, const Delivery& delivery) {
  ReportRequest request;
  request.message_id = report_id(delivery.push, delivery.index);
  request.from = job.sender;
  request.to = delivery.address;
  request.delivered = request.failed = true;  // PS-51: display is asked for besides, never alone
  request.displayed = job.report == Report::display;
  return request;
}

std::string cpim_around(const ReportRequest& request, WallTime now, std::string_view type, std::vector<SipHeaderField> fields,
                        std::string_view body) {
  fields.insert(fields.begin(), {"Content-Type", std::string(type)});
  return write_cpim(request, now, fields, body);
}

void ask_for_reports(PushMessage& message, const ReportRequest& request, WallTime now) {
  const auto inside = std::stable_partition(message.headers.begin(), message.headers.end(),
                                            [](const auto& field) { return !about_content(field.name); });
  std::vector<SipHeaderField> fields(std::make_move_iterator(inside), std::make_move_iterator(message.headers.end()));
  message.headers.erase(inside, message.headers.end());
  // A reference says both again in the body, where RFC 2046 5.2.3 and PS-31 want them: twice would only be longer (PS-20).
  if (message.content_type.starts_with(kExternalType)) fields.clear();
  message.body = cpim_around(request, now, message.content_type, std::move(fields), message.body);
  message.content_type = kCpimType;
}

}  // namespace herald::push
