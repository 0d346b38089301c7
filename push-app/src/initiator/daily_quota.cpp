#include "initiator/daily_quota.h"

#include <algorithm>
#include <utility>

#include "herald/record.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

constexpr std::uint16_t kSchema = 1;
constexpr FieldTag kUsed = 1;

std::string day_of(WallTime now) { return to_rfc3339(now).substr(0, 10); }

WallTime next_day(WallTime now) {
  return std::chrono::time_point_cast<WallTime::duration>(std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1));
}

}  // namespace

Task<Checked<void>> DailyQuota::take(DailyQuota* self, Store* store, std::string initiator, std::uint32_t most,
                                     std::size_t recipients, WallTime now) {
  const auto day = day_of(now);
  if (self->counts_[initiator].day != day) {
    Key key{std::string(kQuotaTable), initiator, day};
    const auto record = co_await store->get(std::move(key));
    std::uint64_t used = 0;
    if (record) {
      const auto reader = RecordReader::parse(record->value);
      if (reader) used = static_cast<std::uint64_t>(reader->number(kUsed).value_or(0));
    } else if (record.error().code != ErrorCode::not_found) {
      co_return tl::unexpected(problem_of(record.error()));
    }
    auto& count = self->counts_[initiator];
    if (count.day != day) count = {day, used, next_day(now) + std::chrono::hours(24)};  // another one may have been faster
  }
  auto& count = self->counts_[initiator];
  if (count.used + recipients > most) {
    Problem problem{429, 4001, "more than " + std::to_string(most) + " recipients today"};
    problem.retry_after = std::chrono::ceil<std::chrono::seconds>(next_day(now) - now);
    co_return tl::unexpected(problem);
  }
  count.used += recipients;
  co_return Checked<void>();
}

void DailyQuota::add_to(Batch& batch, const std::string& initiator) const {
  const auto found = counts_.find(initiator);
  if (found == counts_.end()) return;
  RecordWriter writer(kSchema);
  writer.number(kUsed, static_cast<std::int64_t>(found->second.used));
  Put put;
  put.key = {std::string(kQuotaTable), initiator, found->second.day};
  put.value = writer.take();
  put.due = found->second.forget_at;
  batch.puts.push_back(std::move(put));
}

void DailyQuota::give_back(const std::string& initiator, std::size_t recipients) {
  const auto found = counts_.find(initiator);
  if (found != counts_.end()) found->second.used -= std::min<std::uint64_t>(found->second.used, recipients);
}

}  // namespace herald::push
