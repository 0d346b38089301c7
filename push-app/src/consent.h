// Who may push what to whom, as far as this node was told: by SUBSCRIBE, REST, REFER's answer, refusals. sip-push.md 9.
// The subscriber's profile in the HSS and the application's default are joined to it by the plan.
// Thread: a user's entries live on his home shard; every call there. Durable (table "consent").
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/servlet_context.h"
#include "push_config.h"

namespace herald::push {

// sip-push.md 9. The numbers are stored: append only.
enum class Consent : std::uint8_t { none, pending, granted, denied, revoked };
[[nodiscard]] std::string_view to_string(Consent state) noexcept;

// PA-1: who, when, by what means.
struct ConsentDecision {
  Consent state = Consent::none;
  std::string means;  // "subscribe", "rest", "refer", "message", "unsubscribe", "profile"
  std::string who;    // canonical identity or initiator name; empty: an operator
  WallTime at{};
  std::optional<WallTime> expires;  // of a grant
};

struct ConsentEntry {
  std::string user, application;
  ConsentDecision now;                   // state `none` when there never was one, or a grant ran out
  std::vector<ConsentDecision> history;  // oldest first, bounded
  std::optional<WallTime> ask_again;     // denied: no REFER before (reask_after); pending: asked until
};

class ConsentBook : public std::enable_shared_from_this<ConsentBook> {
 public:
  using Self = std::shared_ptr<ConsentBook>;
  // Told after a decision is durable, on the user's home shard.
  using Listener = std::function<void(const ConsentEntry&)>;

  explicit ConsentBook(ServletContext& context);
  void listen(Listener listener);
  void stop() noexcept;

  static Task<Expected<ConsentEntry>> look(Self self, std::string user, std::string application);
  static Task<Expected<ConsentEntry>> decide(Self self, std::string user, std::string application, ConsentDecision decision);

 private:
  ServletContext& context_;
  std::vector<Listener> listeners_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
};

}  // namespace herald::push
