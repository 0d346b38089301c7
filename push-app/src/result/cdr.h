// What one finished delivery was: who, what, size, mode, attempts, times, result and evidence, as one line of JSON. Pure.
//
//   {"event": "final" | "displayed", "push", "index", "external_id"?, "initiator", "from", "to", "app", "type", "size", "mode",
//    "report", "priority", "attempts", "accepted", "started"?, "finished", "status", "code", "cause", "evidence", "trace"}
//
// `displayed` is the one thing that may still come after a final state (SM-1); it adds a line and changes none.
#pragma once

#include <optional>
#include <string>

#include "push/push_job.h"
#include "push_config.h"

namespace herald::push {

// Nothing: this change ends no delivery.
[[nodiscard]] std::optional<std::string> cdr_line(const PushJob& job, const Delivery& delivery, std::optional<Status> before,
                                                  const CdrConfig& config);

// "hmac:HEX": the same identity gives the same text under the same key, in whatever form it was written.
[[nodiscard]] std::string hashed_identity(const std::string& address, const Secret& key);

}  // namespace herald::push
