#include "io/response_writer.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "herald/log.h"
#include "io/http_parser.h"

namespace herald::io {
namespace {

struct Reason {
  int status;
  std::string_view phrase;
};
constexpr std::array kReasons{
    Reason{100, "Continue"},
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{204, "No Content"},
    Reason{206, "Partial Content"},
    Reason{301, "Moved Permanently"},
    Reason{302, "Found"},
    Reason{303, "See Other"},
    Reason{304, "Not Modified"},
    Reason{307, "Temporary Redirect"},
    Reason{308, "Permanent Redirect"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{406, "Not Acceptable"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{410, "Gone"},
    Reason{411, "Length Required"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Content Too Large"},
    Reason{414, "URI Too Long"},
    Reason{415, "Unsupported Media Type"},
    Reason{416, "Range Not Satisfiable"},
    Reason{417, "Expectation Failed"},
    Reason{422, "Unprocessable Content"},
    Reason{428, "Precondition Required"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{505, "HTTP Version Not Supported"},
};

// Decided by the server, not by handlers.
constexpr std::array<std::string_view, 4> kFramingFields{"content-length", "transfer-encoding", "connection", "date"};

bool is_framing_field(std::string_view name) noexcept {
  return std::any_of(kFramingFields.begin(), kFramingFields.end(), [&](auto own) { return equals_ignoring_case(name, own); });
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  const auto found = std::find_if(kReasons.begin(), kReasons.end(), [&](const Reason& r) { return r.status == status; });
  return found == kReasons.end() ? std::string_view("Status") : found->phrase;
}

std::string imf_fixdate(WallTime when) {
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  // strftime would follow the locale.
  std::array<char, 64> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays.at(static_cast<std::size_t>(utc.tm_wday)),
      utc.tm_mday, kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return {text.data(), static_cast<std::size_t>(std::max(length, 0))};
}

HttpResponse busy_response(std::string_view detail, Duration retry_after) {
  auto response = HttpResponse::problem(503, reason_phrase(503), detail);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(retry_after).count();
  response.headers.push_back(HttpField{"Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1))});
  return response;
}

std::string write_response(const HttpResponse& response, const ResponseFraming& framing) {
  const bool sane = response.status >= 200 && response.status <= 599;
  const int status = sane ? response.status : 500;
  const bool bodiless = status == 204 || status == 304;
  std::string out;
  out.reserve(256 + (framing.head_only ? 0 : response.body.size()));
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason_phrase(status)).append("\r\n");
  if (!framing.date.empty()) out.append("Date: ").append(framing.date).append("\r\n");
  for (const auto& field : response.headers) {
    if (is_framing_field(field.name)) continue;
    if (!is_token(field.name) || !is_field_value(field.value)) {
      log::warn("a handler's HTTP field was left out, it is malformed", {{"status", status}});
      continue;
    }
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  const auto length = framing.body == BodyFraming::text ? response.body.size() : framing.content_length;
  if (!bodiless && framing.body == BodyFraming::chunked) out.append("Transfer-Encoding: chunked\r\n");
  if (!bodiless && (framing.body == BodyFraming::text || framing.body == BodyFraming::length))
    out.append("Content-Length: ").append(std::to_string(length)).append("\r\n");
  if (!framing.keep_alive) out.append("Connection: close\r\n");
  if (framing.keep_alive && framing.minor == 0) out.append("Connection: keep-alive\r\n");
  out.append("\r\n");
  if (!bodiless && !framing.head_only && framing.body == BodyFraming::text) out.append(response.body);
  return out;
}

}  // namespace herald::io
