// A push that waits for its webhook, as it is kept in the store. Table "webhook": partition = the thing, id = digest of the push
// id, so that a repeated push is found out whenever and on whatever shard it comes (PR-9).
// Thread: values; pure functions.
#pragma once

#include <string>

#include "herald/store.h"
#include "intake.h"

namespace herald::receiver {

inline constexpr const char* kWebhookTable = "webhook";
inline constexpr const char* kWaitingTerm = "waiting";

struct WebhookEntry {
  enum class State : std::uint8_t { waiting, done, dead };
  std::string thing;  // canonical identity
  PushItem item;
  State state = State::waiting;
  unsigned attempts = 0;
  WallTime created{};
  WallTime due{};  // next attempt; afterwards: when it is forgotten
  Version version = 0;
};

[[nodiscard]] Key webhook_key(const std::string& thing, const std::string& push);
// Once it is done only its key is of use: nothing of the content is kept.
[[nodiscard]] Put put_of(const WebhookEntry& entry, Version expected);
[[nodiscard]] Expected<WebhookEntry> decode_webhook(const Record& record);

// When to try again after so many attempts; nothing: given up.
[[nodiscard]] std::optional<WallTime> next_attempt(const WebhookEntry& entry, const WebhookRules& rules, WallTime now,
                                                   std::optional<Duration> told, double random);

// What a webhook's answer means.
enum class WebhookVerdict : std::uint8_t { delivered, again, refused };
[[nodiscard]] WebhookVerdict verdict_of(int status) noexcept;

}  // namespace herald::receiver
