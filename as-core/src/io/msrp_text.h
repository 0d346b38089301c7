// The small texts of MSRP: Byte-Range, Status, requests and responses as they go out, and identifiers nobody can guess.
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/msrp_parser.h"

namespace herald::io {

// "1-200/1000", "201-*/*": positions count from 1.
struct MsrpByteRange {
  std::uint64_t start = 1;
  std::optional<std::uint64_t> end;
  std::optional<std::uint64_t> total;

  // None of the three may contradict another.
  static std::optional<MsrpByteRange> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
};

// "000 413 too large": nothing for another namespace than 000.
struct MsrpStatus {
  int code = 0;
  std::string comment;
  static std::optional<MsrpStatus> parse(std::string_view text);
};

enum class MsrpFailureReport : std::uint8_t { yes, partial, no };
[[nodiscard]] std::optional<MsrpFailureReport> parse_failure_report(std::string_view text);  // empty: yes

[[nodiscard]] std::string_view msrp_comment(int status) noexcept;
// To a request that came from `from_path` to our `own_path`.
[[nodiscard]] std::string msrp_response(std::string_view transaction, int status, std::string_view to_path,
                                        std::string_view own_path);

struct MsrpReport {
  std::string message_id;
  MsrpByteRange range;
  int status = 200;
};
[[nodiscard]] std::string msrp_report(std::string_view transaction, std::string_view to_path, std::string_view own_path,
                                      const MsrpReport& report);

// 120 random bits from the kernel in letters and digits: as transaction id, nothing that is sent can have been made to hold it.
[[nodiscard]] std::string random_ident();

// What may be sent as a header of a message: a token, and text without line breaks, that is none of MSRP's own.
[[nodiscard]] bool is_mime_header(std::string_view name, std::string_view value) noexcept;
[[nodiscard]] bool is_msrp_ident(std::string_view text) noexcept;

}  // namespace herald::io
