#include "delivery/quiet_hours.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <date/tz.h>

namespace herald::push {
namespace {

std::optional<int> number(std::string_view text, int low, int high) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high) return std::nullopt;
  return value;
}

// Loads lazily and is kept by the library; nothing for a name that does not exist.
const date::time_zone* zone_of(const std::string& name) {
  try {
    return date::locate_zone(name.empty() ? "UTC" : name);
  } catch (const std::exception&) {
    return nullptr;
  }
}

// A local time that the change to summer time skips is the moment of the change; of a doubled one the later is meant, so
// that a night is never cut short.
WallTime to_wall(const date::time_zone& zone, date::local_seconds local) {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(zone.to_sys(local, date::choose::latest));
}

}  // namespace

std::optional<std::array<bool, 7>> parse_days(std::string_view text) {
  std::array<bool, 7> days{};
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto part = text.substr(0, comma);
    const auto dash = part.find('-');
    const auto first = number(part.substr(0, dash), 1, 7);
    const auto last = dash == std::string_view::npos ? first : number(part.substr(dash + 1), 1, 7);
    if (!first || !last || *last < *first) return std::nullopt;
    for (int day = *first; day <= *last; ++day) days[static_cast<std::size_t>(day - 1)] = true;
    if (comma == std::string_view::npos) return days;
    text.remove_prefix(comma + 1);
  }
  return std::nullopt;
}

std::optional<int> parse_time_of_day(std::string_view text) {
  if (text.size() != 5 && text.size() != 8) return std::nullopt;
  if (text[2] != ':' || (text.size() == 8 && text[5] != ':')) return std::nullopt;
  const auto hours = number(text.substr(0, 2), 0, 24);
  const auto minutes = number(text.substr(3, 2), 0, 59);
  const auto seconds = text.size() == 8 ? number(text.substr(6, 2), 0, 59) : 0;
  if (!hours || !minutes || !seconds) return std::nullopt;
  const int total = *hours * 3600 + *minutes * 60 + *seconds;
  if (total > 24 * 3600) return std::nullopt;
  return total;
}

bool known_zone(std::string_view name) {
  // The name becomes a path of the zone database.
  const bool clean = !name.empty() && name.size() <= 64 && name.front() != '/' && name.find("..") == std::string_view::npos &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+';
                     });
  return clean && zone_of(std::string(name)) != nullptr;
}

std::optional<WallTime> end_of_quiet(const QuietHours& hours, WallTime now) {
  const auto* zone = zone_of(hours.zone);
  if (zone == nullptr) return std::nullopt;
  const auto today = date::floor<date::days>(zone->to_local(now));
  const bool overnight = hours.to <= hours.from;
  // A window that began yesterday may still last.
  for (const int back : {1, 0}) {
    const auto day = today - date::days(back);
    const date::weekday weekday{day};
    if (!hours.days[weekday.iso_encoding() - 1]) continue;
    const auto begin = to_wall(*zone, date::local_seconds(day.time_since_epoch()) + std::chrono::seconds(hours.from));
    const auto end_day = day + date::days(overnight ? 1 : 0);
    const auto end = to_wall(*zone, date::local_seconds(end_day.time_since_epoch()) + std::chrono::seconds(hours.to));
    if (begin <= now && now < end) return end;
  }
  return std::nullopt;
}

}  // namespace herald::push
