#include "io/msrp_parser.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "message/chars.h"

namespace herald::io {
namespace {

bool is_flag(char c) noexcept { return c == '$' || c == '+' || c == '#'; }

// ident of RFC 4975 9: what a transaction id and a message id are made of.
bool is_ident(std::string_view text, std::size_t most) noexcept {
  return text.size() >= 4 && text.size() <= most && std::all_of(text.begin(), text.end(), [](char c) {
           return chars::is_alpha(c) || chars::is_digit(c) || c == '.' || c == '-' || c == '+' || c == '%' || c == '=';
         });
}

std::string* place_of(MsrpHead& head, std::string_view name) noexcept {
  using chars::same;
  if (same(name, "To-Path")) return &head.to_path;
  if (same(name, "From-Path")) return &head.from_path;
  if (same(name, "Message-ID")) return &head.message_id;
  if (same(name, "Byte-Range")) return &head.byte_range;
  if (same(name, "Success-Report")) return &head.success_report;
  if (same(name, "Failure-Report")) return &head.failure_report;
  if (same(name, "Status")) return &head.report_status;
  if (same(name, "Content-Type")) return &head.content_type;
  return nullptr;
}

}  // namespace

MsrpParser::Step MsrpParser::fail(std::string_view why) noexcept {
  state_ = State::failed;
  fault_ = why;
  return Step::error;
}

MsrpParser::Step MsrpParser::next(std::string_view& input) {
  switch (state_) {
    case State::start:
      return read_start(input);
    case State::headers:
      return read_headers(input);
    case State::head_done:  // a request without content: its end-line was read with the head
      state_ = State::start;
      return Step::end;
    case State::body_first:
    case State::body:
      return read_body(input);
    case State::end:
      state_ = State::start;
      return Step::end;
    case State::failed:
      break;
  }
  return Step::error;
}

bool MsrpParser::take_line(std::string_view& input, std::string_view& line) {
  const auto end = input.substr(0, limits_.line + 2).find("\r\n");
  if (end == std::string_view::npos) {
    if (input.size() > limits_.line + 1) (void)fail("a line is too long");
    return false;
  }
  line = input.substr(0, end);
  input.remove_prefix(end + 2);
  head_bytes_ += end + 2;
  if (std::any_of(line.begin(), line.end(), [](char c) { return chars::is_control(c) && c != '\t'; })) {
    (void)fail("a line has control characters");
    return false;
  }
  return true;
}

// "MSRP d93kswow SEND", "MSRP d93kswow 200 OK"
MsrpParser::Step MsrpParser::read_start(std::string_view& input) {
  constexpr std::string_view kName = "MSRP ";
  if (!kName.starts_with(input.substr(0, kName.size()))) return fail("this is not MSRP");
  head_bytes_ = 0;
  header_count_ = 0;
  std::string_view line;
  if (!take_line(input, line)) return state_ == State::failed ? Step::error : Step::need_more;
  line.remove_prefix(std::min(kName.size(), line.size()));
  const auto space = line.find(' ');
  if (space == std::string_view::npos || !is_ident(line.substr(0, space), 64)) return fail("the transaction id is malformed");
  head_ = MsrpHead{};
  head_.transaction = line.substr(0, space);
  line.remove_prefix(space + 1);
  const auto word = line.substr(0, line.find(' '));
  if (word.size() == 3 && std::all_of(word.begin(), word.end(), chars::is_digit)) {
    std::from_chars(word.data(), word.data() + word.size(), head_.status);
    if (line.size() > word.size()) head_.comment = line.substr(word.size() + 1);
  } else if (!word.empty() && word.size() == line.size() && word.size() <= 32 &&
             std::all_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    head_.method = word;
  } else {
    return fail("the start line has neither a method nor a status");
  }
  end_line_ = "\r\n-------" + head_.transaction;
  state_ = State::headers;
  return read_headers(input);
}

MsrpParser::Step MsrpParser::read_headers(std::string_view& input) {
  for (;;) {
    std::string_view line;
    if (!take_line(input, line)) return state_ == State::failed ? Step::error : Step::need_more;
    if (line.empty()) {
      if (head_.response()) return fail("a response has content");
      state_ = State::body_first;
      return Step::head;
    }
    if (const char flag = end_flag(line); flag != 0) {
      flag_ = flag;
      state_ = State::head_done;
      return Step::head;
    }
    if (head_bytes_ > limits_.head || ++header_count_ > limits_.headers) return fail("too many headers");
    if (!read_header(line)) return fail("a header is malformed");
  }
}

bool MsrpParser::read_header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos || !chars::all(line.substr(0, colon), chars::kToken)) return false;
  const auto name = line.substr(0, colon);
  const auto value = chars::trim(line.substr(colon + 1));
  if (auto* place = place_of(head_, name)) {
    if (!place->empty()) return false;  // which of two would count?
    *place = value;
    return true;
  }
  head_.headers.emplace_back(name, value);
  return true;
}

