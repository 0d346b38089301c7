// A subscription as it is written down: its dialog and what RFC 6665 adds. storage-scale.md 6.
// Thread: value type. Errors: Error{corrupt} for what does not decode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dialog/dialog_state.h"
#include "herald/notifier.h"

namespace herald::event {

// ST-40: a record allows so many CSeq numbers beyond those that were used when it was written.
inline constexpr std::uint32_t kCSeqBlock = 16;

struct Subscription {
  SubscriptionInfo info;       // id is the record's key, not a field of it
  dialog::DialogState dialog;  // local_cseq: reserved, not used (ST-40)
  std::string event_params;    // of the first Event, told in every NOTIFY: ";appid=news.ua"
  std::string icid;            // of the SUBSCRIBE; kept only where the package asks for it (AS-61)
  // Status terminated: what the last NOTIFY has to say. Written so that a restart says it too.
  EndReason reason = EndReason::none;
  std::optional<std::chrono::seconds> retry_after;
  bool by_subscriber = false;
  std::string unknown;  // fields of a newer Herald, kept
};

[[nodiscard]] std::string encode(const Subscription& subscription);
Expected<Subscription> decode(std::string_view id, std::string_view record);

// Only what says whose it is: a look that does not copy. False when the record does not decode.
struct SubscriptionKey {
  std::string_view package, resource, key;
};
[[nodiscard]] bool peek(std::string_view record, SubscriptionKey& key);
[[nodiscard]] bool is_dialog(std::string_view record, std::string_view call_id, std::string_view local_tag,
                             std::string_view remote_tag);

}  // namespace herald::event
