#include "job/push_records.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sstream>
#include <utility>

#include "herald/record.h"
#include "herald/sip_uri.h"

namespace herald::push {
namespace {

constexpr std::uint16_t kSchema = 1;

namespace job_tag {
constexpr FieldTag kCreated = 1, kInitiator = 2, kSender = 3, kApplication = 4, kContentType = 5, kContentBytes = 6, kReport = 7,
                   kPriority = 8, kDeliverAfter = 9, kDeliverBefore = 10, kExpires = 11, kTrace = 12, kRecipients = 13,
                   kMode = 14, kAnonymous = 15, kContentBlob = 16, kContentHeaders = 17, kReportIfPossible = 18, kDevices = 19,
                   kExcluded = 20, kCallbackForm = 21, kCallback = 22, kExternalId = 23, kExternalInfo = 24, kReplaces = 25;
constexpr FieldTag kHighest = kReplaces;
}  // namespace job_tag

namespace delivery_tag {
constexpr FieldTag kAddress = 1, kStatus = 2, kCode = 3, kCause = 4, kDetail = 5, kMode = 6, kAttempts = 7, kUnknownOutcomes = 8,
                   kRestarts = 9, kFixes = 10, kContent = 11, kRedirected = 12, kCancelRequested = 13, kCreated = 14,
                   kUpdated = 15, kStarted = 16, kRetryAt = 17, kHistory = 18, kExpires = 19, kPriority = 20, kNegotiations = 21,
                   kGiven = 22, kEvidence = 23, kReportDue = 24, kLateReport = 25;
constexpr FieldTag kHighest = kLateReport;
}  // namespace delivery_tag

Unexpected corrupt(const Record& record, std::string_view what) {
  return fail(ErrorCode::corrupt, record.key.table + " " + record.key.partition + "/" + record.key.id + ": " + std::string(what));
}

template <class Enum>
std::optional<Enum> to_enum(std::int64_t number, Enum highest) {
  if (number < 0 || number > static_cast<std::int64_t>(highest)) return std::nullopt;
  return static_cast<Enum>(number);
}

std::uint16_t small(const RecordReader& reader, FieldTag tag) {
  return static_cast<std::uint16_t>(reader.number(tag).value_or(0));
}

// "milliseconds status attempt cause"
std::string encode_transition(const Transition& transition) {
  return std::to_string(transition.at.time_since_epoch().count()) + ' ' +
         std::to_string(static_cast<unsigned>(transition.status)) + ' ' + std::to_string(transition.attempt) + ' ' +
         transition.cause;
}

std::optional<Transition> decode_transition(std::string_view text) {
  long long at = 0;
  unsigned status = 0;
  unsigned attempt = 0;
  int used = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%lld %u %u %n", &at, &status, &attempt, &used) != 3) return std::nullopt;
  const auto known = to_enum(status, Status::unknown);
  if (!known || used <= 0 || static_cast<std::size_t>(used) > copy.size()) return std::nullopt;
  return Transition{WallTime(std::chrono::milliseconds(at)), *known, static_cast<std::uint16_t>(attempt),
                    copy.substr(static_cast<std::size_t>(used))};
}

// "id size sha1 sha256"
std::string encode_blob(const BlobInfo& blob) {
  return blob.id + ' ' + std::to_string(blob.size) + ' ' + blob.sha1 + ' ' + blob.sha256;
}

std::optional<BlobInfo> decode_blob(std::string_view text) {
  BlobInfo blob;
  std::istringstream words{std::string(text)};
  if (!(words >> blob.id >> blob.size >> blob.sha1 >> blob.sha256)) return std::nullopt;
  return blob;
}

// One "name: value" a line; neither holds a line break (submissions with one are refused).
std::string encode_headers(const std::vector<EntityHeader>& headers) {
  std::string text;
  for (const auto& header : headers) text += header.name + ": " + header.value + '\n';
  return text;
}

std::vector<EntityHeader> decode_headers(std::string_view text) {
  std::vector<EntityHeader> headers;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    if (const auto colon = line.find(": "); colon != std::string_view::npos) {
      headers.push_back({std::string(line.substr(0, colon)), std::string(line.substr(colon + 2))});
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return headers;
}

// Clients number or date their names: kept as they are, neighbours in time stay neighbours in the index, which a digest would
// scatter over its pages. What is long or holds anything odd is digested.
std::string name_id(std::string_view name) {
  constexpr std::size_t kLongest = 100;
  const bool plain = name.size() <= kLongest && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F; });
  return plain ? "=" + std::string(name) : digest(name);
}

}  // namespace

