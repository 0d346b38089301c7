// The header fields that describe a content and go with it whatever carries it: in a MESSAGE, in a NOTIFY's part, in a session,
// beside a reference. PS-18. Pure.
#pragma once

#include <string>
#include <vector>

#include "herald/sip_message.h"
#include "push/push_job.h"

namespace herald::push {

// Those the initiator gave, as they came; Content-Disposition: render unless he said otherwise. Content-Type, Content-ID (PS-6)
// and Content-Length are not among them, nor anything that is no field of an entity.
[[nodiscard]] std::vector<SipHeaderField> entity_headers(const Content& content);
[[nodiscard]] bool is_entity_header(std::string_view name) noexcept;
// The bytes of the content are encoded already: by the initiator.
[[nodiscard]] bool has_encoding(const Content& content) noexcept;

// Content-ID of one of a push's contents (PS-6, PS-31): the push's own for the first, so that a receiver knows a repetition,
// and one of its own for each alternative, for those are other bytes.
[[nodiscard]] std::string content_id(const PushJob& job, std::size_t content, const std::string& domain);

}  // namespace herald::push
