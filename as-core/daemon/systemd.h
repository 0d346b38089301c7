// What a service manager is told, by its datagram protocol (sd_notify(3)); silently nothing when there is none.
#pragma once

#include <string_view>

namespace herald::daemon {

// "READY=1", "STOPPING=1", "RELOADING=1", "STATUS=…"
void notify_service_manager(std::string_view state) noexcept;

}  // namespace herald::daemon
