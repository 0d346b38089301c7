// Fetches what a push refers to, and checks it. PR-12.
// Thread: the agent's shard.
#pragma once

#include <string>

#include "account.h"
#include "external_body.h"
#include "intake.h"

namespace herald::receiver {

// Fills in the item's body (and its type where only the server knows). Errors: what the HTTP client says, corrupt when size or
// hash differ, unsupported when the type is none that is accepted.
[[nodiscard]] Task<Expected<void>> fetch_content(AgentShared* shared, const PushPolicy* policy, PushItem* item);

}  // namespace herald::receiver
