// Numbers of fields are for ever: never reuse one.
#include "event/subscription_record.h"

#include <cmath>

#include "herald/record.h"

namespace herald::event {
namespace {

constexpr std::uint16_t kSchema = 1;
enum Tag : FieldTag {
  kDialog = 1,  // dialog_record.cpp
  kPackage = 2,
  kEventId = 3,
  kResource = 4,
  kKey = 5,
  kSubscriber = 6,
  kAttributes = 7,
  kAccept = 8,   // repeated
  kMaxRate = 9,  // in 1e-10 per second
  kMinRate = 10,
  kAdaptiveMinRate = 11,
  kStatus = 12,
  kCreated = 13,
  kExpires = 14,
  kIcid = 15,
  kReason = 16,
  kRetryAfter = 17,
  kBySubscriber = 18,
  kEventParams = 19,  // ";appid=news.ua"
  kHighest = kEventParams,
};

constexpr double kRateUnits = 1e10;

std::string text(const RecordReader& reader, FieldTag tag) { return std::string(reader.text(tag).value_or("")); }

void optional_text(RecordWriter& writer, FieldTag tag, const std::string& value) {
  if (!value.empty()) writer.text(tag, value);
}

void write_rate(RecordWriter& writer, FieldTag tag, const std::optional<double>& rate) {
  if (rate) writer.number(tag, std::llround(*rate * kRateUnits));
}

std::optional<double> read_rate(const RecordReader& reader, FieldTag tag) {
  const auto units = reader.number(tag);
  if (!units || *units <= 0) return std::nullopt;
  return static_cast<double>(*units) / kRateUnits;
}

}  // namespace

std::string encode(const Subscription& subscription) {
  const auto& info = subscription.info;
  RecordWriter writer(kSchema);
  writer.text(kPackage, info.package).text(kResource, info.resource).text(kKey, info.key);
  writer.text(kDialog, dialog::encode(subscription.dialog));
  optional_text(writer, kEventId, info.event_id);
  optional_text(writer, kSubscriber, info.subscriber);
  optional_text(writer, kAttributes, info.attributes);
  for (const auto& range : info.accept) writer.text(kAccept, range);
  write_rate(writer, kMaxRate, info.rates.max_rate);
  write_rate(writer, kMinRate, info.rates.min_rate);
  write_rate(writer, kAdaptiveMinRate, info.rates.adaptive_min_rate);
  writer.number(kStatus, static_cast<std::int64_t>(info.status));
  writer.time(kCreated, info.created).time(kExpires, info.expires);
  optional_text(writer, kIcid, subscription.icid);
  optional_text(writer, kEventParams, subscription.event_params);
  if (subscription.reason != EndReason::none) writer.number(kReason, static_cast<std::int64_t>(subscription.reason));
  if (subscription.retry_after) writer.number(kRetryAfter, subscription.retry_after->count());
  if (subscription.by_subscriber) writer.flag(kBySubscriber, true);
  writer.raw(subscription.unknown);
  return writer.take();
}

Expected<Subscription> decode(std::string_view id, std::string_view record) {
  const auto reader = RecordReader::parse(record);
  if (!reader) return fail(reader.error());
  Subscription subscription;
  auto& info = subscription.info;
  info.id = std::string(id);
  info.package = text(*reader, kPackage);
  info.resource = text(*reader, kResource);
  const auto expires = reader->time(kExpires);  // always written, and late: a record cut short lacks it
  if (info.package.empty() || info.resource.empty() || !expires) {
    return fail(ErrorCode::corrupt, "subscription record without package, resource or expiry");
  }
  auto dialog = dialog::decode(reader->text(kDialog).value_or(""));
  if (!dialog) return fail(std::move(dialog.error()));
  subscription.dialog = std::move(*dialog);
  info.event_id = text(*reader, kEventId);
  info.key = text(*reader, kKey);
  info.subscriber = text(*reader, kSubscriber);
  info.contact = subscription.dialog.remote_target;
  info.attributes = text(*reader, kAttributes);
  for (const auto range : reader->texts(kAccept)) info.accept.emplace_back(range);
  info.rates.max_rate = read_rate(*reader, kMaxRate);
  info.rates.min_rate = read_rate(*reader, kMinRate);
  info.rates.adaptive_min_rate = read_rate(*reader, kAdaptiveMinRate);
  const auto status = reader->number(kStatus).value_or(-1);
  if (status < 0 || status > static_cast<std::int64_t>(SubscriptionStatus::terminated)) {
    return fail(ErrorCode::corrupt, "subscription record: unknown status");
  }
  info.status = static_cast<SubscriptionStatus>(status);
  info.created = reader->time(kCreated).value_or(WallTime{});
  info.expires = *expires;
  subscription.icid = text(*reader, kIcid);
  subscription.event_params = text(*reader, kEventParams);
  const auto reason = reader->number(kReason).value_or(0);
  if (reason < 0 || reason > static_cast<std::int64_t>(EndReason::invariant)) {
    return fail(ErrorCode::corrupt, "subscription record: unknown reason");
  }
  subscription.reason = static_cast<EndReason>(reason);
  if (const auto wait = reader->number(kRetryAfter)) subscription.retry_after = std::chrono::seconds(*wait);
  subscription.by_subscriber = reader->flag(kBySubscriber);
  subscription.unknown = reader->unknown(kHighest);
  return subscription;
}

bool peek(std::string_view record, SubscriptionKey& key) {
  const auto reader = RecordReader::parse(record);
  if (!reader) return false;
  key = {reader->text(kPackage).value_or(""), reader->text(kResource).value_or(""), reader->text(kKey).value_or("")};
  return true;
}

bool is_dialog(std::string_view record, std::string_view call_id, std::string_view local_tag, std::string_view remote_tag) {
  const auto reader = RecordReader::parse(record);
  if (!reader) return false;
  const auto dialog = dialog::decode(reader->text(kDialog).value_or(""));
  return dialog && dialog->call_id == call_id && dialog->local_tag == local_tag && dialog->remote_tag == remote_tag;
}

}  // namespace herald::event
