// push-message: from the control entity to an accepted push. PAP-30..34, PAP-38..41.
#include <utility>

#include "delivery/delivery_plan.h"
#include "initiator/initiator_auth.h"
#include "pap/pap_application.h"
#include "pap/pap_capabilities.h"
#include "pap/pap_endpoint.h"
#include "pap/pap_info.h"
#include "pap/pap_submission.h"
#include "result/callback_url.h"

namespace herald::push {
namespace {

// More users than this are not asked about for one push.
constexpr std::size_t kMaxMatched = 100;

}  // namespace

Task<PapEndpoint::Answer> PapEndpoint::push(Self self, Call* call, pap::Push push) {
  pap::PushAnswer out;
  out.push_id = push.push_id;
  out.time = self->context_.clock().wall();
  out.sender_address = self->address_rules(*call->config).names.front();
  out.sender_name = call->config->pap.sender_name;
  std::size_t refused = 0;
  std::vector<pap::ProgressNote> notes;
  const auto accepted = co_await submit(self, call, &push, &notes, &refused);
  if (!self->stopped_) out.time = self->context_.clock().wall();
  if (push.progress_notes) out.notes = std::move(notes);  // PAP-40; some clients do not survive a note they did not ask for
  Answer answer;
  if (accepted) {
    out.code = 1001;
    if (accepted->repeated) out.time = accepted->job.created;  // PAP-30: the first answer again
    if (refused > 0) {
      out.desc = std::string(pap::code_text(1001)) + "; not understood: " + std::to_string(refused) +
                 (refused == 1 ? " address" : " addresses");
    }
  } else {
    self->metrics_.refused_submission(accepted.error().http);
    out.code = accepted.error().code;
    out.desc = accepted.error().detail;
    answer.retry_after = accepted.error().retry_after;
  }
  answer.body = std::move(out);
  co_return answer;
}

Task<Checked<PushView>> PapEndpoint::submit(Self self, Call* call, const pap::Push* push, std::vector<pap::ProgressNote>* notes,
                                            std::size_t* refused) {
  const auto& config = *call->config;
  const auto note = [&](const char* stage) { notes->push_back({stage, {}, self->context_.clock().wall()}); };
  if (!call->entities.content) co_return refuse(400, 2000, "no content entity");
  auto& content = *call->entities.content;
  if (content.bytes.size() > config.max_content_bytes) {
    co_return refuse(413, 2000, "the content has more than " + std::to_string(config.max_content_bytes) + " bytes");
  }
  const auto application = pap::read_application(call->entities.application);
  if (!application) co_return refuse(400, 2000, "X-Wap-Application-Id: not an application id");
  auto addressed =
      pap::read_addresses(push->addresses, self->address_rules(config), config.max_recipients, config.pap.partial_acceptance);
  if (!addressed) co_return tl::unexpected(addressed.error());
  note("parsed");

  SubmitRequest request;
  request.initiator = call->initiator->name;
  request.account = std::shared_ptr<const Initiator>(call->config, call->initiator);
  request.trace = call->trace;
  request.body_digest = call->digest;
  auto sender = choose_sender(*call->initiator, config, std::nullopt);
  if (!sender) co_return tl::unexpected(sender.error());
  request.sender = std::move(*sender);
  if (auto allowed = check_application(*call->initiator, application->token); !allowed) {
    co_return tl::unexpected(allowed.error());
  }
  auto& submission = request.submission;
  pap::apply_push(*push, submission);
  pap::apply_quality(push->quality, find_application(self->context_.services(), application->token).report, submission);
  submission.to = std::move(addressed->to);
  submission.application = application->token;
  content.headers.push_back({"X-Wap-Application-Id", application->urn});
  submission.contents.push_back(std::move(content));
  if (auto allowed = check_submission(*call->initiator, submission); !allowed) co_return tl::unexpected(allowed.error());
  if (!submission.callback.empty()) {
    const auto permit = permit_callback(*call->initiator, submission.callback);
    if (!permit) co_return tl::unexpected(permit.error());
    submission.callback = permit->url.text();
  }
  note("authorised");

  if (auto times = pap::check_times(*push, self->context_.clock().wall()); !times) co_return tl::unexpected(times.error());
  if (auto network = pap::check_network(push->quality); !network) co_return tl::unexpected(network.error());
  if (auto rate = self->service_->rates().take(*call->initiator); !rate) co_return tl::unexpected(rate.error());
  if (call->entities.capabilities) {
    auto recipients = submission.to;
    auto matched = co_await match_capabilities(self, call, application->token, std::move(recipients));
    if (!matched) co_return tl::unexpected(matched.error());
    if (auto open = self->still_open(); !open) co_return tl::unexpected(open.error());
  }

  pap::Info info;
  info.version = call->version;
  info.quality = push->quality;
  info.source_reference = push->source_reference;
  info.sender_address = self->address_rules(config).names.front();
  info.sender_name = config.pap.sender_name;
  info.refused = std::move(addressed->refused);
  *refused = info.refused.size();
  submission.external_info = pap::to_text(info);
  auto accepted = co_await PushService::submit(self->service_, std::move(request));
  if (accepted && !self->stopped_) note("queued");
  co_return accepted;
}

// status-mapping.md 9: what the initiator assumes against what is known, before anything is accepted.
Task<Checked<void>> PapEndpoint::match_capabilities(Self self, const Call* call, std::string application,
                                                    std::vector<Recipient> recipients) {
  const auto assumed = pap::read_profile(*call->entities.capabilities);
  if (!assumed) co_return tl::unexpected(assumed.error());
  if (recipients.size() > kMaxMatched) {
    co_return refuse(501, 3004, "capabilities are not compared for more than " + std::to_string(kMaxMatched) + " addresses");
  }
  for (auto& recipient : recipients) {
    auto user = recipient.user;
    const auto report = co_await CapabilityBook::report(self->books_.capabilities, std::move(user), application);
    if (!report) {
      Problem busy{503, 4001, report.error().text, std::chrono::seconds(2)};
      co_return tl::unexpected(busy);
    }
    if (auto open = self->still_open(); !open) co_return tl::unexpected(open.error());
    if (auto matched = pap::compare(*assumed, *report); !matched) co_return tl::unexpected(matched.error());
  }
  co_return Checked<void>();
}

}  // namespace herald::push
