// What a REGISTER says, and what follows from its answer. RFC 3261 10.2, TS 24.229 5.1.1. Pure functions.
// Thread: any.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent_options.h"
#include "herald/clock.h"
#include "herald/sip_message.h"

namespace herald::receiver {

// PR-1: where the user is reached and what is there. "<sip:alice@h:p>;+g.oma.pusheventapp=..;+sip.instance=..;methods=.."
[[nodiscard]] std::string contact_uri(const AgentOptions& options, const UserAccount& account);
[[nodiscard]] std::string contact_header(const AgentOptions& options, const UserAccount& account);
// The same for the same user, in whatever process. RFC 5626 4.1
[[nodiscard]] std::string instance_urn(const std::string& identity);

// How long the registrar keeps the contact: expires of our contact, else Expires, else what was asked.
[[nodiscard]] std::chrono::seconds granted_expires(const SipMessage& response, const std::string& contact_uri,
                                                   std::chrono::seconds asked);
// When to refresh: 600 s before the end of a long registration, at half of a short one. TS 24.229 5.1.1.4.1
[[nodiscard]] Duration refresh_after(std::chrono::seconds granted) noexcept;
// When to try again after the n-th failure in a row: 1 s doubling to 60 s, later if the registrar says so.
[[nodiscard]] Duration retry_after_failure(unsigned failures, std::optional<Duration> told) noexcept;
// Min-Expires of a 423.
[[nodiscard]] std::optional<std::chrono::seconds> min_expires(const SipMessage& response);

}  // namespace herald::receiver
