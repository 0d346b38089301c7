#include "consent/invitation.h"

#include "herald/record.h"

namespace herald::push {
namespace {

constexpr std::uint16_t kSchema = 1;

namespace tag {
constexpr FieldTag kUser = 1, kAddress = 2, kApplication = 3, kSender = 4, kInitiator = 5, kAutomatic = 6, kExpires = 7,
                   kToken = 8, kStatus = 9, kSip = 10, kCause = 11, kVariant = 12, kAttempts = 13, kRestarts = 14, kCreated = 15,
                   kUpdated = 16, kUntil = 17, kTrace = 18;
}  // namespace tag

std::uint16_t small(const RecordReader& reader, FieldTag field) {
  return static_cast<std::uint16_t>(reader.number(field).value_or(0));
}

}  // namespace

std::string_view to_string(InvitationStatus status) noexcept {
  switch (status) {
    case InvitationStatus::pending:
      return "pending";
    case InvitationStatus::accepted:
      return "accepted";
    case InvitationStatus::subscribed:
      return "subscribed";
    case InvitationStatus::refused:
      return "refused";
    case InvitationStatus::failed:
      return "failed";
    case InvitationStatus::cancelled:
      return "cancelled";
  }
  return "failed";
}

Key invitation_key(std::string_view id) { return Key{std::string(kInvitationTable), std::string(id), std::string(id)}; }

Put put_of(const Invitation& invitation, std::chrono::milliseconds retention) {
  RecordWriter writer(kSchema);
  writer.text(tag::kUser, invitation.user)
      .text(tag::kAddress, invitation.address)
      .text(tag::kApplication, invitation.application)
      .text(tag::kSender, invitation.sender)
      .text(tag::kInitiator, invitation.initiator)
      .flag(tag::kAutomatic, invitation.automatic)
      .number(tag::kExpires, invitation.expires.count())
      .text(tag::kToken, invitation.token)
      .number(tag::kStatus, static_cast<int>(invitation.status))
      .number(tag::kSip, invitation.sip)
      .text(tag::kCause, invitation.cause)
      .text(tag::kVariant, invitation.variant)
      .number(tag::kAttempts, invitation.attempts)
      .number(tag::kRestarts, invitation.restarts)
      .time(tag::kCreated, invitation.created)
      .time(tag::kUpdated, invitation.updated)
      .time(tag::kUntil, invitation.until)
      .text(tag::kTrace, invitation.trace);
  Put put;
  put.key = invitation_key(invitation.id);
  put.value = writer.take();
  put.expected = invitation.version;
  put.due = invitation.until + retention;
  if (invitation.open()) put.terms.emplace_back(kOpenInvitationTerm);
  return put;
}

Expected<Invitation> decode_invitation(const Record& record) {
  const auto bad = [&](std::string_view what) {
    return fail(ErrorCode::corrupt, "invitation " + record.key.id + ": " + std::string(what));
  };
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  Invitation invitation;
  invitation.id = record.key.id;
  invitation.version = record.version;
  const auto user = reader->text(tag::kUser);
  const auto address = reader->text(tag::kAddress);
  const auto application = reader->text(tag::kApplication);
  const auto sender = reader->text(tag::kSender);
  const auto status = reader->number(tag::kStatus);
  const auto until = reader->time(tag::kUntil);
  if (!user || !address || !application || !sender || !status || !until) return bad("a field is missing");
  if (*status < 0 || *status > static_cast<int>(InvitationStatus::cancelled))
    return bad("a status that this version does not know");
  invitation.user = *user;
  invitation.address = *address;
  invitation.application = *application;
  invitation.sender = *sender;
  invitation.status = static_cast<InvitationStatus>(*status);
  invitation.until = *until;
  invitation.initiator = reader->text(tag::kInitiator).value_or("");
  invitation.automatic = reader->flag(tag::kAutomatic);
  invitation.expires = std::chrono::seconds(reader->number(tag::kExpires).value_or(3600));
  invitation.token = reader->text(tag::kToken).value_or("");
  invitation.sip = static_cast<int>(reader->number(tag::kSip).value_or(0));
  invitation.cause = reader->text(tag::kCause).value_or("");
  invitation.variant = reader->text(tag::kVariant).value_or("");
  invitation.attempts = small(*reader, tag::kAttempts);
  invitation.restarts = small(*reader, tag::kRestarts);
  invitation.created = reader->time(tag::kCreated).value_or(WallTime{});
  invitation.updated = reader->time(tag::kUpdated).value_or(WallTime{});
  invitation.trace = reader->text(tag::kTrace).value_or("");
  return invitation;
}

}  // namespace herald::push
