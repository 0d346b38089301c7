#include "io/http_parser.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace herald::io {
namespace {

constexpr std::size_t kMaxChunkLine = 256;  // size and extensions; nobody sends extensions
constexpr std::size_t kMaxMethod = 32;
constexpr unsigned kMaxBlankLines = 2;  // RFC 9112 2.2 asks to forgive at least one before the request line

constexpr std::array<bool, 256> token_table() {
  std::array<bool, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = table[c + 32] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kToken = token_table();

// RFC 3986 characters and '%'. Brackets only belong into IPv6 hosts, but queries use them. '#' never goes over the wire.
constexpr std::array<bool, 256> target_table() {
  std::array<bool, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = table[c + 32] = true;
  for (char c : std::string_view("-._~:/?[]@!$&'()*+,;=%")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kTarget = target_table();

bool all_in(const std::array<bool, 256>& table, std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [&](char c) { return table[static_cast<unsigned char>(c)]; });
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

bool is_token(std::string_view text) noexcept { return !text.empty() && all_in(kToken, text); }

bool is_field_value(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && c != '\t') || u == 0x7f;
  });
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool list_has(std::string_view list, std::string_view token) noexcept {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (equals_ignoring_case(trimmed(list.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

HttpParser::Step HttpParser::fail(int status, std::string detail) {
  state_ = State::failed;
  fault_ = HttpFault{status, std::move(detail)};
  return Step::error;
}

HttpParser::Step HttpParser::next(std::string_view& input) {
  for (;;) {
    switch (state_) {
      case State::failed:
        return Step::error;
      case State::end:
        state_ = first_;
        line_.clear();
        line_given_ = false;
        blank_lines_ = 0;
        head_bytes_ = 0;
        received_ = 0;
        body_limit_ = limits_.max_body_bytes;
        head_ = RequestHead{};
        return Step::end;
      case State::body_start: {
        if (const auto step = on_body_start(); step != Step::need_more) return step;
        break;
      }
      case State::body:
        return take_body(input, left_, State::end);
      case State::body_until_close: {
        if (input.size() > body_limit_ || received_ + input.size() > body_limit_)
          return fail(413, "body is longer than " + std::to_string(body_limit_) + " bytes");
        received_ += input.size();
        left_ = input.size() + 1;  // never reached: only the end of the connection ends it
        return take_body(input, left_, State::end);
      }
      case State::chunk_data:
        return take_body(input, left_, State::chunk_end);
      default: {
        const auto state = state_;
        const auto line = take_line(input);
        if (!line) return state_ == State::failed ? Step::error : Step::need_more;
        Step step = Step::need_more;
        if (state == State::request_line) step = on_request_line(*line);
        if (state == State::status_line) step = on_status_line(*line);
        if (state == State::header) step = line->empty() ? on_headers_end() : on_header(*line);
        if (state == State::chunk_size) step = on_chunk_size(*line);
        if (state == State::chunk_end) {
          if (!line->empty()) return fail(400, "chunk is longer than its size says");
          state_ = State::chunk_size;
        }
        if (state == State::trailer) step = on_trailer(*line);
        if (step != Step::need_more) return step;
      }
    }
  }
}

bool HttpParser::line_fits(std::size_t size) {
  switch (state_) {
    case State::request_line:
      if (size > limits_.max_request_line) {
        fail(414, "request line is longer than " + std::to_string(limits_.max_request_line) + " bytes");
        return false;
      }
      [[fallthrough]];
    case State::status_line:
    case State::header:
    case State::trailer:
      if (head_bytes_ + size > limits_.max_header_bytes) {
        fail(431, "header is longer than " + std::to_string(limits_.max_header_bytes) + " bytes");
        return false;
      }
      return true;
    default:
      if (size > kMaxChunkLine) {
        fail(400, "chunk size line is too long");
        return false;
      }
      return true;
  }
}

std::optional<std::string_view> HttpParser::take_line(std::string_view& input) {
  if (line_given_) {
    line_.clear();
    line_given_ = false;
  }
  if (input.empty()) return std::nullopt;
  // Something else than HTTP (a TLS hello, say) is refused at its first byte, not after the time-out.
  if (state_ == State::request_line && line_.empty() && input.front() != '\r' &&
      !kToken[static_cast<unsigned char>(input.front())]) {
    fail(400, "this is not an HTTP request");
    return std::nullopt;
  }
  if (state_ == State::status_line && line_.empty() && input.front() != 'H') {
    fail(400, "this is not an HTTP response");
    return std::nullopt;
  }
  const auto end = input.find('\n');
  if (end == std::string_view::npos) {
    if (!line_fits(line_.size() + input.size())) return std::nullopt;
    line_.append(input);
    input = {};
    return std::nullopt;
  }
  auto line = input.substr(0, end);
  input.remove_prefix(end + 1);
  if (!line_.empty()) {
    if (!line_fits(line_.size() + line.size())) return std::nullopt;
    line_.append(line);
    line = line_;
  }
  line_given_ = true;
  if (!line_fits(line.size())) return std::nullopt;
  if (line.empty() || line.back() != '\r') {
    fail(400, "line ends without CR");  // RFC 9112 2.2 would allow it; a bare LF is what smugglers use
    return std::nullopt;
  }
  line.remove_suffix(1);
  if (state_ == first_ || state_ == State::header || state_ == State::trailer) head_bytes_ += line.size() + 2;
  return line;
}

// HTTP/1.1 200 [reason]
HttpParser::Step HttpParser::on_status_line(std::string_view line) {
  if (line.size() < 12 || line.substr(0, 7) != "HTTP/1." || !is_digit(line[7]) || line[8] != ' ' || !is_digit(line[9]) ||
      !is_digit(line[10]) || !is_digit(line[11]) || (line.size() > 12 && line[12] != ' ') || line[9] < '1' || line[9] > '5')
    return fail(400, "status line is not HTTP/1.1 STATUS REASON");
  head_.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  head_.minor = line[7] == '0' ? 0 : 1;
  state_ = State::header;
  return Step::need_more;
}

HttpParser::Step HttpParser::on_request_line(std::string_view line) {
  if (line.empty()) {
    if (++blank_lines_ > kMaxBlankLines) return fail(400, "empty lines instead of a request");
    head_bytes_ = 0;
    return Step::need_more;
  }
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return fail(400, "request line is not METHOD TARGET VERSION");
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(method)) return fail(400, "method is not a token");
  if (method.size() > kMaxMethod) return fail(501, "method is not known");
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7]))
    return fail(400, "version is not HTTP/1.1");
  if (version[5] != '1') return fail(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  if (target.empty() || !all_in(kTarget, target)) return fail(400, "request target has characters that a URI cannot have");
  head_.method.assign(method);
  head_.target.assign(target);
  head_.minor = version[7] == '0' ? 0 : 1;
  state_ = State::header;
  return Step::need_more;
}

HttpParser::Step HttpParser::on_header(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return fail(400, "folded header field");  // RFC 9112 5.2
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return fail(400, "header field without a colon");
  const auto name = line.substr(0, colon);
  if (!is_token(name)) return fail(400, "header field name is not a token");  // covers "Name :"
  const auto value = trimmed(line.substr(colon + 1));
  if (!is_field_value(value)) return fail(400, "header field value has control characters");
  if (head_.headers.size() >= limits_.max_headers)
    return fail(431, "more than " + std::to_string(limits_.max_headers) + " header fields");
  if (head_.headers.empty()) head_.headers.reserve(16);
  head_.headers.push_back(HttpField{std::string(name), std::string(value)});
  return Step::need_more;
}

// Where the body ends, RFC 9112 6.3; false with a fault when that could be read in two ways.
bool HttpParser::read_framing() {
  unsigned hosts = 0;
  const std::string* length = nullptr;
  const std::string* coding = nullptr;
  bool close = false;
  bool keep = false;
  for (const auto& field : head_.headers) {
    if (equals_ignoring_case(field.name, "host")) {
      ++hosts;
    } else if (equals_ignoring_case(field.name, "content-length")) {
      if (length) return fail(400, "more than one Content-Length"), false;
      length = &field.value;
    } else if (equals_ignoring_case(field.name, "transfer-encoding")) {
      if (coding) return fail(400, "more than one Transfer-Encoding"), false;
      coding = &field.value;
    } else if (equals_ignoring_case(field.name, "connection")) {
      close = close || list_has(field.value, "close");
      keep = keep || list_has(field.value, "keep-alive");
    } else if (equals_ignoring_case(field.name, "expect") && !reads_response()) {
      if (!equals_ignoring_case(field.value, "100-continue")) return fail(417, "only 100-continue can be expected"), false;
      head_.expects_continue = head_.minor >= 1;
    }
  }
  if (hosts > 1) return fail(400, "more than one Host"), false;
  if (hosts == 0 && head_.minor >= 1 && !reads_response()) return fail(400, "Host is missing"), false;
  head_.keep_alive = head_.minor >= 1 ? !close : keep && !close;
  if (coding) {
    if (length) return fail(400, "both Content-Length and Transfer-Encoding"), false;
    if (head_.minor == 0) return fail(400, "Transfer-Encoding in HTTP/1.0"), false;
    if (!equals_ignoring_case(*coding, "chunked")) return fail(501, "the only transfer coding here is chunked"), false;
    head_.chunked = true;
  }
  length_known_ = length != nullptr;
  if (length) {
    if (length->empty() || !std::all_of(length->begin(), length->end(), is_digit))
      return fail(400, "Content-Length is not a number"), false;
    const auto [end, error] = std::from_chars(length->data(), length->data() + length->size(), head_.content_length);
    if (error != std::errc{} || end != length->data() + length->size())
      return fail(413, "Content-Length is beyond all limits"), false;
  }
  return true;
}

HttpParser::Step HttpParser::on_headers_end() {
  if (!read_framing()) return Step::error;
  if (reads_response()) {
    // RFC 9112 6.3: these have no body whatever their fields say.
    if (bodiless_ || head_.status < 200 || head_.status == 204 || head_.status == 304) {
      head_.chunked = false;
      head_.content_length = 0;
      length_known_ = true;
    }
    head_.until_close = !head_.chunked && !length_known_;
  }
  state_ = State::body_start;
  return Step::head;
}

HttpParser::Step HttpParser::on_body_start() {
  if (head_.until_close) {
    state_ = State::body_until_close;
    return Step::need_more;
  }
  if (head_.chunked) {
    state_ = State::chunk_size;
    return Step::need_more;
  }
  if (head_.content_length > body_limit_) return fail(413, "body is longer than " + std::to_string(body_limit_) + " bytes");
  left_ = head_.content_length;
  state_ = left_ > 0 ? State::body : State::end;
  return Step::need_more;
}

HttpParser::Step HttpParser::take_body(std::string_view& input, std::uint64_t& left, State after) {
  if (input.empty()) return Step::need_more;
  piece_ = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, input.size())));
  input.remove_prefix(piece_.size());
  left -= piece_.size();
  if (left == 0) state_ = after;
  return Step::body;
}

HttpParser::Step HttpParser::on_chunk_size(std::string_view line) {
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  if (error == std::errc::result_out_of_range) return fail(413, "chunk size is beyond all limits");
  if (error != std::errc{}) return fail(400, "chunk size is not a hexadecimal number");
  const auto extension = line.substr(static_cast<std::size_t>(end - line.data()));
  if (!extension.empty() && (extension.front() != ';' || !is_field_value(extension)))
    return fail(400, "chunk size is not a hexadecimal number");
  if (size > body_limit_ || received_ + size > body_limit_)
    return fail(413, "body is longer than " + std::to_string(body_limit_) + " bytes");
  received_ += size;
  left_ = size;
  state_ = size > 0 ? State::chunk_data : State::trailer;
  return Step::need_more;
}

// Trailer fields are checked like headers and then forgotten: nothing here may be decided by a field that comes after the body.
HttpParser::Step HttpParser::on_trailer(std::string_view line) {
  if (line.empty()) {
    state_ = State::end;
    return Step::need_more;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) || !is_field_value(line.substr(colon + 1)))
    return fail(400, "malformed trailer field");
  return Step::need_more;
}

}  // namespace herald::io
