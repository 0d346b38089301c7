// The shard's end of one session: everything goes to the I/O loop and comes back.
// Thread: the shard that opened it.
#pragma once

#include <memory>

#include "herald/msrp.h"
#include "io/msrp_hub.h"

namespace herald::io {

// Registers the session; it may be reached from now on. `home`: where handlers run.
[[nodiscard]] std::shared_ptr<MsrpSession> make_session(std::shared_ptr<MsrpHub> hub, Executor& home, MsrpDescription own,
                                                        MsrpPolicy policy);

}  // namespace herald::io