std::string digest(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> sum{};
  static const auto* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // SHA256() would look it up each time
  EVP_Digest(bytes.data(), bytes.size(), sum.data(), nullptr, sha256, nullptr);
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text;
  text.reserve(sum.size() * 2);
  for (const auto byte : sum) {
    text += hex[byte >> 4U];
    text += hex[byte & 15U];
  }
  return text;
}

Key push_key(std::string_view id) { return Key{std::string(kPushTable), std::string(id), std::string(id)}; }

Key delivery_key(std::string_view push, std::uint32_t index) {
  const auto number = std::to_string(index);
  auto id = std::string(push);
  if (number.size() < 6) id.append(6 - number.size(), '0');
  return Key{std::string(kDeliveryTable), std::string(push), id + number};
}

Key idempotency_key(std::string_view initiator, std::string_view client_key) {
  return Key{std::string(kIdempotencyTable), std::string(initiator_or_operator(initiator)), name_id(client_key)};
}

Key external_key(std::string_view initiator, std::string_view external_id) {
  return Key{std::string(kExternalTable), std::string(initiator_or_operator(initiator)), name_id(external_id)};
}

Key staging_key(std::string_view id) { return Key{std::string(kStagingTable), std::string(id), std::string(id)}; }

std::string_view initiator_or_operator(std::string_view initiator) noexcept {
  return initiator.empty() ? "@operator" : initiator;
}
std::string initiator_term(std::string_view initiator) { return "i=" + std::string(initiator_or_operator(initiator)); }
std::string user_term(std::string_view canonical_user) { return "a=" + std::string(canonical_user); }

std::string encode(const PushJob& job) {
  using namespace job_tag;
  RecordWriter writer(kSchema);
  writer.time(kCreated, job.created)
      .text(kInitiator, job.initiator)
      .text(kSender, job.sender)
      .text(kApplication, job.application);
  for (const auto& content : job.contents) {
    writer.text(kContentType, content.type)
        .text(kContentBytes, content.bytes)
        .text(kContentBlob, content.blob ? encode_blob(*content.blob) : std::string())
        .text(kContentHeaders, encode_headers(content.headers));
  }
  writer.number(kReport, static_cast<int>(job.report)).number(kPriority, static_cast<int>(job.priority));
  if (job.deliver_after) writer.time(kDeliverAfter, *job.deliver_after);
  if (job.deliver_before) writer.time(kDeliverBefore, *job.deliver_before);
  writer.time(kExpires, job.expires).text(kTrace, job.trace).number(kRecipients, job.recipients);
  if (job.mode) writer.number(kMode, static_cast<int>(*job.mode));
  if (job.anonymous) writer.flag(kAnonymous, true);
  if (job.report_if_possible) writer.flag(kReportIfPossible, true);
  if (job.devices != Devices::any) writer.number(kDevices, static_cast<int>(job.devices));
  for (const auto& feature : job.excluded) writer.text(kExcluded, feature);
  if (job.callback_form != CallbackForm::none) {
    writer.number(kCallbackForm, static_cast<int>(job.callback_form)).text(kCallback, job.callback);
  }
  if (!job.external_id.empty()) writer.text(kExternalId, job.external_id);
  if (!job.external_info.empty()) writer.text(kExternalInfo, job.external_info);
  if (!job.replaces.empty()) writer.text(kReplaces, job.replaces);
  writer.raw(job.unknown_fields);
  return writer.take();
}

