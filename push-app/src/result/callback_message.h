// The request that carries one result notification. Pure.
#pragma once

#include <string>

#include "herald/http_client.h"
#include "push_config.h"
#include "result/callback_url.h"
#include "result/result_notice.h"

namespace herald::push {

// POST with
//   {"id": PUSH, "external_id"?: …, "event": ID, "attempt": N, "recipient": {as in GET /v1/pushes/{id}}}
// or a PAP resultnotification-message, and the headers
//   Herald-Event-Id   the same for every attempt: by it a receiver sees each notification once
//   Herald-Signature  "t=SECONDS,v1=HEX": HMAC-SHA256 with the account's callback_secret over "SECONDS.BODY"
//   traceparent       of the submission
[[nodiscard]] HttpCall callback_call(const PushJob& job, const Delivery& delivery, const ResultNotice& notice,
                                     const CallbackPermit& permit, const Secret& secret, WallTime now);

[[nodiscard]] std::string callback_json(const PushJob& job, const Delivery& delivery, const ResultNotice& notice);
[[nodiscard]] std::string callback_signature(std::string_view secret, std::string_view body, WallTime now);

// Lower-case hex of HMAC-SHA256.
[[nodiscard]] std::string hmac_hex(std::string_view key, std::string_view bytes);

}  // namespace herald::push
