#include "pushes/push_service.h"

#include <algorithm>
#include <utility>

#include "delivery/devices.h"
#include "herald/record.h"
#include "herald/sip_uri.h"
#include "push_catalog.h"

namespace herald::push {
namespace {

constexpr Duration kOfferAgain = std::chrono::milliseconds(20);
constexpr std::size_t kMaxExternalId = 256;

}  // namespace

PushService::PushService(ServletContext& context, std::shared_ptr<NodeLoad> load, Handover handover, Forget forget,
                         std::shared_ptr<DeliveryObserver> observer, std::shared_ptr<ContentBook> contents)
    : context_(context),
      load_(std::move(load)),
      handover_(std::move(handover)),
      forget_(std::move(forget)),
      writer_{&context.store(), std::move(observer)},
      rates_(context.clock()),
      audit_(context),
      contents_(contents ? std::move(contents) : std::make_shared<ContentBook>(context)) {}

void PushService::start() { spawn(purge(shared_from_this())); }

void PushService::stop() noexcept {
  *stopped_ = true;
  if (offer_timer_) context_.executor().timers().cancel(offer_timer_);
  if (purge_timer_) context_.executor().timers().cancel(purge_timer_);
}

Checked<void> PushService::room_for(std::size_t recipients) const {
  Problem full{503, 4001, {}, std::chrono::seconds(2)};
  if (!context_.accepting()) {
    full.detail = "the node is shutting down";
  } else if (load_->open + recipients > context_.config<PushConfig>()->max_waiting) {
    full.detail = "too many pushes are waiting";
  } else if (!not_taken_.empty()) {
    full.detail = "accepted pushes are still being handed on";
  } else {
    return {};
  }
  return tl::unexpected(full);
}

void PushService::offer_again() {
  offer_timer_ = {};
  std::deque<Waiting> refused;
  while (!not_taken_.empty()) {
    auto next = std::move(not_taken_.front());
    not_taken_.pop_front();
    if (!handover_(next.shard, next.admissions)) refused.push_back(std::move(next));
  }
  if (refused.empty()) return;
  log::event(catalog::kHandoverDelayed, {{"pushes", refused.size()}});
  not_taken_ = std::move(refused);
  const auto again = context_.clock().now() + kOfferAgain;
  offer_timer_ = context_.executor().timers().start_at(again, [self = shared_from_this()] {
    if (!*self->stopped_) self->offer_again();
  });
}

Task<Checked<PushJob>> PushService::find(Self self, std::string id, std::optional<std::string> owner) {
  const auto nothing = Problem{404, 2004, "no such push"};
  if (id.size() > kMaxExternalId || id.empty()) co_return tl::unexpected(nothing);
  auto key = push_key(id);
  auto record = co_await self->context_.store().get(std::move(key));
  if (!record && record.error().code == ErrorCode::not_found) {
    auto name = external_key(owner.value_or(""), id);
    const auto named = co_await self->context_.store().get(std::move(name));
    if (!named) co_return tl::unexpected(problem_of(named.error()));
    const auto entry = decode_idempotency(*named);
    if (!entry) co_return tl::unexpected(problem_of(entry.error()));
    auto again = push_key(entry->push);
    record = co_await self->context_.store().get(std::move(again));
  }
  if (!record) co_return tl::unexpected(problem_of(record.error()));
  auto job = decode_push(*record);
  if (!job) co_return tl::unexpected(problem_of(job.error()));
  // Somebody else's push does not exist.
  if (owner && job->initiator != *owner) co_return tl::unexpected(nothing);
  co_return std::move(*job);
}

Task<Expected<std::vector<Delivery>>> PushService::find_deliveries(Self self, std::string push, std::string user) {
  constexpr std::size_t kPage = 100;
  std::vector<Delivery> found;
  std::string cursor;
  do {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.partition = push;
    scan.term = user_term(user);
    scan.limit = kPage;
    scan.cursor = std::move(cursor);
    const auto page = co_await self->context_.store().scan(std::move(scan));
    if (!page) co_return fail(page.error());
    if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
    for (const auto& record : page->records) {
      auto delivery = decode_delivery(record);
      if (!delivery) co_return fail(delivery.error());
      found.push_back(std::move(*delivery));
    }
    cursor = page->next;
  } while (!cursor.empty());
  co_return found;
}

Task<Expected<std::vector<Delivery>>> PushService::find_named(Self self, std::string push, Recipient recipient) {
  auto found = co_await find_deliveries(self, std::move(push), std::move(recipient.user));
  if (!found || !is_device(recipient.address)) co_return found;
  std::erase_if(*found,
                [&](const Delivery& delivery) { return is_device(delivery.address) && delivery.address != recipient.address; });
  co_return found;
}

Task<Checked<RecipientStates>> PushService::look_up(Self self, std::string id, std::optional<std::string> owner,
                                                    std::vector<Recipient> recipients) {
  if (recipients.size() > kMaxNamed) co_return refuse(400, 2000, "more than " + std::to_string(kMaxNamed) + " addresses at once");
  auto job = co_await find(self, std::move(id), std::move(owner));
  if (!job) co_return tl::unexpected(job.error());
  RecipientStates states;
  states.job = std::move(*job);
  for (auto& recipient : recipients) {
    auto deliveries = co_await find_named(self, states.job.id, recipient);
    if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
    if (!deliveries) co_return tl::unexpected(problem_of(deliveries.error()));
    RecipientState state;
    state.asked = std::move(recipient);
    if (deliveries->empty()) states.recipients.push_back(state);
    for (auto& delivery : *deliveries) {
      state.delivery = std::move(delivery);
      states.recipients.push_back(state);
    }
  }
  co_return states;
}

Task<Checked<PushView>> PushService::view(Self self, std::string id, std::optional<std::string> owner, std::size_t limit,
                                          std::string cursor) {
  auto job = co_await find(self, id, std::move(owner));
  if (!job) co_return tl::unexpected(job.error());
  PushView view;
  view.job = std::move(*job);
  Scan scan;
  scan.table = std::string(kDeliveryTable);
  scan.partition = view.job.id;
  scan.limit = limit;
  scan.cursor = std::move(cursor);
  auto page = co_await self->context_.store().scan(std::move(scan));
  if (!page) {
    if (page.error().code == ErrorCode::invalid) co_return refuse(400, 2000, "cursor: not one of ours");
    co_return tl::unexpected(problem_of(page.error()));
  }
  for (const auto& record : page->records) {
    if (auto delivery = decode_delivery(record)) view.deliveries.push_back(std::move(*delivery));
  }
  view.next = std::move(page->next);
  co_return view;
}

}  // namespace herald::push