char MsrpParser::end_flag(std::string_view line) const noexcept {
  const auto wanted = std::string_view(end_line_).substr(2);
  return line.size() == wanted.size() + 1 && line.starts_with(wanted) && is_flag(line.back()) ? line.back() : '\0';
}

MsrpParser::Step MsrpParser::read_body(std::string_view& input) {
  const std::size_t whole = end_line_.size() + 3;  // with flag and CRLF
  if (state_ == State::body_first) {
    // Empty content is written with an empty line before the end-line, and without by some.
    const auto bare = std::string_view(end_line_).substr(2);
    if (input.size() < bare.size() + 3 && bare.starts_with(input.substr(0, bare.size()))) return Step::need_more;
    if (const auto end = input.substr(0, bare.size() + 3);
        end.size() == bare.size() + 3 && end.ends_with("\r\n") && end_flag(end.substr(0, end.size() - 2)) != 0) {
      flag_ = end[bare.size()];
      input.remove_prefix(end.size());
      state_ = State::start;
      return Step::end;
    }
    state_ = State::body;
  }
  std::size_t from = 0;
  for (;;) {
    // One pass over the content with the C library's search; everything before a hit is content.
    const void* found =
        input.size() > from ? ::memmem(input.data() + from, input.size() - from, end_line_.data(), end_line_.size()) : nullptr;
    if (found == nullptr) {
      // The end-line may have begun in the last bytes: from the last CR that could be its first.
      const auto tail = input.size() - std::min(input.size(), end_line_.size() - 1);
      auto keep = input.find('\r', std::max(tail, from));
      while (keep != std::string_view::npos && !std::string_view(end_line_).starts_with(input.substr(keep)))
        keep = input.find('\r', keep + 1);
      piece_ = input.substr(0, keep);
      input.remove_prefix(piece_.size());
      return piece_.empty() ? Step::need_more : Step::body;
    }
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - input.data());
    if (input.size() < at + whole) {
      // Content is handed out first; what could be the end waits for its last three bytes, unless they cannot be right any more.
      const auto rest = input.substr(at + end_line_.size());
      const bool possible = (rest.empty() || is_flag(rest[0])) && (rest.size() < 2 || rest[1] == '\r');
      if (possible) {
        piece_ = input.substr(0, at);
        input.remove_prefix(at);
        return piece_.empty() ? Step::need_more : Step::body;
      }
    } else if (is_flag(input[at + end_line_.size()]) && input[at + whole - 2] == '\r' && input[at + whole - 1] == '\n') {
      flag_ = input[at + end_line_.size()];
      piece_ = input.substr(0, at);
      input.remove_prefix(at + whole);
      state_ = piece_.empty() ? State::start : State::end;
      return piece_.empty() ? Step::end : Step::body;
    }
    from = at + 1;  // looked like it, but is content
  }
}

}  // namespace herald::io