Expected<PushJob> decode_push(const Record& record) {
  using namespace job_tag;
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  PushJob job;
  job.id = record.key.id;
  const auto created = reader->time(kCreated);
  const auto expires = reader->time(kExpires);
  const auto sender = reader->text(kSender);
  const auto application = reader->text(kApplication);
  const auto types = reader->texts(kContentType);
  const auto bytes = reader->texts(kContentBytes);
  if (!created || !expires || !sender || !application) return corrupt(record, "a field is missing");
  if (types.empty() || types.size() != bytes.size()) return corrupt(record, "content without type or type without content");
  job.created = *created;
  job.expires = *expires;
  job.sender = *sender;
  job.application = *application;
  job.initiator = reader->text(kInitiator).value_or("");
  job.trace = reader->text(kTrace).value_or("");
  const auto blobs = reader->texts(kContentBlob);
  const auto headers = reader->texts(kContentHeaders);
  for (std::size_t i = 0; i < types.size(); ++i) {
    Content content{std::string(types[i]), std::string(bytes[i])};
    if (i < blobs.size() && !blobs[i].empty()) {
      content.blob = decode_blob(blobs[i]);
      if (!content.blob) return corrupt(record, "a blob without id, size or digest");
    }
    if (i < headers.size()) content.headers = decode_headers(headers[i]);
    job.contents.push_back(std::move(content));
  }
  const auto report = to_enum(reader->number(kReport).value_or(1), Report::display);
  const auto priority = to_enum(reader->number(kPriority).value_or(1), Priority::high);
  // A newer version may know more reports; the proof we can give is then the best there is.
  job.report = report.value_or(Report::network);
  job.priority = priority.value_or(Priority::medium);
  job.deliver_after = reader->time(kDeliverAfter);
  job.deliver_before = reader->time(kDeliverBefore);
  job.recipients = static_cast<std::uint32_t>(reader->number(kRecipients).value_or(0));
  if (const auto mode = reader->number(kMode)) job.mode = to_enum(*mode, Mode::indirection);
  job.anonymous = reader->flag(kAnonymous);
  job.report_if_possible = reader->flag(kReportIfPossible);
  job.devices = to_enum(reader->number(kDevices).value_or(0), Devices::all).value_or(Devices::any);
  for (const auto feature : reader->texts(kExcluded)) job.excluded.emplace_back(feature);
  job.callback_form = to_enum(reader->number(kCallbackForm).value_or(0), CallbackForm::pap).value_or(CallbackForm::none);
  job.callback = reader->text(kCallback).value_or("");
  job.external_id = reader->text(kExternalId).value_or("");
  job.external_info = reader->text(kExternalInfo).value_or("");
  job.replaces = reader->text(kReplaces).value_or("");
  job.unknown_fields = reader->unknown(kHighest);
  return job;
}

std::string encode(const Delivery& delivery) {
  using namespace delivery_tag;
  RecordWriter writer(kSchema);
  writer.text(kAddress, delivery.address)
      .number(kStatus, static_cast<int>(delivery.status))
      .number(kCode, delivery.code)
      .time(kCreated, delivery.created)
      .time(kUpdated, delivery.updated)
      .time(kExpires, delivery.expires);
  // Absent means zero or empty: a hundred thousand waiting deliveries pay for every field.
  if (delivery.priority != Priority::medium) writer.number(kPriority, static_cast<int>(delivery.priority));
  if (!delivery.cause.empty()) writer.text(kCause, delivery.cause);
  if (!delivery.detail.empty()) writer.text(kDetail, delivery.detail);
  if (delivery.mode) writer.number(kMode, static_cast<int>(*delivery.mode));
  if (delivery.attempts != 0) writer.number(kAttempts, delivery.attempts);
  if (delivery.unknown_outcomes != 0) writer.number(kUnknownOutcomes, delivery.unknown_outcomes);
  if (delivery.restarts != 0) writer.number(kRestarts, delivery.restarts);
  if (delivery.fixes != 0) writer.number(kFixes, delivery.fixes);
  if (delivery.content != 0) writer.number(kContent, delivery.content);
  if (delivery.negotiations != 0) writer.number(kNegotiations, delivery.negotiations);
  if (!delivery.redirected.empty()) writer.text(kRedirected, delivery.redirected);
  if (delivery.cancel_requested) writer.flag(kCancelRequested, true);
  if (!delivery.given.empty()) writer.text(kGiven, delivery.given);
  if (delivery.evidence != Evidence::none) writer.number(kEvidence, static_cast<int>(delivery.evidence));
  if (delivery.report_due) writer.time(kReportDue, *delivery.report_due);
  if (!delivery.late_report.empty()) writer.text(kLateReport, delivery.late_report);
  if (delivery.attempts != 0) writer.time(kStarted, delivery.started);
  if (delivery.retry_at) writer.time(kRetryAt, *delivery.retry_at);
  for (const auto& transition : delivery.history) writer.text(kHistory, encode_transition(transition));
  writer.raw(delivery.unknown_fields);
  return writer.take();
}

