// Bytes of one connection -> MSRP requests and responses (RFC 4975 9), content in pieces that stay where they are.
// Thread: one owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace herald::io {

struct MsrpHead {
  std::string transaction;
  std::string method;  // "SEND", "REPORT"; empty: a response
  int status = 0;      // of a response
  std::string comment;
  std::string to_path;
  std::string from_path;
  std::string message_id;
  std::string byte_range;
  std::string success_report;
  std::string failure_report;
  std::string report_status;  // Status: of a REPORT
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;  // all others, as they came
  [[nodiscard]] bool response() const noexcept { return method.empty(); }
};

struct MsrpParserLimits {
  std::size_t line = 4096;
  std::size_t headers = 64;
  std::size_t head = 16 * 1024;
};

class MsrpParser {
 public:
  enum class Step : std::uint8_t {
    need_more,  // everything usable was taken; what is left must come again with more behind it
    head,       // head() is complete; body or end follow
    body,       // piece() is content
    end,        // flag() ends it: '$', '+' or '#'
    error,      // fault() says why; the connection cannot be understood any more
  };

  explicit MsrpParser(MsrpParserLimits limits = {}) noexcept : limits_(limits) {}

  // Takes what it uses from the front of `input`. piece() points into it.
  Step next(std::string_view& input);
  [[nodiscard]] MsrpHead& head() noexcept { return head_; }
  [[nodiscard]] std::string_view piece() const noexcept { return piece_; }
  [[nodiscard]] char flag() const noexcept { return flag_; }
  [[nodiscard]] std::string_view fault() const noexcept { return fault_; }
  // Between two messages: the connection may end here.
  [[nodiscard]] bool at_rest() const noexcept { return state_ == State::start; }

 private:
  enum class State : std::uint8_t { start, headers, head_done, body_first, body, end, failed };

  Step fail(std::string_view why) noexcept;
  // False: not complete yet, or fault.
  bool take_line(std::string_view& input, std::string_view& line);
  Step read_start(std::string_view& input);
  Step read_headers(std::string_view& input);
  Step read_body(std::string_view& input);
  bool read_header(std::string_view line);
  // The flag of "-------tid$"; 0: something else.
  [[nodiscard]] char end_flag(std::string_view line) const noexcept;

  MsrpParserLimits limits_;
  State state_ = State::start;
  MsrpHead head_;
  std::string end_line_;  // "\r\n-------tid"
  std::size_t head_bytes_ = 0;
  std::size_t header_count_ = 0;
  std::string_view piece_;
  char flag_ = 0;
  std::string_view fault_;
};

}  // namespace herald::io
