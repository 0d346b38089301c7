#include "rest/rest_request.h"

#include <algorithm>
#include <charconv>

#include "herald/sip_message.h"

namespace herald::push {

Checked<std::size_t> read_limit(const HttpRequest& request, std::size_t preset, std::size_t most) {
  const auto given = request.query.find("limit");
  if (given == request.query.end()) return preset;
  std::size_t value = 0;
  const auto& text = given->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0 || value > most) {
    return refuse(400, 2000, "limit: a number from 1 to " + std::to_string(most));
  }
  return value;
}

std::string query_value(const HttpRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string() : found->second;
}

Checked<void> check_query(const HttpRequest& request, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return refuse(400, 2000, name.substr(0, 64) + ": no such query parameter");
    }
  }
  return {};
}

Checked<void> check_json(const HttpRequest& request) {
  const auto type = request.header("Content-Type");
  const auto parsed = type ? MediaType::parse(*type) : Expected<MediaType>(fail(ErrorCode::invalid, ""));
  if (!parsed || parsed->type != "application/json") return refuse(415, 2000, "Content-Type: application/json is needed");
  return {};
}

}  // namespace herald::push
