// A submission as multipart/related (RFC 2387): the JSON first, then contents, which it refers to as "ref": "cid:ID". Binary
// contents need no base64 that way. Pure.
#pragma once

#include <string>
#include <vector>

#include "herald/http.h"
#include "push/push_job.h"
#include "text/problem.h"

namespace herald::push {

struct SubmissionPart {
  std::string id;  // Content-ID without <>
  std::string type;
  std::string bytes;
};

// Leaves the JSON in the request's body. None when the body is JSON itself; 415 when it is neither.
[[nodiscard]] Checked<std::vector<SubmissionPart>> take_parts(HttpRequest& request);
// Gives contents that refer to a part its bytes; each part must be referred to.
[[nodiscard]] Checked<void> place_parts(std::vector<SubmissionPart> parts, std::size_t max_bytes, std::vector<Content>& contents);

}  // namespace herald::push
