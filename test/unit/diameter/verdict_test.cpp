#include <doctest/doctest.h>

#include "sh_verdict.h"

using namespace herald;
using namespace herald::diameter;

namespace {
ShAnswer base(std::uint32_t code) {
  ShAnswer answer;
  answer.kind = ShAnswer::Kind::answered;
  answer.result_code = code;
  return answer;
}
ShAnswer experimental(std::uint32_t code) {
  ShAnswer answer;
  answer.kind = ShAnswer::Kind::answered;
  answer.experimental_code = code;
  return answer;
}
}  // namespace

TEST_CASE("SH section 7: what every result means for a read") {
  struct Row {
    ShAnswer answer;
    ShResult result;
    Retry retry;
  };
  const Row rows[] = {
      {base(2001), ShResult::ok, Retry::none},
      {base(2002), ShResult::ok, Retry::none},
      {base(3002), ShResult::unavailable, Retry::elsewhere},
      {base(3003), ShResult::unavailable, Retry::none},
      {base(3004), ShResult::busy, Retry::elsewhere},
      {base(3005), ShResult::unavailable, Retry::none},
      {base(3006), ShResult::unavailable, Retry::redirect},
      {base(3007), ShResult::unavailable, Retry::none},
      {base(4002), ShResult::busy, Retry::backoff},
      {base(5001), ShResult::unavailable, Retry::none},
      {base(5004), ShResult::unavailable, Retry::none},
      {base(5005), ShResult::unavailable, Retry::none},
      {base(5012), ShResult::busy, Retry::once_later},
      {base(5030), ShResult::user_unknown, Retry::none},
      {base(5999), ShResult::busy, Retry::none},
      {base(1001), ShResult::malformed, Retry::none},
      {base(0), ShResult::malformed, Retry::none},
      {base(4294967295U), ShResult::malformed, Retry::none},
      {experimental(2001), ShResult::ok, Retry::none},
      {experimental(4100), ShResult::busy, Retry::backoff},
      {experimental(4199), ShResult::busy, Retry::backoff},
      {experimental(5001), ShResult::user_unknown, Retry::none},
      {experimental(5002), ShResult::no_data, Retry::none},
      {experimental(5101), ShResult::no_data, Retry::none},
      {experimental(5102), ShResult::not_permitted, Retry::none},
      {experimental(5106), ShResult::no_data, Retry::none},
      {experimental(5999), ShResult::busy, Retry::none},
  };
  for (const auto& row : rows) {
    CAPTURE(row.answer.result_code.value_or(0));
    CAPTURE(row.answer.experimental_code.value_or(0));
    const auto verdict = judge(row.answer);
    CHECK(verdict.result == row.result);
    CHECK(verdict.retry == row.retry);
    CHECK(verdict.code == row.answer.result_code.value_or(row.answer.experimental_code.value_or(0)));
  }
}

TEST_CASE("SH-40: 5001 means two things, by the AVP that carries it") {
  CHECK(judge(base(5001)).result == ShResult::unavailable);
  CHECK(judge(experimental(5001)).result == ShResult::user_unknown);
}

TEST_CASE("SH-04: both results or neither is malformed") {
  auto both = base(2001);
  both.experimental_code = 5001;
  CHECK(judge(both).result == ShResult::malformed);
  ShAnswer neither;
  neither.kind = ShAnswer::Kind::answered;
  CHECK(judge(neither).result == ShResult::malformed);
}

TEST_CASE("ends without an answer have their own results") {
  const auto of = [](ShAnswer::Kind kind) {
    ShAnswer answer;
    answer.kind = kind;
    return judge(answer).result;
  };
  CHECK(of(ShAnswer::Kind::no_peer) == ShResult::unavailable);
  CHECK(of(ShAnswer::Kind::dropped) == ShResult::malformed);
  CHECK(of(ShAnswer::Kind::timed_out) == ShResult::timeout);
  CHECK(of(ShAnswer::Kind::refused) == ShResult::busy);
  CHECK(of(ShAnswer::Kind::stopped) == ShResult::unavailable);
}
