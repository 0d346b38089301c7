#include "mode/request_preparation.h"

#include <utility>

#include "herald/trace.h"
#include "mode/pager_sender.h"
#include "report/report_request.h"

namespace herald::push {
namespace {

// A request that will not be sent must not keep its session for ever.
Expected<SipServletRequest> if_it_fits(Expected<SipServletRequest> request, std::uint32_t max_bytes) {
  if (!request) return request;
  const auto bytes = size_on_wire(*request);
  if (bytes <= max_bytes) return request;
  request->application_session().invalidate();
  return fail(ErrorCode::too_large, "the request would have " + std::to_string(bytes) + " bytes");
}

Expected<SipServletRequest> made(ServletContext& context, const LoadedDelivery& loaded, Attempt& attempt, PushMessage message,
                                 WallTime now) {
  const auto request = [&](const PushMessage& whole) {
    return if_it_fits(make_pager_request(context.sip_factory(), whole, loaded.job->trace), attempt.max_bytes);
  };
  if (!attempt.report) return request(message);
  auto asking = message;
  ask_for_reports(asking, report_request(*loaded.job, loaded.delivery), now);
  auto made = request(asking);
  if (made || made.error().code != ErrorCode::too_large || !loaded.job->report_if_possible) return made;
  // A report that would be nice is not worth a larger mode, or no delivery at all.
  attempt.report = false;
  return request(message);
}

}  // namespace

MessageContext message_context(ServletContext& context) {
  MessageContext about;
  about.domain = context.node().domain;
  about.icid = random_token(20);
  about.now = context.clock().wall();
  return about;
}

Task<Expected<SipServletRequest>> prepare_message(Preparation with, const LoadedDelivery* loaded, Attempt* attempt) {
  const auto& job = *loaded->job;
  const auto& address = loaded->delivery.address;
  if (attempt->mode != Mode::indirection) {
    const auto about = message_context(*with.context);
    const auto& application = find_application(with.context->services(), job.application);
    auto message = build_message(job, *attempt, address, application, about);
    co_return made(*with.context, *loaded, *attempt, std::move(message), about.now);
  }
  if (!with.links) co_return fail(ErrorCode::unavailable, "no links to content");
  std::vector<OfferedReference> references;
  std::vector<std::uint8_t> contents{attempt->content};
  contents.insert(contents.end(), attempt->alternatives.begin(), attempt->alternatives.end());
  for (const auto content : contents) {
    auto reference = co_await ContentLinks::make(with.links, loaded->job, content, loaded->delivery.index);
    if (*with.stopped) co_return fail(ErrorCode::gone, "the node is shutting down");
    if (!reference) co_return fail(reference.error());
    references.push_back({content, std::move(*reference)});
  }
  const auto about = message_context(*with.context);
  const auto& application = find_application(with.context->services(), job.application);
  auto message = build_reference(job, *attempt, address, application, about, references);
  auto request = made(*with.context, *loaded, *attempt, std::move(message), about.now);
  if (!request && request.error().code == ErrorCode::too_large && references.size() > 1) {  // without the alternatives then
    references.resize(1);
    message = build_reference(job, *attempt, address, application, about, references);
    request = made(*with.context, *loaded, *attempt, std::move(message), about.now);
  }
  co_return request;
}

}  // namespace herald::push
