#include "text/json_members.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "text/timestamps.h"

namespace herald::push {
namespace {

using Json = nlohmann::json;

// Says how far the parser has come.
struct TrackedText {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** seen = nullptr;
  reference operator*() const { return *at; }
  TrackedText& operator++() {
    *seen = ++at;
    return *this;
  }
  friend bool operator!=(const TrackedText& a, const TrackedText& b) { return a.at != b.at; }
};

// Bounds nesting and finds members that are given twice; nlohmann would let the last one win in silence.
class JsonReader {
 public:
  explicit JsonReader(LongArray* array) : array_(array) {}

  Checked<Json> parse(std::string_view text) {
    begin_ = seen_ = text.data();
    const Json::parser_callback_t callback = [this](int depth, Json::parse_event_t event, Json& value) {
      return on_event(depth, event, value);
    };
    auto json = array_ == nullptr ? Json::parse(text, callback, /*allow_exceptions=*/false)
                                  : Json::parse(TrackedText{text.data(), &seen_}, TrackedText{text.data() + text.size(), &seen_},
                                                callback, /*allow_exceptions=*/false);
    if (!refusal_.empty()) return refuse(400, 2000, refusal_);
    if (json.is_discarded()) return refuse(400, 2000, "the body is not JSON in UTF-8");
    if (!json.is_object()) return refuse(400, 2000, "the body must be a JSON object");
    return json;
  }

 private:
  static constexpr int kMaxDepth = 4;
  using Event = Json::parse_event_t;

  bool on_event(int depth, Event event, const Json& value) {
    if (depth > kMaxDepth && refusal_.empty()) refusal_ = "the body is nested too deeply";
    if (!refusal_.empty()) return false;
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end && !keys_.empty()) keys_.pop_back();
    if (event == Event::key && !keys_.empty()) {
      const auto& name = value.get_ref<const std::string&>();
      if (!keys_.back().insert(name).second) refusal_ = name.substr(0, 64) + ": given twice";
      if (depth == 1) in_array_ = array_ != nullptr && name == array_->member;
    }
    if (in_array_ && refusal_.empty()) return on_long(depth, event, value);
    return refusal_.empty();
  }

  // What is inside of the long array is not kept.
  bool on_long(int depth, Event event, const Json& value) {
    if (depth == 1 && event == Event::array_start) array_->begin = static_cast<std::size_t>(seen_ - begin_);
    if (depth < 2) return true;
    if (event == Event::value && value.is_string()) {
      if (++array_->count <= array_->most_listed) {
        array_->listed.push_back(value.get_ref<const std::string&>());
      } else {
        array_->listed.clear();
      }
    } else {
      refusal_ = array_->member + "[" + std::to_string(array_->count) + "]: must be a string";
    }
    return false;
  }

  LongArray* array_;
  const char* begin_ = nullptr;
  const char* seen_ = nullptr;
  bool in_array_ = false;
  std::vector<std::set<std::string>> keys_;
  std::string refusal_;
};

}  // namespace

Checked<Json> parse_json_object(std::string_view text) { return JsonReader(nullptr).parse(text); }
Checked<Json> parse_json_object(std::string_view text, LongArray& array) { return JsonReader(&array).parse(text); }

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
