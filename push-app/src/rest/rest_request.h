// What the calls of the REST interface read from a request besides their body. Pure.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "herald/http.h"
#include "text/problem.h"

namespace herald::push {

[[nodiscard]] Checked<std::size_t> read_limit(const HttpRequest& request, std::size_t preset, std::size_t most);
[[nodiscard]] std::string query_value(const HttpRequest& request, const std::string& name);  // empty: not given
[[nodiscard]] Checked<void> check_query(const HttpRequest& request, std::initializer_list<std::string_view> known);
[[nodiscard]] Checked<void> check_json(const HttpRequest& request);  // 415 unless the body is application/json

}  // namespace herald::push
