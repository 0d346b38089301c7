#include "io/msrp_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sys/random.h>

#include "message/chars.h"

namespace herald::io {
namespace {

std::optional<std::uint64_t> number(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A number, or '*' for "not known": false when it is neither.
bool number_or_star(std::string_view text, std::optional<std::uint64_t>& out) noexcept {
  if (text == "*") return true;
  out = number(text);
  return out.has_value();
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::optional<MsrpByteRange> MsrpByteRange::parse(std::string_view text) {
  MsrpByteRange out;
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
  const auto start = number(text.substr(0, dash));
  if (!start || *start == 0) return std::nullopt;
  out.start = *start;
  if (!number_or_star(text.substr(dash + 1, slash - dash - 1), out.end)) return std::nullopt;
  if (!number_or_star(text.substr(slash + 1), out.total)) return std::nullopt;
  if (out.end && *out.end + 1 < out.start) return std::nullopt;  // 1-0 is the range of nothing
  if (out.end && *out.end == UINT64_MAX) return std::nullopt;
  if (out.total && out.start > *out.total && out.start - 1 != *out.total) return std::nullopt;
  if (out.total && out.end && *out.end > *out.total) return std::nullopt;
  return out;
}

std::string MsrpByteRange::text() const {
  return std::to_string(start) + '-' + (end ? std::to_string(*end) : "*") + '/' + (total ? std::to_string(*total) : "*");
}

std::optional<MsrpStatus> MsrpStatus::parse(std::string_view text) {
  if (!text.starts_with("000 ")) return std::nullopt;
  text.remove_prefix(4);
  const auto code = number(text.substr(0, 3));
  if (!code || *code < 100 || *code > 999 || (text.size() > 3 && text[3] != ' ')) return std::nullopt;
  MsrpStatus out;
  out.code = static_cast<int>(*code);
  if (text.size() > 4) out.comment = text.substr(4);
  return out;
}

std::optional<MsrpFailureReport> parse_failure_report(std::string_view text) {
  if (text.empty() || chars::same(text, "yes")) return MsrpFailureReport::yes;
  if (chars::same(text, "partial")) return MsrpFailureReport::partial;
  if (chars::same(text, "no")) return MsrpFailureReport::no;
  return std::nullopt;
}

std::string_view msrp_comment(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 408:
      return "Timeout";
    case 413:
      return "Stop Sending";
    case 415:
      return "Unsupported Media Type";
    case 423:
      return "Out Of Bounds";
    case 481:
      return "No Such Session";
    case 501:
      return "Unknown Method";
    case 506:
      return "Bound To Another Connection";
    default:
      return status / 100 == 2 ? "OK" : "Failed";
  }
}

std::string msrp_response(std::string_view transaction, int status, std::string_view to_path, std::string_view own_path) {
  std::string out;
  out.reserve(128 + to_path.size() + own_path.size());
  out.append("MSRP ").append(transaction).append(" ").append(std::to_string(status)).append(" ").append(msrp_comment(status));
  out += "\r\n";
  append_header(out, "To-Path", to_path);
  append_header(out, "From-Path", own_path);
  return out.append("-------").append(transaction).append("$\r\n");
}

std::string msrp_report(std::string_view transaction, std::string_view to_path, std::string_view own_path,
                        const MsrpReport& report) {
  std::string out;
  out.append("MSRP ").append(transaction).append(" REPORT\r\n");
  append_header(out, "To-Path", to_path);
  append_header(out, "From-Path", own_path);
  append_header(out, "Message-ID", report.message_id);
  append_header(out, "Byte-Range", report.range.text());
  append_header(out, "Status", "000 " + std::to_string(report.status) + ' ' + std::string(msrp_comment(report.status)));
  return out.append("-------").append(transaction).append("$\r\n");
}

std::string random_ident() {
  static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<unsigned char, 24> bytes{};
  std::size_t have = 0;
  while (have < bytes.size()) {  // at most once interrupted: 24 bytes come whole
    const auto got = ::getrandom(bytes.data() + have, bytes.size() - have, 0);
    if (got > 0) have += static_cast<std::size_t>(got);
  }
  std::string out;
  for (const auto byte : bytes) out += kLetters[byte % kLetters.size()];
  return out;
}

bool is_mime_header(std::string_view name, std::string_view value) noexcept {
  static constexpr std::array<std::string_view, 9> kOwn{"To-Path",    "From-Path",      "Message-ID",
                                                        "Byte-Range", "Success-Report", "Failure-Report",
                                                        "Status",     "Content-Type",   "Use-Path"};
  return !name.empty() && name.size() <= 64 && chars::all(name, chars::kToken) && value.size() <= 2048 &&
         std::none_of(value.begin(), value.end(), [](char c) { return chars::is_control(c) && c != '\t'; }) &&
         std::none_of(kOwn.begin(), kOwn.end(), [name](std::string_view own) { return chars::same(own, name); });
}

bool is_msrp_ident(std::string_view text) noexcept {
  return text.size() >= 4 && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char c) { return !chars::is_control(c) && c != ' '; });
}

}  // namespace herald::io
