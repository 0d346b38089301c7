// HTTP/1.x requests and responses from bytes, in pieces of any size. RFC 9112, read strictly: whatever two sides could understand
// in two ways (request smuggling) is refused here. Pure: no sockets, no clock.
// Thread: one owner at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/http.h"
#include "io/http_limits.h"

namespace herald::io {

struct RequestHead {
  int status = 0;  // of a response, which has neither method nor target
  std::string method;
  std::string target;  // as received
  int minor = 1;       // HTTP/1.minor
  std::vector<HttpField> headers;
  std::uint64_t content_length = 0;
  bool chunked = false;
  bool until_close = false;  // the body of a response that says nothing of its length
  bool keep_alive = true;
  bool expects_continue = false;

  [[nodiscard]] bool has_body() const noexcept { return chunked || until_close || content_length > 0; }
};

// Why a message is refused; the connection cannot be used any more, since nobody knows where the next request begins.
struct HttpFault {
  int status = 400;
  std::string detail;
};

class HttpParser {
 public:
  enum class Side { request, response };
  enum class Step {
    need_more,  // all input consumed
    head,       // head() is complete
    body,       // body_piece() holds the next bytes of the body: a view of the input, valid until that is touched
    end,        // the request is complete; the next call starts another one
    error,      // fault() says why; final
  };

  explicit HttpParser(const HttpLimits& limits, Side side = Side::request)
      : limits_(limits),
        first_(side == Side::request ? State::request_line : State::status_line),
        state_(first_),
        body_limit_(limits.max_body_bytes) {}

  // Consumes from the front of `input`.
  Step next(std::string_view& input);

  [[nodiscard]] RequestHead& head() noexcept { return head_; }
  [[nodiscard]] std::string_view body_piece() const noexcept { return piece_; }
  [[nodiscard]] const HttpFault& fault() const noexcept { return fault_; }
  // Nothing of a request has been seen yet.
  [[nodiscard]] bool idle() const noexcept { return state_ == first_ && (line_.empty() || line_given_); }
  // May be changed when the head is known and until the first body byte is asked for.
  void limit_body(std::size_t bytes) noexcept { body_limit_ = bytes; }
  // The response to a HEAD says how long a body would be, and has none.
  void expect_no_body() noexcept { bodiless_ = true; }
  // The other side has closed: true when just that ends the response's body.
  [[nodiscard]] bool ends_with_close() const noexcept { return state_ == State::body_until_close; }

 private:
  enum class State {
    request_line,
    status_line,
    header,
    body_start,
    body,
    body_until_close,
    chunk_size,
    chunk_data,
    chunk_end,
    trailer,
    end,
    failed
  };

  Step on_request_line(std::string_view line);
  Step on_status_line(std::string_view line);
  Step on_header(std::string_view line);
  Step on_headers_end();
  Step on_body_start();
  Step on_chunk_size(std::string_view line);
  Step on_trailer(std::string_view line);
  Step take_body(std::string_view& input, std::uint64_t& left, State after);
  Step fail(int status, std::string detail);
  // A complete line without its CRLF; nothing when more input is needed or the state is `failed`.
  std::optional<std::string_view> take_line(std::string_view& input);
  [[nodiscard]] bool line_fits(std::size_t size);
  [[nodiscard]] bool reads_response() const noexcept { return first_ == State::status_line; }
  bool read_framing();

  const HttpLimits& limits_;
  const State first_;
  State state_;
  bool bodiless_ = false;
  bool length_known_ = false;
  std::string line_;          // begun, not ended
  bool line_given_ = false;   // line_ was handed out by take_line
  unsigned blank_lines_ = 0;  // before the request line
  std::size_t head_bytes_ = 0;
  std::uint64_t left_ = 0;  // of the body or chunk
  std::uint64_t received_ = 0;
  std::size_t body_limit_;
  std::string_view piece_;
  RequestHead head_;
  HttpFault fault_;
};

// token of RFC 9110 5.6.2
[[nodiscard]] bool is_token(std::string_view text) noexcept;
// field-value without control characters
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
// Does the comma-separated list contain this token?
[[nodiscard]] bool list_has(std::string_view list, std::string_view token) noexcept;
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

}  // namespace herald::io
