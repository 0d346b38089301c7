// "All devices" of a user: one recipient for each GRUU, each with its own status. PS-15, RFC 5627.
//
// Done at submission and not when a delivery's turn comes: the list of recipients is what is accepted, shown and reported, and
// must not grow afterwards. A long list is looked up some at a time, as it is written. A user who has no registered device then
// stays one recipient, reached by whatever he registers. Thread: the shard that serves HTTP.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "herald/servlet_context.h"
#include "pushes/submission.h"
#include "text/problem.h"

namespace herald::push {

// The GRUUs of those devices that serve the application; pure.
[[nodiscard]] std::vector<std::string> device_addresses(const Registration& registration, std::string_view application);

// `to` becomes a list of devices where they are known. A Problem: too many (400), or a shard is overloaded (503).
Task<Checked<void>> expand_devices(ServletContext* context, std::shared_ptr<const bool> stopped, std::vector<Recipient>* to,
                                   std::string application, std::size_t most);

// The address names one device.
[[nodiscard]] bool is_device(std::string_view address);

}  // namespace herald::push
