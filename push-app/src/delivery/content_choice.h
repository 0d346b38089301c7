// Which content of a push a receiver can take, and in what form. sip-push.md 7, PS-19, PS-24. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capability/capabilities.h"
#include "delivery/push_profile.h"
#include "push/push_job.h"

namespace herald::push {

inline constexpr std::string_view kEnvelopeType = "application/vnd.oma.push";
inline constexpr std::string_view kExternalType = "message/external-body";
inline constexpr std::string_view kBatchType = "multipart/mixed";

// "text/*" or "*/*" against "text/plain;charset=utf-8".
[[nodiscard]] bool media_range_matches(std::string_view range, std::string_view type);
// What an Accept header says about a type: ranges with q=0 allow nothing. An empty one says nothing: false.
[[nodiscard]] bool accept_allows(const std::vector<std::string>& accept, std::string_view type);

// What is known about the receiver besides its Accept.
struct ReceiverTraits {
  const ProfileApplication* profile = nullptr;  // of the HSS
  const Capabilities* capabilities = nullptr;
  // The type, and that much of it in whatever way.
  [[nodiscard]] bool takes(const Content& content) const;
  // That much in one request, besides.
  [[nodiscard]] bool takes_in_request(const Content& content) const;
};

// How a content goes into a NOTIFY.
struct NotifyForm {
  std::uint8_t content = 0;
  bool envelope = false;  // relabelled as application/vnd.oma.push (PS-19)
  friend bool operator==(const NotifyForm&, const NotifyForm&) = default;
};
// The first content from `from` on that a subscription with this Accept takes; its own type goes before the envelope. Without
// Accept the envelope is what the package promises (sip-push.md 6).
[[nodiscard]] std::optional<NotifyForm> choose_for_notify(const PushJob& job, std::uint8_t from,
                                                          const std::vector<std::string>& accept, const ReceiverTraits& traits);
// The first content from `from` on for a MESSAGE.
[[nodiscard]] std::optional<std::uint8_t> choose_for_message(const PushJob& job, std::uint8_t from, const ReceiverTraits& traits);
// The content to try next after `accept` (media ranges; empty: unknown) or a size was refused; nothing when all were tried.
[[nodiscard]] std::optional<std::uint8_t> next_content(const PushJob& job, std::uint8_t current,
                                                       const std::vector<std::string>& accept, bool must_be_smaller);

}  // namespace herald::push
