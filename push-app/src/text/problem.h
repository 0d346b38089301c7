// A refusal as the initiator sees it: HTTP status, PAP code and words. status-mapping.md 10.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "herald/expected.h"
#include "herald/http.h"

namespace herald::push {

struct Problem {
  int http = 400;
  int code = 2000;  // PAP
  std::string detail;
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
};

template <class T = void>
using Checked = tl::expected<T, Problem>;

inline tl::unexpected<Problem> refuse(int http, int code, std::string detail) {
  return tl::unexpected<Problem>(Problem{http, code, std::move(detail)});
}

// What a failed store operation is to the initiator.
[[nodiscard]] Problem problem_of(const Error& error);
[[nodiscard]] HttpResponse to_response(const Problem& problem);

}  // namespace herald::push
