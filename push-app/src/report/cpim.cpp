#include "push/cpim.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <map>

#include "herald/sip_uri.h"

namespace herald::push {
namespace {

constexpr std::string_view kImdn = "urn:ietf:params:imdn";
constexpr std::size_t kMaxHeaders = 64;

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out;
}

// One line whatever it was made of: it goes into a header field.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x20 && c != '<' && c != '>') out += c;
  return out;
}

std::string plain_value(std::string_view text) {
  std::string out(text);
  std::erase_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  return out;
}

std::string uri_of(std::string_view address) {
  const auto parsed = NameAddr::parse(address);
  return parsed ? parsed->uri : std::string();
}

void read_dispositions(std::string_view value, ReportRequest& report) {
  for (const auto each : split_header_list(value)) {
    const auto word = lower(trimmed(each.substr(0, each.find(';'))));
    report.delivered = report.delivered || word == "positive-delivery";
    report.failed = report.failed || word == "negative-delivery";
    report.displayed = report.displayed || word == "display";
  }
}

std::string time_text(WallTime when) {
  const auto seconds = static_cast<std::time_t>(when.time_since_epoch().count() / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> out{};
  std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return out.data();
}

// <delivery-notification><status><delivered/></status></delivery-notification>
std::string notification(Disposition disposition) {
  const std::string kind = disposition == Disposition::displayed ? "display-notification" : "delivery-notification";
  return "<" + kind + "><status><" + std::string(to_string(disposition)) + "/></status></" + kind + ">";
}

}  // namespace

std::string_view to_string(Disposition disposition) noexcept {
  constexpr std::array<std::string_view, 4> kNames{"delivered", "failed", "displayed", "forbidden"};
  return kNames.at(static_cast<std::size_t>(disposition));
}

// Message headers, an empty line, the content's headers, an empty line, the content.
Expected<CpimMessage> CpimMessage::parse(std::string_view text) {
  CpimMessage message;
  std::map<std::string, std::string> spaces;  // prefix -> namespace
  std::size_t count = 0;
  bool any = false;
  for (;;) {
    if (text.empty()) return fail(ErrorCode::invalid, "CPIM without content");
    const auto line = take_line(text);
    if (line.empty()) {
      if (any) break;
      return fail(ErrorCode::invalid, "CPIM without headers");
    }
    any = true;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || ++count > kMaxHeaders) return fail(ErrorCode::invalid, "CPIM header is malformed");
    const auto name = line.substr(0, colon);
    const auto value = trimmed(line.substr(colon + 1));
    if (name == "NS") {
      const auto open = value.find('<');
      const auto close = value.find('>');
      if (open == std::string_view::npos || close == std::string_view::npos || close < open) continue;
      spaces[std::string(trimmed(value.substr(0, open)))] = std::string(value.substr(open + 1, close - open - 1));
      continue;
    }
    if (name == "From") message.report.from = uri_of(value);
    if (name == "To") message.report.to = uri_of(value);
    const auto dot = name.find('.');
    if (dot == std::string_view::npos) continue;
    const auto space = spaces.find(std::string(name.substr(0, dot)));
    if (space == spaces.end() || space->second != kImdn) continue;
    const auto word = name.substr(dot + 1);
    if (word == "Message-ID") message.report.message_id = plain(value);
    if (word == "Disposition-Notification") read_dispositions(value, message.report);
  }
  std::vector<SipHeaderField> fields;  // MIME: these may be folded
  for (;;) {
    const auto line = take_line(text);
    if (line.empty()) break;
    const bool folded = line.front() == ' ' || line.front() == '\t';
    const auto colon = line.find(':');
    if (folded ? fields.empty() : colon == std::string_view::npos || fields.size() == kMaxHeaders) {
      return fail(ErrorCode::invalid, "CPIM content header is malformed");
    }
    if (folded) {
      fields.back().value.append(" ").append(trimmed(line));
    } else {
      fields.push_back({std::string(trimmed(line.substr(0, colon))), std::string(trimmed(line.substr(colon + 1)))});
    }
  }
  for (auto& field : fields) message.content.add(std::move(field.name), std::move(field.value));
  message.body = std::string(text);
  return message;
}

bool CpimMessage::is_report() const {
  const auto type = MediaType::parse(content.get("Content-Type").value_or(""));
  return type && type->type == kImdnType;
}

std::string write_cpim(const ReportRequest& request, WallTime now, const std::vector<SipHeaderField>& fields,
                       std::string_view body) {
  std::string wishes;
  const auto add = [&wishes](bool wanted, std::string_view word) {
    if (wanted) wishes.append(wishes.empty() ? "" : ", ").append(word);
  };
  add(request.delivered, "positive-delivery");
  add(request.failed, "negative-delivery");
  add(request.displayed, "display");
  std::string text = "From: <" + plain(request.from) + ">\r\nTo: <" + plain(request.to) + ">\r\nDateTime: " + time_text(now) +
                     "\r\nNS: imdn <" + std::string(kImdn) + ">\r\nimdn.Message-ID: " + plain(request.message_id) +
                     (wishes.empty() ? "" : "\r\nimdn.Disposition-Notification: " + wishes) + "\r\n\r\n";
  for (const auto& field : fields) text.append(field.name).append(": ").append(plain_value(field.value)).append("\r\n");
  // A receiver may look for it, and the body may hold anything (RFC 5438 7.1.1).
  text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return text;
}

std::string write_report(const ReportRequest& request, Disposition disposition, std::string_view id, WallTime now) {
  const auto time = time_text(now);
  const auto xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>" +
                   escaped(request.message_id) + "</message-id><datetime>" + time + "</datetime><recipient-uri>" +
                   escaped(request.to) + "</recipient-uri>" + notification(disposition) + "</imdn>\n";
  return "From: <" + plain(request.to) + ">\r\nTo: <" + plain(request.from) + ">\r\nNS: imdn <" + std::string(kImdn) +
         ">\r\nimdn.Message-ID: " + std::string(id) + "\r\nDateTime: " + time +
         "\r\n\r\nContent-Type: message/imdn+xml\r\nContent-Disposition: notification\r\nContent-Length: " +
         std::to_string(xml.size()) + "\r\n\r\n" + xml;
}

}  // namespace herald::push
