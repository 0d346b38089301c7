// Result notification: what the initiator is told of one recipient, and whether its answer settles it. PAP-36.
// Thread: pure.
#pragma once

#include <string>
#include <string_view>

#include "push/push_job.h"

namespace herald::push {

// The body of the POST to job.callback, application/xml. The same for the same final state, however often it is sent.
[[nodiscard]] std::string pap_result_notification(const PushJob& job, const Delivery& delivery);
// The code of a recipient's state: of one that is not final that the question succeeded; what ended without ever being tried has
// not been "accepted for processing", but failed (PAP-50).
[[nodiscard]] int pap_code(const Delivery& delivery) noexcept;
// Nothing is left to be sent: the initiator took it, or will never take it. false: try again later.
[[nodiscard]] bool pap_result_taken(int http_status, std::string_view body);

}  // namespace herald::push
