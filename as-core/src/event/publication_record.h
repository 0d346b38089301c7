// The record of one publication, schema 1. Its key: table "publication", partition the resource, due when it expires.
// Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "herald/event_state.h"
#include "herald/store.h"

namespace herald::event {

inline constexpr const char* kPublicationTable = "publication";

struct PublicationRecord {
  Publication publication;
  std::string unknown;  // fields of a newer version, kept
};

[[nodiscard]] std::string encode(const PublicationRecord& record);
// `resource`: the record's partition.
Expected<PublicationRecord> decode_publication(const std::string& resource, std::string_view bytes);

}  // namespace herald::event
