#include "result/result_notice.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "herald/record.h"
#include "job/push_records.h"
#include "result/callback_url.h"

namespace herald::push {
namespace {

constexpr std::uint16_t kSchema = 1;
constexpr FieldTag kState = 1, kHost = 2, kStatus = 3, kCode = 4, kAt = 5, kCreated = 6, kAttempts = 7, kLastAt = 8, kLast = 9;
constexpr FieldTag kHighest = kLast;
constexpr std::array<std::string_view, 4> kStateNames{"pending", "sent", "refused", "dead"};

}  // namespace

std::string ResultNotice::event_id() const { return push + "-" + std::to_string(index); }

std::string_view to_string(ResultNotice::State state) noexcept {
  const auto index = static_cast<std::size_t>(state);
  return index < kStateNames.size() ? kStateNames[index] : "unknown";
}

bool wants_notice(const PushJob& job) noexcept { return job.callback_form != CallbackForm::none && !job.callback.empty(); }

Key report_key(std::string_view push, std::uint32_t index) {
  auto key = delivery_key(push, index);
  key.table = std::string(kReportTable);
  return key;
}

std::string parked_term(std::string_view host) { return "p=" + std::string(host); }

ResultNotice first_notice(const PushJob& job, const Delivery& delivery) {
  ResultNotice notice;
  notice.push = job.id;
  notice.index = delivery.index;
  const auto url = CallbackUrl::parse(job.callback);
  notice.host = url ? url->origin() : "?";  // of the time before a rule: ends as dead, and says so
  notice.status = delivery.status;
  notice.code = delivery.code;
  notice.at = delivery.updated;
  notice.created = delivery.updated;
  notice.due = notice.created;
  return notice;
}

void tell_display(ResultNotice& notice, const Delivery& delivery) {
  notice.status = delivery.status;
  notice.code = delivery.code;
  notice.at = delivery.updated;
  notice.created = delivery.updated;
  notice.due = delivery.updated;
}

Delivery told(const ResultNotice& notice, Delivery delivery) {
  if (delivery.status == notice.status) return delivery;
  delivery.status = notice.status;
  delivery.code = notice.code;
  delivery.updated = notice.at;
  const auto then = std::find_if(delivery.history.begin(), delivery.history.end(), [&](const Transition& transition) {
    return transition.status == notice.status && transition.at == notice.at;
  });
  if (then == delivery.history.end()) return delivery;
  delivery.cause = then->cause;
  delivery.history.erase(then + 1, delivery.history.end());
  return delivery;
}

Expected<ResultNotice> decode_notice(const Record& record) {
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  ResultNotice notice;
  const auto state = reader->number(kState).value_or(-1);
  const auto status = reader->number(kStatus).value_or(-1);
  const auto host = reader->text(kHost);
  unsigned index = 0;
  const auto& id = record.key.id;
  // The delivery's id: that of the push and at least six digits.
  const bool numbered = id.size() >= record.key.partition.size() + 6 && id.starts_with(record.key.partition) &&
                        std::sscanf(id.c_str() + record.key.partition.size(), "%u", &index) == 1;
  if (!host || !numbered || state < 0 || state >= static_cast<std::int64_t>(kStateNames.size()) || status < 0 ||
      status > static_cast<std::int64_t>(Status::unknown)) {
    return fail(ErrorCode::corrupt, "report " + record.key.id + ": no host, state or status");
  }
  notice.push = record.key.partition;
  notice.index = index;
  notice.state = static_cast<ResultNotice::State>(state);
  notice.host = *host;
  notice.status = static_cast<Status>(status);
  notice.code = static_cast<int>(reader->number(kCode).value_or(1000));
  notice.at = reader->time(kAt).value_or(WallTime{});
  notice.created = reader->time(kCreated).value_or(notice.at);
  notice.attempts = static_cast<std::uint16_t>(reader->number(kAttempts).value_or(0));
  notice.last_at = reader->time(kLastAt).value_or(WallTime{});
  notice.last = reader->text(kLast).value_or("");
  notice.due = record.due;
  notice.unknown_fields = reader->unknown(kHighest);
  notice.version = record.version;
  return notice;
}

Put put_of(const ResultNotice& notice) {
  RecordWriter writer(kSchema);
  writer.number(kState, static_cast<int>(notice.state))
      .text(kHost, notice.host)
      .number(kStatus, static_cast<int>(notice.status))
      .number(kCode, notice.code)
      .time(kAt, notice.at)
      .time(kCreated, notice.created);
  if (notice.attempts != 0) writer.number(kAttempts, notice.attempts).time(kLastAt, notice.last_at).text(kLast, notice.last);
  writer.raw(notice.unknown_fields);
  Put put;
  put.key = report_key(notice.push, notice.index);
  put.value = writer.take();
  put.expected = notice.version;
  if (notice.outstanding()) put.due = notice.due;
  if (notice.parked()) put.terms.push_back(parked_term(notice.host));
  return put;
}

Task<std::map<std::uint32_t, ResultNotice>> find_notices(Store* store, const std::vector<Delivery>* deliveries) {
  std::vector<Future<Record>> asked;  // side by side: the store answers them together
  for (const auto& delivery : *deliveries) {
    if (delivery.final()) asked.push_back(store->get(report_key(delivery.push, delivery.index)));
  }
  std::map<std::uint32_t, ResultNotice> notices;
  for (const auto& future : asked) {
    const auto record = co_await future;
    if (!record) continue;
    if (auto notice = decode_notice(*record)) notices.emplace(notice->index, std::move(*notice));
  }
  co_return notices;
}

namespace {
constexpr FieldTag kHostName = 1, kHostFailures = 2;
}

Key callback_host_key(std::string_view name) {
  auto id = digest(name);
  return Key{std::string(kCallbackHostTable), id, id};
}

Expected<CallbackHost> decode_callback_host(const Record& record) {
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  const auto name = reader->text(kHostName);
  if (!name) return fail(ErrorCode::corrupt, "callback_host " + record.key.id + ": no name");
  return CallbackHost{std::string(*name), static_cast<std::uint16_t>(reader->number(kHostFailures).value_or(0))};
}

Put put_of(const CallbackHost& host, WallTime due) {
  RecordWriter writer(kSchema);
  writer.text(kHostName, host.name).number(kHostFailures, host.failures);
  Put put;
  put.key = callback_host_key(host.name);
  put.value = writer.take();
  put.due = due;
  return put;
}

}  // namespace herald::push
