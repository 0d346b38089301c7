#include "result/push_event_text.h"

#include <algorithm>
#include <charconv>

#include "rest/rest_json.h"

namespace herald::push {
namespace {

constexpr std::chrono::milliseconds kOverlap{2000};

template <class N>
bool take_number(std::string_view& text, N& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return true;
}

bool take_dash(std::string_view& text) {
  if (text.empty() || text.front() != '-') return false;
  text.remove_prefix(1);
  return true;
}

std::vector<std::size_t> lines_from(const Delivery& delivery, std::size_t first) {
  std::vector<std::size_t> lines;
  for (auto line = first; line < delivery.history.size(); ++line) lines.push_back(line);
  return lines;
}

std::optional<std::size_t> find_line(const Delivery& delivery, const EventId& id) {
  for (auto line = delivery.history.size(); line-- > 0;) {
    if (event_id(delivery, line) == id) return line;
  }
  return std::nullopt;
}

std::size_t first_later(const Delivery& delivery, WallTime than) {
  const auto later = std::find_if(delivery.history.begin(), delivery.history.end(),
                                  [than](const Transition& transition) { return transition.at > than; });
  return static_cast<std::size_t>(later - delivery.history.begin());
}

}  // namespace

std::string EventId::text() const {
  return std::to_string(at.time_since_epoch().count()) + "-" + std::to_string(index) + "-" + std::string(to_string(status)) +
         "-" + std::to_string(attempt);
}

std::optional<EventId> EventId::parse(std::string_view text) {
  if (text.size() > 80) return std::nullopt;
  EventId id;
  std::int64_t at = 0;
  if (!take_number(text, at) || !take_dash(text) || !take_number(text, id.index) || !take_dash(text)) return std::nullopt;
  const auto end = text.rfind('-');
  if (end == std::string_view::npos) return std::nullopt;
  const auto status = parse_status(text.substr(0, end));
  text.remove_prefix(end + 1);
  if (!status || !take_number(text, id.attempt) || !text.empty()) return std::nullopt;
  id.at = WallTime(std::chrono::milliseconds(at));
  id.status = *status;
  return id;
}

EventId event_id(const Delivery& delivery, std::size_t line) {
  if (line >= delivery.history.size()) return {delivery.updated, delivery.index, delivery.status, delivery.attempts};
  const auto& transition = delivery.history[line];
  return {transition.at, delivery.index, transition.status, transition.attempt};
}

Delivery as_of(const Delivery& delivery, std::size_t line) {
  if (line + 1 >= delivery.history.size()) return delivery;
  auto then = delivery;
  const auto& transition = delivery.history[line];
  then.status = transition.status;
  then.cause = transition.cause;
  then.attempts = transition.attempt;
  then.updated = transition.at;
  then.detail.clear();
  then.retry_at.reset();
  then.late_report.clear();
  then.history.resize(line + 1);
  if (!then.final()) {
    then.code = 1001;
    then.evidence = Evidence::none;
  } else if (then.status == Status::delivered) {
    then.code = 1000;
  }
  return then;
}

std::string event_text(const Delivery& delivery, const EventId& id) {
  return "id: " + id.text() + "\nevent: status\ndata: {\"push\":\"" + delivery.push +
         "\",\"index\":" + std::to_string(delivery.index) + ",\"recipient\":" + to_json(delivery) + "}\n\n";
}

std::vector<std::size_t> unseen(const Delivery& delivery, const std::optional<EventId>& seen) {
  const auto newest = delivery.history.empty() ? 0 : delivery.history.size() - 1;
  if (!seen) return {newest};
  if (const auto line = find_line(delivery, *seen)) return lines_from(delivery, *line + 1);
  return lines_from(delivery, first_later(delivery, seen->at));
}

std::vector<std::size_t> unseen_after(const Delivery& delivery, const EventId& last) {
  if (delivery.index == last.index) return unseen(delivery, last);
  return lines_from(delivery, first_later(delivery, last.at - kOverlap));
}

}  // namespace herald::push
