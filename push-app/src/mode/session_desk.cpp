#include "mode/session_desk.h"

#include <algorithm>
#include <utility>

namespace herald::push {

SessionDesk::SessionDesk(ServletContext& context)
    : context_(context),
      running_gauge_(metrics::gauge("herald_push_sessions", "Pushes that use a session just now")),
      waited_(metrics::counter("herald_push_sessions_waited_total",
                               "Pushes that had to wait for one of the sessions there may be")) {}

void SessionDesk::wait(SlotId slot) {
  waited_.add();
  waiting_.push_back(slot);
}

bool SessionDesk::available() const {
  constexpr Duration kAskAgain = std::chrono::minutes(1);  // it may have been busy
  const auto now = context_.clock().now();
  if (there_ || !sessions_.empty()) return true;
  if (asked_ && now - *asked_ < kAskAgain) return false;
  asked_ = now;
  const bool tls = context_.config<PushConfig>()->msrp.tls;
  auto& endpoint = context_.msrp();
  auto session = endpoint.open(tls, MsrpPolicy{});
  there_ = session.has_value() && (!tls || endpoint.has_tls());
  if (session) (*session)->close();
  return there_;
}

Expected<std::shared_ptr<PushSession>> SessionDesk::open() {
  const auto config = context_.config<PushConfig>()->msrp;
  const auto shards = std::max(1U, context_.shard_count());
  if (sessions_.size() >= std::max(1U, config.max_sessions / shards)) return fail(ErrorCode::busy, "as many sessions as may be");
  auto msrp = context_.msrp().open(config.tls, MsrpPolicy{});  // nothing may come in
  if (!msrp) return fail(ErrorCode::busy, msrp.error().text);
  return std::make_shared<PushSession>(context_, std::move(*msrp), config);
}

void SessionDesk::add(const std::string& push, std::uint32_t index, std::shared_ptr<PushSession> session) {
  if (sessions_.insert_or_assign({push, index}, std::move(session)).second) running_gauge_.add(1);
}

void SessionDesk::remove(const std::string& push, std::uint32_t index) {
  if (sessions_.erase({push, index}) > 0) running_gauge_.add(-1);
}

std::shared_ptr<PushSession> SessionDesk::find(const std::string& push, std::uint32_t index) const {
  const auto found = sessions_.find({push, index});
  return found == sessions_.end() ? nullptr : found->second;
}

std::optional<SlotId> SessionDesk::next(const DeliveryQueue& queue) {
  while (!waiting_.empty()) {
    const auto slot = waiting_.front();
    waiting_.pop_front();
    if (queue.alive(slot) && queue.phase(slot) == DeliveryQueue::Phase::parked) return slot;
  }
  return std::nullopt;
}

void SessionDesk::stop() noexcept {
  running_gauge_.add(-static_cast<double>(sessions_.size()));
  for (auto& [key, session] : std::exchange(sessions_, {})) session->stop();
}

}  // namespace herald::push
