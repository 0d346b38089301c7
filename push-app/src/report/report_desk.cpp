#include "report/report_desk.h"

#include <algorithm>
#include <array>
#include <utility>

#include "consent/consent_rules.h"
#include "herald/sip_uri.h"
#include "herald/trace.h"
#include "job/push_records.h"
#include "push_catalog.h"
#include "report/report_catalog.h"
#include "text/asserted_identities.h"

namespace herald::push {
namespace {

constexpr std::size_t kSweepPage = 200;
constexpr int kRounds = 8;
// A report often overtakes the answer to the request it is about, or its record: it waits that long for it. Longer, and the
// receiver would repeat it.
constexpr std::array<std::chrono::milliseconds, 5> kForTheAnswer{{std::chrono::milliseconds(50), std::chrono::milliseconds(100),
                                                                  std::chrono::milliseconds(200), std::chrono::milliseconds(400),
                                                                  std::chrono::milliseconds(800)}};

Error stopping() { return Error{ErrorCode::unavailable, "the node is shutting down"}; }

std::string unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return std::string(text);
}

}  // namespace

ReportDesk::ReportDesk(ServletContext& context, DeliveryWriter writer, Relay relay, GiveUp give_up)
    : context_(context), writer_(std::move(writer)), relay_(std::move(relay)), give_up_(std::move(give_up)) {}

void ReportDesk::start(bool sweeps) {
  if (sweeps) sweep_later();
}

void ReportDesk::stop() noexcept {
  *stopped_ = true;
  if (sweep_timer_) context_.executor().timers().cancel(sweep_timer_);
  sweep_timer_ = {};
}

// -- what comes in

Task<void> ReportDesk::receive(Self self, SipServletRequest request) {
  const auto& message = request.message();
  const auto type = std::string(message.headers.get("Content-Type").value_or(""));
  auto notices = read_dispositions(type, message.body);
  if (!notices) {
    self->metrics_.report("malformed");
    log::info("report cannot be read", {{"peer", request.peer()}, {"cause", notices.error().text}});
    const bool large = notices.error().code == ErrorCode::too_large;
    static_cast<void>(request.respond(large ? 413 : 400, large ? "" : "Unreadable Disposition Notification"));
    co_return;
  }
  const auto reporters = asserted_identities(request.isc());
  for (auto& notice : *notices) {
    auto name = parse_report_id(notice.message_id);
    if (!name) {
      self->metrics_.unknown_report();
      continue;
    }
    Report report{std::move(*name), std::move(notice), reporters};
    const auto handled = co_await handle(self, std::move(report));
    if (*self->stopped_) co_return;  // the container answers
    if (!handled) {
      self->metrics_.report("failed");
      static_cast<void>(request.refuse(handled.error()));
      co_return;
    }
  }
  static_cast<void>(request.respond(200));
}

Task<Expected<void>> ReportDesk::handle(Self self, Report report) {
  if (report.reporters.empty()) {  // S-5: From alone proves nothing, and a flood of such costs no look into the store
    self->metrics_.report("stranger");
    log::event(catalog::kReportOfStranger, {{"push", report.name.push}, {"reporter", "not asserted"}});
    co_return Expected<void>();
  }
  auto key = delivery_key(report.name.push, report.name.index);
  const auto record = co_await self->context_.store().get(std::move(key));
  if (*self->stopped_) co_return fail(stopping());
  if (!record) {
    if (record.error().code != ErrorCode::not_found) co_return fail(record.error());
    self->metrics_.unknown_report();
    co_return Expected<void>();
  }
  const auto delivery = decode_delivery(*record);
  if (!delivery) {
    log::event(catalog::kCorruptRecord, {{"push", report.name.push}, {"cause", delivery.error().text}});
    co_return Expected<void>();
  }
  const auto home = self->context_.home_shard(canonical_identity(delivery->address));
  if (home == self->context_.shard()) co_return co_await apply_here(self, std::move(report));
  auto promise = std::make_shared<Promise<void>>();
  auto future = promise->future();
  const bool taken = self->relay_ && self->relay_(home, [report = std::move(report), promise](ReportDesk& desk) mutable {
    spawn(answer_apply(desk.shared_from_this(), std::move(report), std::move(promise)));
  });
  if (!taken) co_return fail(ErrorCode::busy, "the user's home shard takes no more work");
  co_return co_await future;
}

