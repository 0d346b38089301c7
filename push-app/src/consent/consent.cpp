#include "consent/consent.h"

#include <algorithm>
#include <cctype>

#include "herald/record.h"

namespace herald::push {
namespace {

constexpr std::uint16_t kSchema = 1;
constexpr std::string_view kTable = "consent";

namespace tag {
constexpr FieldTag kNow = 1, kBlocked = 2, kHistory = 3;
constexpr FieldTag kState = 1, kMeans = 2, kWho = 3, kAt = 4, kExpires = 5, kAskAgain = 6, kSender = 7, kDetail = 8;
}  // namespace tag

std::string encode_decision(const ConsentDecision& decision) {
  RecordWriter writer(kSchema);
  writer.number(tag::kState, static_cast<int>(decision.state)).text(tag::kMeans, decision.means).time(tag::kAt, decision.at);
  if (!decision.who.empty()) writer.text(tag::kWho, decision.who);
  if (decision.expires) writer.time(tag::kExpires, *decision.expires);
  if (decision.ask_again) writer.time(tag::kAskAgain, *decision.ask_again);
  if (!decision.sender.empty()) writer.text(tag::kSender, decision.sender);
  if (!decision.detail.empty()) writer.text(tag::kDetail, decision.detail);
  return writer.take();
}

std::optional<ConsentDecision> decode_decision(std::string_view bytes) {
  const auto reader = RecordReader::parse(bytes);
  if (!reader) return std::nullopt;
  const auto state = reader->number(tag::kState);
  const auto at = reader->time(tag::kAt);
  // A state that only a newer version knows must not be guessed.
  if (!state || *state < 0 || *state > static_cast<int>(Consent::revoked) || !at) return std::nullopt;
  ConsentDecision decision;
  decision.state = static_cast<Consent>(*state);
  decision.means = reader->text(tag::kMeans).value_or("");
  decision.who = reader->text(tag::kWho).value_or("");
  decision.at = *at;
  decision.expires = reader->time(tag::kExpires);
  decision.ask_again = reader->time(tag::kAskAgain);
  decision.sender = reader->text(tag::kSender).value_or("");
  decision.detail = reader->text(tag::kDetail).value_or("");
  return decision;
}

}  // namespace

std::string_view to_string(Consent state) noexcept {
  switch (state) {
    case Consent::none:
      return "none";
    case Consent::pending:
      return "pending";
    case Consent::granted:
      return "granted";
    case Consent::denied:
      return "denied";
    case Consent::revoked:
      return "revoked";
  }
  return "none";
}

std::string canonical_application(std::string_view application) {
  std::string text(application);
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Key consent_key(std::string_view user, std::string_view application) {
  return Key{std::string(kTable), std::string(user), canonical_application(application)};
}

std::string encode(const ConsentEntry& entry) {
  RecordWriter writer(kSchema);
  writer.text(tag::kNow, encode_decision(entry.now));
  for (const auto& decision : entry.blocked) writer.text(tag::kBlocked, encode_decision(decision));
  for (const auto& decision : entry.history) writer.text(tag::kHistory, encode_decision(decision));
  return writer.take();
}

Expected<ConsentEntry> decode_consent(const Record& record) {
  const auto bad = [&](std::string_view what) {
    return fail(ErrorCode::corrupt, "consent " + record.key.id + ": " + std::string(what));
  };
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  ConsentEntry entry;
  entry.user = record.key.partition;
  entry.application = record.key.id;
  entry.version = record.version;
  const auto now = reader->text(tag::kNow);
  auto decision = now ? decode_decision(*now) : std::nullopt;
  if (!decision) return bad("no decision that this version understands");
  entry.now = std::move(*decision);
  for (const auto bytes : reader->texts(tag::kBlocked)) {
    auto blocked = decode_decision(bytes);
    if (!blocked) return bad("a blocked sender cannot be read");
    entry.blocked.push_back(std::move(*blocked));
  }
  for (const auto bytes : reader->texts(tag::kHistory)) {
    if (auto past = decode_decision(bytes)) entry.history.push_back(std::move(*past));
  }
  return entry;
}

}  // namespace herald::push
