// The MIME of a PAP request: control entity, content entity, capability entity. Liberal in what is taken. PAP-10..12,
// pap.md 2. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "push/push_job.h"

namespace herald::push::pap {

struct Entities {
  std::string control;             // the XML
  std::optional<Content> content;  // decoded; its headers as they go on to the receiver
  std::string application;         // X-Wap-Application-Id of the content entity, as written; empty: none
  std::optional<std::string> capabilities;
  std::string capabilities_type;
};

struct BadEntity {
  int http = 202;  // 415: not even the outermost type is one of PAP's
  int code = 2000;
  std::string desc;
};

// `outer`: header fields of the HTTP request that concern the content (X-Wap-Initiator-URI ...).
[[nodiscard]] tl::expected<Entities, BadEntity> read_entities(std::string_view content_type, std::string_view body,
                                                              const std::vector<EntityHeader>& outer);

// Content-Transfer-Encoding (RFC 2045 6); none: not decodable.
[[nodiscard]] std::optional<std::string> decode_transfer(std::string_view encoding, std::string_view body);

}  // namespace herald::push::pap
