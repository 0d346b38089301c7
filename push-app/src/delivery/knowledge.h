// Everything a decision needs that must be asked for: registration view, HSS, consent and capabilities, within one deadline.
// Thread: the user's home shard.
#pragma once

#include <memory>
#include <string>

#include "capability/capability_book.h"
#include "consent/consent_book.h"
#include "delivery/delivery_plan.h"
#include "herald/servlet_context.h"
#include "push_config.h"

namespace herald::push {

class Inviter;

// What this node was told about its users; shared by the parts of one shard.
struct Books {
  std::shared_ptr<ConsentBook> consent;
  std::shared_ptr<CapabilityBook> capabilities;
  std::shared_ptr<Inviter> inviter{};
};

struct Knowledge {
  Reachability reach;
  HssAnswer hss;
  ConsentEntry consent;
  bool consent_unknown = false;  // the store did not say: nothing may be decided now
  Capabilities capabilities;
};

// `context` must outlive the task or the caller must check that it does after each suspension: it is used only before and
// between questions while `alive` says so.
Task<Knowledge> gather_knowledge(ServletContext* context, std::shared_ptr<const PushConfig> config,
                                 std::shared_ptr<const bool> stopped, Books books, std::string user, std::string application,
                                 std::string trace);

// The push profile alone; on any shard.
Task<HssAnswer> ask_profile(ServletContext* context, std::shared_ptr<const PushConfig> config, std::string user,
                            std::string trace, Deadline deadline);

// What the book says now about the user as a whole, or about the one device that `address` names (PS-15).
[[nodiscard]] Capabilities read_capabilities(const CapabilityBook& book, const std::string& user, const HssAnswer& hss,
                                             std::string_view application, std::string_view address = {});

// What repository data says; a profile that cannot be read counts as none.
[[nodiscard]] HssAnswer read_repository(const ShReply& reply, std::string_view trace);
[[nodiscard]] Reachability read_user_state(const ShReply& reply);
[[nodiscard]] Reachability read_registration(const Registration* registration);

}  // namespace herald::push
