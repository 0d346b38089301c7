#include "reports.h"

#include "herald/record.h"

namespace herald::receiver {
namespace {
constexpr auto kReportTime = std::chrono::seconds(40);  // beyond Timer F
}

void Reports::received(const Account& account, const ReportRequest& request, const std::string& push) {
  const auto policy = shared_.options->imdn;
  if (!request.any() || policy == ImdnPolicy::no) return;
  if (policy == ImdnPolicy::forbidden) {
    if (request.delivered || request.displayed) spawn(send(&shared_, &account, request, Disposition::forbidden, push));
    return;
  }
  if (request.delivered) spawn(send(&shared_, &account, request, Disposition::delivered, push));
  if (request.displayed && shared_.options->display) spawn(send(&shared_, &account, request, Disposition::displayed, push));
}

void Reports::failed(const Account& account, const ReportRequest& request, const std::string& push) {
  if (request.message_id.empty() || !request.failed || shared_.options->imdn != ImdnPolicy::yes) return;
  spawn(send(&shared_, &account, request, Disposition::failed, push));
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