Expected<Delivery> decode_delivery(const Record& record) {
  using namespace delivery_tag;
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  Delivery delivery;
  const auto address = reader->text(kAddress);
  const auto number = reader->number(kStatus);
  const auto status = number ? to_enum(*number, Status::unknown) : std::nullopt;
  const auto expires = reader->time(kExpires);
  if (!address || !status || !expires) return corrupt(record, "no address, no expiry or no known status");
  unsigned index = 0;
  const auto& id = record.key.id;
  if (id.size() < 6 || std::sscanf(id.c_str() + id.size() - 6, "%u", &index) != 1) return corrupt(record, "bad recipient number");
  delivery.push = record.key.partition;
  delivery.index = index;
  delivery.address = *address;
  delivery.status = *status;
  delivery.expires = *expires;
  delivery.priority = to_enum(reader->number(kPriority).value_or(1), Priority::high).value_or(Priority::medium);
  delivery.code = static_cast<int>(reader->number(kCode).value_or(1001));
  delivery.cause = reader->text(kCause).value_or("");
  delivery.detail = reader->text(kDetail).value_or("");
  if (const auto mode = reader->number(kMode)) delivery.mode = to_enum(*mode, Mode::indirection);
  delivery.attempts = small(*reader, kAttempts);
  delivery.unknown_outcomes = small(*reader, kUnknownOutcomes);
  delivery.restarts = small(*reader, kRestarts);
  delivery.fixes = static_cast<std::uint8_t>(small(*reader, kFixes));
  delivery.content = static_cast<std::uint8_t>(small(*reader, kContent));
  delivery.negotiations = static_cast<std::uint8_t>(small(*reader, kNegotiations));
  delivery.redirected = reader->text(kRedirected).value_or("");
  delivery.cancel_requested = reader->flag(kCancelRequested);
  delivery.given = reader->text(kGiven).value_or("");
  delivery.evidence = to_enum(reader->number(kEvidence).value_or(0), Evidence::receiver).value_or(Evidence::none);
  delivery.report_due = reader->time(kReportDue);
  delivery.late_report = reader->text(kLateReport).value_or("");
  delivery.created = reader->time(kCreated).value_or(WallTime{});
  delivery.updated = reader->time(kUpdated).value_or(WallTime{});
  delivery.started = reader->time(kStarted).value_or(WallTime{});
  delivery.retry_at = reader->time(kRetryAt);
  for (const auto line : reader->texts(kHistory)) {
    if (auto transition = decode_transition(line)) delivery.history.push_back(std::move(*transition));
  }
  delivery.unknown_fields = reader->unknown(kHighest);
  delivery.version = record.version;
  delivery.stored = delivery.status;
  return delivery;
}

namespace {
constexpr FieldTag kEntryPush = 1, kEntryDigest = 2, kEntryAccepted = 3;
}

std::string encode(const IdempotencyEntry& entry) {
  RecordWriter writer(kSchema);
  writer.text(kEntryPush, entry.push).text(kEntryDigest, entry.body_digest).time(kEntryAccepted, entry.accepted);
  return writer.take();
}

Expected<IdempotencyEntry> decode_idempotency(const Record& record) {
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  const auto push = reader->text(kEntryPush);
  const auto body = reader->text(kEntryDigest);
  if (!push || !body) return corrupt(record, "a field is missing");
  return IdempotencyEntry{std::string(*push), std::string(*body), reader->time(kEntryAccepted).value_or(WallTime{})};
}

