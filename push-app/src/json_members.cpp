#include "json_members.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "timestamps.h"

namespace herald::push {
namespace {

using Json = nlohmann::json;

// Bounds nesting and finds members that are given twice; nlohmann would let the last one win in silence.
class JsonReader {
 public:
  static Checked<Json> parse(std::string_view text) {
    JsonReader reader;
    const Json::parser_callback_t callback = [&reader](int depth, Json::parse_event_t event, Json& value) {
      return reader.on_event(depth, event, value);
    };
    auto json = Json::parse(text, callback, /*allow_exceptions=*/false);
    if (!reader.refusal_.empty()) return refuse(400, 2000, reader.refusal_);
    if (json.is_discarded()) return refuse(400, 2000, "the body is not JSON in UTF-8");
    if (!json.is_object()) return refuse(400, 2000, "the body must be a JSON object");
    return json;
  }

 private:
  static constexpr int kMaxDepth = 4;

  bool on_event(int depth, Json::parse_event_t event, const Json& value) {
    if (depth > kMaxDepth && refusal_.empty()) refusal_ = "the body is nested too deeply";
    if (!refusal_.empty()) return false;
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end && !keys_.empty()) keys_.pop_back();
    if (event == Json::parse_event_t::key && !keys_.empty()) {
      const auto& name = value.get_ref<const std::string&>();
      if (!keys_.back().insert(name).second) refusal_ = name.substr(0, 64) + ": given twice";
    }
    return refusal_.empty();
  }

  std::vector<std::set<std::string>> keys_;
  std::string refusal_;
};

}  // namespace

Checked<Json> parse_json_object(std::string_view text) { return JsonReader::parse(text); }

Checked<std::string> text_member(const Json& value, const std::string& member, std::size_t max_bytes) {
  if (!value.is_string()) return refuse(400, 2000, member + ": must be a string");
  const auto& text = value.get_ref<const std::string&>();
  if (text.empty()) return refuse(400, 2000, member + ": must not be empty");
  if (text.size() > max_bytes) return refuse(400, 2000, member + ": longer than " + std::to_string(max_bytes) + " bytes");
  return text;
}

Checked<WallTime> time_member(const Json& value, const std::string& member) {
  const auto text = text_member(value, member, 40);
  if (!text) return tl::unexpected(text.error());
  const auto time = parse_rfc3339(*text);
  if (!time) return refuse(400, 2000, member + ": not a time like 2026-11-23T20:00:00Z");
  return *time;
}

bool is_application_id(std::string_view text) {
  constexpr std::string_view kMarks = "-.%*_+`'~";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
  });
}

Checked<std::string> application_member(const Json& value, const std::string& member) {
  auto text = text_member(value, member, 64);
  if (!text) return text;
  if (!is_application_id(*text)) return refuse(400, 2000, member + ": may hold letters, digits and -.%*_+`'~ only");
  return text;
}

}  // namespace herald::push
