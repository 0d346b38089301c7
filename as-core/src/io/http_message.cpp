// What modules call of herald/http.h.
#include <charconv>
#include <nlohmann/json.hpp>

#include "herald/http.h"
#include "io/http_parser.h"

namespace herald {

using io::equals_ignoring_case;
using io::trimmed;

std::optional<std::string_view> HttpRequest::header(std::string_view name) const noexcept {
  for (const auto& field : headers)
    if (equals_ignoring_case(field.name, name)) return field.value;
  return std::nullopt;
}

HttpResponse HttpResponse::json(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.push_back(HttpField{"Content-Type", "application/json"});
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::problem(int status, std::string_view title, std::string_view detail, std::optional<int> code) {
  nlohmann::ordered_json document;
  document["type"] = "about:blank";
  document["title"] = title;
  document["status"] = status;
  if (!detail.empty()) document["detail"] = detail;
  if (code) document["code"] = *code;
  HttpResponse response;
  response.status = status;
  response.headers.push_back(HttpField{"Content-Type", "application/problem+json"});
  // The detail may quote what a client sent: bytes that are not UTF-8 are replaced, not thrown.
  response.body = document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

namespace {

struct MediaRange {
  std::string_view type;
  bool zero = false;  // q=0
};

MediaRange read_range(std::string_view text) {
  MediaRange range;
  auto semicolon = text.find(';');
  range.type = trimmed(text.substr(0, semicolon));
  while (semicolon != std::string_view::npos) {
    text.remove_prefix(semicolon + 1);
    semicolon = text.find(';');
    const auto parameter = trimmed(text.substr(0, semicolon));
    const auto equals = parameter.find('=');
    if (equals == std::string_view::npos || !equals_ignoring_case(trimmed(parameter.substr(0, equals)), "q")) continue;
    const auto value = trimmed(parameter.substr(equals + 1));
    // qvalue = 0[.000] or 1[.000]; it is zero when no other digit occurs.
    range.zero = !value.empty() && value.find_first_not_of("0.") == std::string_view::npos;
  }
  return range;
}

}  // namespace

bool accepts(std::optional<std::string_view> accept, std::string_view type) {
  if (!accept || trimmed(*accept).empty()) return true;
  type = trimmed(type.substr(0, type.find(';')));
  const auto main_type = type.substr(0, type.find('/'));
  // The most specific range decides, RFC 9110 12.5.1: type/subtype before type/* before */*.
  int best = 0;
  bool allowed = false;
  auto list = *accept;
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto range = read_range(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    int rank = 0;
    if (range.type == "*/*") rank = 1;
    if (range.type.ends_with("/*") && equals_ignoring_case(range.type.substr(0, range.type.size() - 2), main_type)) rank = 2;
    if (equals_ignoring_case(range.type, type)) rank = 3;
    if (rank == 0 || rank < best) continue;
    best = rank;
    allowed = !range.zero;
  }
  return allowed;
}

}  // namespace herald
