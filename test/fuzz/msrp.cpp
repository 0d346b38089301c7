// The MSRP parser gives the same in one piece and in bytes; ranges, URIs and statuses that are read can be written.
#include "check.h"
#include "io/msrp_parser.h"
#include "io/msrp_ranges.h"
#include "io/msrp_text.h"
#include "io/msrp_uri.h"

using namespace herald::io;

namespace {

struct Outcome {
  std::string text;
  bool failed = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome run(std::string_view all, std::size_t step) {
  MsrpParser parser;
  Outcome out;
  std::string carry;
  while (!all.empty() && !out.failed) {
    carry += all.substr(0, step);
    all.remove_prefix(std::min(step, all.size()));
    std::string_view input = carry;
    for (;;) {
      const auto before = input.size();
      const auto next = parser.next(input);
      require(input.size() <= before, "the parser only takes");
      if (next == MsrpParser::Step::need_more) break;
      if (next == MsrpParser::Step::error) {
        require(!parser.fault().empty(), "an error has its reason");
        out.failed = true;
        break;
      }
      if (next == MsrpParser::Step::head) out.text += "<" + parser.head().transaction + parser.head().method + ">";
      if (next == MsrpParser::Step::body) {
        require(!parser.piece().empty(), "content is never nothing");
        out.text += parser.piece();
      }
      if (next == MsrpParser::Step::end) out.text += parser.flag();
    }
    require(out.failed || input.size() <= 4096 + 2, "what is kept is bounded");
    carry = std::string(input);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  const auto whole = run(text, std::max<std::size_t>(size, 1));
  require(whole == run(text, 1), "the pieces it comes in make no difference");
  require(whole == run(text, 7), "the pieces it comes in make no difference");
  if (const auto range = MsrpByteRange::parse(text)) {
    const auto again = MsrpByteRange::parse(range->text());
    require(again && again->start == range->start && again->end == range->end && again->total == range->total,
            "a written range is the same");
    MsrpRanges ranges;
    if (range->end) ranges.add(range->start - 1, *range->end);
    require(!range->end || ranges.covers(range->start - 1, *range->end), "what was added is covered");
  }
  if (const auto uri = MsrpUri::parse(text)) {
    const auto again = MsrpUri::parse(uri->text());
    require(again && *again == *uri, "a written URI equals itself");
  }
  (void)MsrpStatus::parse(text);
  return 0;
}