Task<void> ReportDesk::answer_apply(Self self, Report report, std::shared_ptr<Promise<void>> to) {
  to->set(co_await apply_here(std::move(self), std::move(report)));
}

Task<Expected<ReportDesk::Loaded>> ReportDesk::load(Self self, const ReportName* name) {
  auto& store = self->context_.store();
  auto delivery_at = delivery_key(name->push, name->index);
  const auto delivery_record = co_await store.get(std::move(delivery_at));
  if (*self->stopped_) co_return fail(stopping());
  if (!delivery_record) co_return fail(delivery_record.error());
  auto push_at = push_key(name->push);
  const auto push_record = co_await store.get(std::move(push_at));
  if (*self->stopped_) co_return fail(stopping());
  if (!push_record) co_return fail(push_record.error());
  auto delivery = decode_delivery(*delivery_record);
  auto job = decode_push(*push_record);
  if (!delivery || !job) {
    log::event(catalog::kCorruptRecord, {{"push", name->push}, {"cause", delivery ? job.error().text : delivery.error().text}});
    co_return fail(ErrorCode::corrupt, "the record cannot be read");
  }
  co_return Loaded{std::move(*job), std::move(*delivery)};
}

// The addressed user, by any identity of his registration, or one of his devices (PS-52, PA-5).
bool ReportDesk::may_report(const Delivery& delivery, const std::vector<std::string>& reporters) const {
  const auto user = canonical_identity(delivery.address);
  const auto* registration = context_.registrations().find(user);
  auto known = identities_of(user, registration);
  if (!delivery.redirected.empty()) known.push_back(canonical_identity(delivery.redirected));
  if (registration != nullptr) {
    for (const auto& contact : registration->contacts) {
      for (const auto* name : {"pub-gruu", "temp-gruu"}) {
        if (const auto gruu = contact.params.get(name)) known.push_back(canonical_identity(unquoted(*gruu)));
      }
    }
  }
  return std::any_of(reporters.begin(), reporters.end(),
                     [&](const std::string& reporter) { return std::find(known.begin(), known.end(), reporter) != known.end(); });
}

Task<Expected<void>> ReportDesk::apply_here(Self self, Report report) {
  std::size_t waits = 0;
  for (int round = 0; round < kRounds;) {
    auto loaded = co_await load(self, &report.name);
    if (*self->stopped_) co_return fail(stopping());
    if (!loaded) {
      const auto code = loaded.error().code;
      if (code != ErrorCode::not_found && code != ErrorCode::corrupt) co_return fail(loaded.error());
      self->metrics_.unknown_report();
      co_return Expected<void>();
    }
    auto& delivery = loaded->delivery;
    if (!self->may_report(delivery, report.reporters)) {
      self->metrics_.report("stranger");
      log::event(catalog::kReportOfStranger, {{"push", delivery.push},
                                              {"recipient", log::identity(delivery.address)},
                                              {"reporter", log::identity(report.reporters.front())}});
      co_return Expected<void>();
    }
    if (delivery.status == Status::sending && waits < kForTheAnswer.size()) {
      const auto pause = kForTheAnswer.at(waits++);
      co_await sleep_for(pause);
      if (*self->stopped_) co_return fail(stopping());
      continue;
    }
    const auto now = self->context_.clock().wall();
    const bool was_final = delivery.final();
    const auto effect = apply_report(delivery, loaded->job, report.notice, now);
    if (awaits_report(delivery) && !delivery.report_due) {
      delivery.report_due = report_due(loaded->job, *self->context_.config<PushConfig>(), now);
    }
    if (effect.changed) {
      const auto committed = co_await commit_delivery(self->writer_, &loaded->job, &delivery, Durability::durable);
      if (*self->stopped_) co_return fail(stopping());
      if (!committed && committed.error().code == ErrorCode::conflict) {
        ++round;
        continue;
      }
      if (!committed) {
        self->metrics_.store_failure("report");
        co_return fail(committed.error());
      }
      self->saved(*loaded, was_final);
    }
    self->metrics_.report(to_string(effect.kind));
    const std::string cause = cause_of(report.notice);
    if (effect.alarm) log::event(catalog::kReportOfError, {{"push", delivery.push}, {"cause", cause}});
    if (effect.kind == ReportEffect::Kind::contradicting) {
      log::event(catalog::kReportContradicts,
                 {{"push", delivery.push}, {"cause", cause}, {"status", to_string(delivery.status)}});
    }
    log::debug("report", {{"trace", loaded->job.trace},
                          {"push", delivery.push},
                          {"cause", cause},
                          {"effect", to_string(effect.kind)},
                          {"status", to_string(delivery.status)}});
    co_return Expected<void>();
  }
  co_return fail(ErrorCode::busy, "the delivery changes all the time");
}

