// What a module gets when its node has no I/O thread or no place for blobs: every call fails as unavailable.
// Thread: any; they hold nothing.
#pragma once

#include "herald/blob_store.h"
#include "herald/http_client.h"
#include "herald/msrp.h"

namespace herald::container {

[[nodiscard]] HttpClient& no_http_client();
[[nodiscard]] BlobStore& no_blobs();
[[nodiscard]] MsrpEndpoint& no_msrp();

}  // namespace herald::container
