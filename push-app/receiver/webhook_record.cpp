#include "webhook_record.h"

#include <algorithm>

#include "hashes.h"
#include "herald/record.h"

namespace herald::receiver {
namespace {

constexpr std::uint16_t kSchema = 1;
constexpr FieldTag kState = 1, kAttempts = 2, kCreated = 3, kApp = 4, kType = 5, kFrom = 6, kId = 7, kMode = 8, kExpired = 9,
                   kBody = 10, kUrl = 11, kSize = 12, kHash = 13, kExpiration = 14, kInnerType = 15, kReportId = 16,
                   kReportFrom = 17, kReportTo = 18, kReportKinds = 19, kReference = 20;

std::string text_of(const RecordReader& reader, FieldTag tag) { return std::string(reader.text(tag).value_or("")); }

void write_report_request(RecordWriter& writer, const ReportRequest& report) {
  if (report.message_id.empty()) return;
  const int kinds = (report.delivered ? 1 : 0) | (report.failed ? 2 : 0) | (report.displayed ? 4 : 0);
  writer.text(kReportId, report.message_id).text(kReportFrom, report.from).text(kReportTo, report.to).number(kReportKinds, kinds);
}

ReportRequest read_report_request(const RecordReader& reader) {
  ReportRequest report;
  report.message_id = text_of(reader, kReportId);
  report.from = text_of(reader, kReportFrom);
  report.to = text_of(reader, kReportTo);
  const auto kinds = reader.number(kReportKinds).value_or(0);
  report.delivered = (kinds & 1) != 0;
  report.failed = (kinds & 2) != 0;
  report.displayed = (kinds & 4) != 0;
  return report;
}

void write_reference(RecordWriter& writer, const ExternalBody& reference) {
  writer.flag(kReference, true).text(kUrl, reference.url).text(kHash, reference.hash).text(kInnerType, reference.type);
  if (reference.size) writer.number(kSize, static_cast<std::int64_t>(*reference.size));
  if (reference.expiration) writer.time(kExpiration, *reference.expiration);
}

ExternalBody read_reference(const RecordReader& reader) {
  ExternalBody reference;
  reference.url = text_of(reader, kUrl);
  reference.hash = text_of(reader, kHash);
  reference.type = text_of(reader, kInnerType);
  if (const auto size = reader.number(kSize)) reference.size = static_cast<std::uint64_t>(*size);
  reference.expiration = reader.time(kExpiration);
  return reference;
}

}  // namespace

Key webhook_key(const std::string& thing, const std::string& push) { return Key{kWebhookTable, thing, sha1_hex(push)}; }

Put put_of(const WebhookEntry& entry, Version expected) {
  RecordWriter writer(kSchema);
  writer.number(kState, static_cast<int>(entry.state)).number(kAttempts, entry.attempts).time(kCreated, entry.created);
  const auto& push = entry.item.push;
  writer.text(kId, push.id);
  if (entry.state == WebhookEntry::State::waiting) {
    writer.text(kApp, push.app).text(kType, push.type).text(kFrom, push.from).text(kMode, push.mode).flag(kExpired, push.expired);
    writer.text(kBody, entry.item.body);
    if (entry.item.reference) write_reference(writer, *entry.item.reference);
    write_report_request(writer, entry.item.report);
  }
  Put put;
  put.key = webhook_key(entry.thing, push.id);
  put.value = writer.take();
  put.expected = expected;
  put.due = entry.due;
  if (entry.state == WebhookEntry::State::waiting) put.terms.emplace_back(kWaitingTerm);
  return put;
}

Expected<WebhookEntry> decode_webhook(const Record& record) {
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  const auto state = reader->number(kState).value_or(-1);
  if (state < 0 || state > 2) return fail(ErrorCode::corrupt, "webhook " + record.key.id + ": no known state");
  WebhookEntry entry;
  entry.thing = record.key.partition;
  entry.state = static_cast<WebhookEntry::State>(state);
  entry.attempts = static_cast<unsigned>(reader->number(kAttempts).value_or(0));
  entry.created = reader->time(kCreated).value_or(WallTime{});
  entry.due = record.due.value_or(WallTime{});
  entry.version = record.version;
  auto& push = entry.item.push;
  push.id = text_of(*reader, kId);
  push.app = text_of(*reader, kApp);
  push.type = text_of(*reader, kType);
  push.from = text_of(*reader, kFrom);
  push.mode = text_of(*reader, kMode);
  push.expired = reader->flag(kExpired);
  entry.item.body = text_of(*reader, kBody);
  if (reader->flag(kReference)) {
    entry.item.reference = read_reference(*reader);
    push.url = entry.item.reference->url;
  }
  entry.item.report = read_report_request(*reader);
  return entry;
}

std::optional<WallTime> next_attempt(const WebhookEntry& entry, const WebhookRules& rules, WallTime now,
                                     std::optional<Duration> told, double random) {
  if (entry.attempts >= rules.max_attempts) return std::nullopt;
  auto delay = rules.first_delay;
  for (unsigned i = 1; i < entry.attempts && delay < rules.max_delay; ++i) delay *= 2;
  delay = std::min(delay, rules.max_delay);
  // Spread by up to a quarter, so that a server that comes back is not run over.
  delay += std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(delay.count()) * random / 4));
  if (told) delay = std::max(delay, std::min(std::chrono::ceil<std::chrono::milliseconds>(*told), rules.max_delay));
  const auto due = now + delay;
  if (due >= entry.created + rules.lifetime) return std::nullopt;
  return due;
}

WebhookVerdict verdict_of(int status) noexcept {
  if (status >= 200 && status < 300) return WebhookVerdict::delivered;
  const bool passing = status >= 500 || status == 408 || status == 425 || status == 429 || status == 401 || status == 403 ||
                       status == 404 || (status >= 300 && status < 400);
  // What the server calls wrong with this very content will not be right tomorrow; the rest may be its configuration.
  return passing ? WebhookVerdict::again : WebhookVerdict::refused;
}

}  // namespace herald::receiver