void ReportDesk::saved(const Loaded& loaded, bool was_final) {
  const auto& delivery = loaded.delivery;
  if (was_final) return;
  give_up_(canonical_identity(delivery.address), delivery.push, delivery.index);
  if (!delivery.final()) return;
  metrics_.finished(delivery, context_.clock().wall());
  if (!log::enabled(log::Level::info)) return;
  log::info("push finished", {{"trace", loaded.job.trace},
                              {"push", delivery.push},
                              {"recipient", log::identity(delivery.address)},
                              {"status", to_string(delivery.status)},
                              {"code", delivery.code},
                              {"cause", delivery.cause},
                              {"attempts", delivery.attempts}});
}

// -- what does not come (PS-54)

void ReportDesk::sweep_later() {
  // Close enough: who waits for days does not count seconds.
  const auto pause = std::clamp<Duration>(context_.config<PushConfig>()->report_timeout / 100, std::chrono::seconds(1),
                                          std::chrono::seconds(60));
  sweep_timer_ = context_.executor().timers().start_at(context_.clock().now() + pause, [self = shared_from_this()] {
    self->sweep_timer_ = {};
    if (!*self->stopped_) spawn(sweep(self));
  });
}

Task<void> ReportDesk::sweep(Self self) {
  bool failed = false;
  for (bool more = true; more && !failed;) {
    auto page = co_await self->context_.store().due(std::string(kDeliveryTable), self->context_.clock().wall(), kSweepPage);
    if (*self->stopped_) co_return;
    if (!page) {
      self->metrics_.store_failure("report_sweep");
      log::event(catalog::kReportsNotSwept, {{"cause", page.error().text}});
      break;
    }
    more = page->records.size() == kSweepPage;
    // A page at a time, its records beside each other: they share the store's commits.
    std::vector<Future<bool>> ending;
    for (const auto& record : page->records) {
      const auto delivery = decode_delivery(record);
      if (!delivery) {
        log::event(catalog::kReportsNotSwept, {{"cause", delivery.error().text}});
        failed = true;
        continue;
      }
      auto promise = std::make_shared<Promise<bool>>();
      ending.push_back(promise->future());
      self->end_at_home({delivery->push, delivery->index}, canonical_identity(delivery->address), std::move(promise));
    }
    for (auto& each : ending) {
      const auto ended = co_await each;
      if (*self->stopped_) co_return;
      failed = failed || !ended || !*ended;  // it is still there: the same page again would not help
    }
  }
  self->sweep_later();
}

void ReportDesk::end_at_home(ReportName name, const std::string& user, std::shared_ptr<Promise<bool>> to) {
  const auto home = context_.home_shard(user);
  if (home == context_.shard()) return spawn(answer_end(shared_from_this(), std::move(name), std::move(to)));
  // Not taken: the next sweep finds it again.
  const bool taken = relay_ && relay_(home, [name = std::move(name), to](ReportDesk& desk) mutable {
                       spawn(answer_end(desk.shared_from_this(), std::move(name), std::move(to)));
                     });
  if (!taken) to->set(false);
}

Task<void> ReportDesk::answer_end(Self self, ReportName name, std::shared_ptr<Promise<bool>> to) {
  to->set(co_await end_here(std::move(self), std::move(name)));
}

// True: it is not due any more.
Task<bool> ReportDesk::end_here(Self self, ReportName name) {
  for (int round = 0; round < kRounds; ++round) {
    auto loaded = co_await load(self, &name);
    if (*self->stopped_ || !loaded) co_return false;
    auto& delivery = loaded->delivery;
    const auto now = self->context_.clock().wall();
    if (!awaits_report(delivery) || !delivery.report_due || *delivery.report_due > now) co_return true;
    end_without_report(delivery, loaded->job, now);
    const auto committed = co_await commit_delivery(self->writer_, &loaded->job, &delivery, Durability::durable);
    if (*self->stopped_) co_return false;
    if (committed) {
      self->metrics_.report("missing");
      self->saved(*loaded, false);
      co_return true;
    }
    if (committed.error().code != ErrorCode::conflict) {
      self->metrics_.store_failure("report_sweep");
      co_return false;
    }
  }
  co_return false;
}

}  // namespace herald::push
