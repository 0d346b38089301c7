#include "mode/pager_sender.h"

#include <charconv>

#include "text/request_headers.h"

namespace herald::push {

Expected<SipServletRequest> make_pager_request(SipFactory& factory, const PushMessage& message, const std::string& trace,
                                               std::string_view method) {
  Origination wish;
  wish.method = std::string(method);
  wish.from = message.from;
  wish.to = message.to;
  wish.uri = message.uri;
  wish.route = message.route;
  wish.headers = message.headers;
  wish.trace = trace;
  auto request = originate(factory, wish);
  if (!request) return request;
  if (auto set = request->set_content(message.content_type, message.body); !set) return fail(set.error());
  return request;
}

std::size_t size_on_wire(const SipServletRequest& request) { return request.message().text().size() + kViaAllowance; }

namespace {

Outcome outcome_of(ResponseOrigin origin, int status, const SipHeaders& headers, std::optional<Duration> retry_after) {
  Outcome outcome;
  outcome.origin = origin;
  outcome.sip = status;
  outcome.retry_after = retry_after;
  outcome.reason_header = headers.get("Reason").value_or("");
  outcome.warning = headers.get("Warning").value_or("");
  outcome.response_source = headers.get("Response-Source").value_or("");
  if (outcome.sip == 415 || outcome.sip == 406 || outcome.sip == 488) {
    for (const auto range : headers.list("Accept")) outcome.accept.emplace_back(range);
    for (const auto coding : headers.list("Accept-Encoding")) outcome.accept_encoding.emplace_back(coding);
  }
  if (outcome.sip == 470) outcome.trigger_consent = headers.get("Trigger-Consent").value_or("");
  if (outcome.sip == 420) {
    for (const auto tag : headers.list("Unsupported")) outcome.unsupported.emplace_back(tag);
  }
  if (outcome.sip / 100 == 3) {
    for (const auto contact : headers.list("Contact")) {
      if (const auto address = NameAddr::parse(contact)) outcome.contacts.push_back(address->uri);
    }
  }
  return outcome;
}

// RFC 3261 20.33: seconds, then comment and parameters.
std::optional<Duration> retry_after_of(const SipHeaders& headers) {
  const auto value = headers.get("Retry-After");
  if (!value) return std::nullopt;
  std::uint32_t seconds = 0;
  const auto read = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (read.ec != std::errc{}) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace

Outcome outcome_of(const SipServletResponse& response) {
  return outcome_of(response.origin(), response.status(), response.message().headers, response.retry_after());
}

Outcome outcome_of(const NotifyOutcome& outcome) {
  const auto& headers = outcome.response.headers;
  return outcome_of(outcome.origin, outcome.status, headers, retry_after_of(headers));
}

Outcome outcome_of(const Error& error) {
  Outcome outcome;
  outcome.retry_after = error.retry_after;
  switch (error.code) {
    case ErrorCode::busy:
    case ErrorCode::unavailable:
      outcome.origin = ResponseOrigin::hop_blocked;
      break;
    case ErrorCode::invalid:
    case ErrorCode::too_large:
    case ErrorCode::unsupported:
      outcome.sip = 400;  // our request; the same again would not help
      break;
    default:
      outcome.origin = ResponseOrigin::cancelled;
      break;
  }
  return outcome;
}

}  // namespace herald::push
