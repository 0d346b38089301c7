// What stands behind the content in a blob's file: its size and hashes, so that one rename makes all of it durable at once and a
// file cut short is noticed. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "herald/blob_store.h"

namespace herald::store {

// "HERALD-BLOB-1 SIZE SHA1 SHA256\n", SIZE with 20 digits.
inline constexpr std::size_t kBlobTrailerBytes = 14 + 20 + 1 + 40 + 1 + 64 + 1;

[[nodiscard]] std::string encode_blob_trailer(const BlobInfo& info);
// Nothing when the text is no trailer, or one of a file of another length.
[[nodiscard]] std::optional<BlobInfo> decode_blob_trailer(std::string_view text, std::string_view id, std::uint64_t file_bytes);

// What make_id() makes, and nothing else: no name that leaves the directory.
[[nodiscard]] bool is_blob_id(std::string_view id) noexcept;

}  // namespace herald::store
