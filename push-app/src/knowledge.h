// Everything a decision needs that must be asked for: registration view and HSS, within one deadline.
// Thread: the user's home shard.
#pragma once

#include <memory>
#include <string>

#include "delivery_plan.h"
#include "herald/servlet_context.h"
#include "push_config.h"

namespace herald::push {

struct Knowledge {
  Reachability reach;
  HssAnswer hss;
};

// `context` must outlive the task or the caller must check that it does after each suspension: it is used only before and
// between questions while `alive` says so.
Task<Knowledge> gather_knowledge(ServletContext* context, std::shared_ptr<const PushConfig> config,
                                 std::shared_ptr<const bool> stopped, std::string user, std::string trace);

// What repository data says; a profile that cannot be read counts as none.
[[nodiscard]] HssAnswer read_repository(const ShReply& reply, std::string_view trace);
[[nodiscard]] Reachability read_user_state(const ShReply& reply);
[[nodiscard]] Reachability read_registration(const Registration* registration);

}  // namespace herald::push
