// The stored form of a dialog. Numbers of fields are for ever: never reuse one.
#include "dialog/dialog_state.h"
#include "herald/record.h"

namespace herald::dialog {
namespace {

constexpr std::uint16_t kSchema = 1;
enum Tag : FieldTag {
  kCallId = 1,
  kLocalTag = 2,
  kRemoteTag = 3,
  kLocalAddress = 4,
  kRemoteAddress = 5,
  kRemoteTarget = 6,
  kLocalContact = 7,
  kRoute = 8,  // repeated, in order
  kLocalCSeq = 9,
  kRemoteCSeq = 10,  // absent: none seen
  kSecure = 11,
  kUas = 12,
  kState = 13,
  kHighest = kState,
};

std::string text(const RecordReader& reader, FieldTag tag) { return std::string(reader.text(tag).value_or("")); }

Expected<std::uint32_t> number(const RecordReader& reader, FieldTag tag) {
  const auto value = reader.number(tag).value_or(0);
  if (value < 0 || value > 0x7fffffff) return fail(ErrorCode::corrupt, "dialog record: CSeq out of range");
  return static_cast<std::uint32_t>(value);
}

}  // namespace

std::string encode(const DialogState& state) {
  RecordWriter writer(kSchema);
  writer.text(kCallId, state.call_id).text(kLocalTag, state.local_tag).text(kRemoteTag, state.remote_tag);
  writer.text(kLocalAddress, state.local_address).text(kRemoteAddress, state.remote_address);
  writer.text(kRemoteTarget, state.remote_target).text(kLocalContact, state.local_contact);
  for (const auto& route : state.route_set) writer.text(kRoute, route);
  writer.number(kLocalCSeq, state.local_cseq);
  if (state.has_remote_cseq) writer.number(kRemoteCSeq, state.remote_cseq);
  writer.flag(kSecure, state.secure).flag(kUas, state.uas);
  writer.number(kState, static_cast<std::int64_t>(state.state));
  writer.raw(state.unknown);
  return writer.take();
}

Expected<DialogState> decode(std::string_view record) {
  auto reader = RecordReader::parse(record);
  if (!reader) return fail(std::move(reader.error()));
  DialogState state;
  state.call_id = text(*reader, kCallId);
  state.local_tag = text(*reader, kLocalTag);
  if (state.call_id.empty() || state.local_tag.empty()) return fail(ErrorCode::corrupt, "dialog record without identity");
  state.remote_tag = text(*reader, kRemoteTag);
  state.local_address = text(*reader, kLocalAddress);
  state.remote_address = text(*reader, kRemoteAddress);
  state.remote_target = text(*reader, kRemoteTarget);
  state.local_contact = text(*reader, kLocalContact);
  for (const auto route : reader->texts(kRoute)) state.route_set.emplace_back(route);
  const auto local = number(*reader, kLocalCSeq);
  const auto remote = number(*reader, kRemoteCSeq);
  const auto phase = reader->number(kState).value_or(-1);  // always written, and last: a record cut short lacks it
  if (!local) return fail(local.error());
  if (!remote) return fail(remote.error());
  if (phase < 0 || phase > static_cast<std::int64_t>(State::terminated)) {
    return fail(ErrorCode::corrupt, "dialog record: unknown state");
  }
  state.local_cseq = *local;
  state.remote_cseq = *remote;
  state.has_remote_cseq = reader->number(kRemoteCSeq).has_value();
  state.secure = reader->flag(kSecure);
  state.uas = reader->flag(kUas);
  state.state = static_cast<State>(phase);
  state.unknown = reader->unknown(kHighest);
  return state;
}

}  // namespace herald::dialog