namespace {
namespace acceptance_tag {
constexpr FieldTag kJob = 1, kPurgeAt = 2, kIdempotency = 3, kForgetAt = 4, kBody = 5, kPendingOnly = 6, kDecided = 7;
}
}  // namespace

std::string encode(const Acceptance& acceptance) {
  using namespace acceptance_tag;
  RecordWriter writer(kSchema);
  writer.text(kJob, encode(acceptance.job)).time(kPurgeAt, acceptance.purge_at).text(kBody, acceptance.body_digest);
  if (!acceptance.idempotency.empty()) {
    writer.text(kIdempotency, acceptance.idempotency).time(kForgetAt, acceptance.forget_at);
  }
  if (acceptance.pending_only) writer.flag(kPendingOnly, true);
  if (acceptance.decided) writer.flag(kDecided, true);
  return writer.take();
}

Expected<Acceptance> decode_acceptance(const Record& record) {
  using namespace acceptance_tag;
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  const auto bytes = reader->text(kJob);
  const auto purge_at = reader->time(kPurgeAt);
  if (!bytes || !purge_at) return corrupt(record, "a field is missing");
  Record inner;
  inner.key = push_key(record.key.id);
  inner.value = std::string(*bytes);
  auto job = decode_push(inner);
  if (!job) return fail(job.error());
  Acceptance acceptance;
  acceptance.job = std::move(*job);
  acceptance.purge_at = *purge_at;
  acceptance.idempotency = reader->text(kIdempotency).value_or("");
  acceptance.forget_at = reader->time(kForgetAt).value_or(WallTime{});
  acceptance.body_digest = reader->text(kBody).value_or("");
  acceptance.pending_only = reader->flag(kPendingOnly);
  acceptance.decided = reader->flag(kDecided);
  return acceptance;
}

Put staging_put_of(const Acceptance& acceptance) {
  Put put;
  put.key = staging_key(acceptance.job.id);
  put.value = encode(acceptance);
  put.due = acceptance.job.created;
  return put;
}

void add_names(Batch& batch, const Acceptance& acceptance) {
  const auto& job = acceptance.job;
  const IdempotencyEntry entry{job.id, acceptance.body_digest, job.created};
  if (!acceptance.idempotency.empty()) {
    Key key{std::string(kIdempotencyTable), std::string(initiator_or_operator(job.initiator)), acceptance.idempotency};
    batch.puts.push_back(put_of(entry, std::move(key), acceptance.forget_at));
  }
  if (!job.external_id.empty()) {
    batch.puts.push_back(put_of(entry, external_key(job.initiator, job.external_id), acceptance.purge_at));
  }
}

Put put_of(const PushJob& job, WallTime purge_at) {
  Put put;
  put.key = push_key(job.id);
  put.value = encode(job);
  put.expected = 0;
  put.due = purge_at;
  put.terms.push_back(initiator_term(job.initiator));
  return put;
}

Put put_of(const IdempotencyEntry& entry, Key key, WallTime forget_at) {
  Put put;
  put.key = std::move(key);
  put.value = encode(entry);
  put.expected = 0;  // two at once: one of them loses and reads the other's answer
  put.due = forget_at;
  return put;
}

Put first_put_of(const Delivery& delivery) {
  Put put;
  put.key = delivery_key(delivery.push, delivery.index);
  put.value = encode(delivery);
  put.expected = 0;
  put.terms.push_back(user_term(canonical_identity(delivery.address)));
  if (!delivery.final()) put.terms.emplace_back(kOpenTerm);
  return put;
}

Put next_put_of(const Delivery& delivery) {
  Put put;
  put.key = delivery_key(delivery.push, delivery.index);
  put.value = encode(delivery);
  put.expected = delivery.version;
  // One that only waits for a report costs no memory and no start: the due index wakes it (PS-54).
  const bool waits_for_report = delivery.status == Status::network_accepted && delivery.report_due;
  if (waits_for_report) put.due = delivery.report_due;
  if (delivery.final() || waits_for_report) {
    put.terms.push_back(user_term(canonical_identity(delivery.address)));  // "open" goes
  } else {
    put.keep_terms = true;
  }
  return put;
}

}  // namespace herald::push
