#include "reports.h"

#include "herald/record.h"

namespace herald::receiver {
namespace {
constexpr auto kReportTime = std::chrono::seconds(40);  // beyond Timer F
}

bool Reports::silent() const noexcept {
  return shared_.options->imdn == ImdnPolicy::no || shared_.options->report_mode.kind == ReportMode::Kind::ignore;
}

void Reports::received(const Account& account, const ReportRequest& request, const std::string& push) {
  const auto& options = *shared_.options;
  const auto mode = options.report_mode;
  if (!request.any() || silent()) return;
  if (options.imdn == ImdnPolicy::forbidden || mode.kind == ReportMode::Kind::refuse) {
    if (request.delivered || request.displayed) spawn(send(&shared_, &account, request, Disposition::forbidden, push));
    return;
  }
  if (mode.kind == ReportMode::Kind::failed) return failed(account, request, push);
  if (request.delivered) spawn(send_later(&shared_, &account, request, Disposition::delivered, push, mode.delay));
  if (request.displayed && options.display)
    spawn(send_later(&shared_, &account, request, Disposition::displayed, push, mode.delay + *options.display));
}

void Reports::failed(const Account& account, const ReportRequest& request, const std::string& push) {
  if (request.message_id.empty() || !request.failed || silent() || shared_.options->imdn != ImdnPolicy::yes) return;
  spawn(send(&shared_, &account, request, Disposition::failed, push));
}

// MSRP knows no "forbidden": whoever must not say is silent.
Task<int> Reports::session_report(AgentShared* shared) {
  const auto& options = *shared->options;
  const auto mode = options.report_mode;
  if (options.imdn != ImdnPolicy::yes || mode.kind == ReportMode::Kind::ignore || mode.kind == ReportMode::Kind::refuse)
    co_return 0;
  if (mode.kind == ReportMode::Kind::failed) co_return 400;
  if (mode.delay > Duration::zero()) (void)co_await shared->waits.wait(*shared->context, mode.delay);
  co_return shared->stopping ? 0 : 200;
}

Task<void> Reports::send_later(AgentShared* shared, const Account* account, ReportRequest request, Disposition disposition,
                               std::string push, Duration delay) {
  if (delay > Duration::zero()) (void)co_await shared->waits.wait(*shared->context, delay);
  if (shared->stopping) co_return;
  co_await send(shared, account, std::move(request), disposition, std::move(push));
}

Task<void> Reports::send(AgentShared* shared, const Account* account, ReportRequest request, Disposition disposition,
                         std::string push) {
  if (request.to.empty()) request.to = account->user.identity;
  const auto id = make_id(shared->context->clock().wall());
  auto message = originate(*shared, *account, "MESSAGE", request.from);
  Expected<void> filled =
      message ? message->set_content("message/cpim", write_report(request, disposition, id, shared->context->clock().wall()))
              : Expected<void>(fail(message.error()));
  int status = 0;
  std::string reason = filled ? "" : filled.error().text;
  if (filled) {
    const auto deadline = Deadline::after(shared->context->clock(), kReportTime);
    const auto answer = co_await message->send(deadline);
    status = answer ? answer->status() : 0;
    reason = answer ? answer->reason() : answer.error().text;
  }
  if (shared->stopping) co_return;
  const bool sent = status >= 200 && status < 300;
  std::vector<EventField> fields{{"user", account->user.identity},
                                 {"to", request.from},
                                 {"id", push},
                                 {"disposition", std::string(to_string(disposition))},
                                 number_field("status", status)};
  if (!sent) {
    fields.push_back({"what", "report"});
    fields.push_back({"reason", reason});
  }
  shared->tell(sent ? "report_sent" : "error", fields);
}

}  // namespace herald::receiver
