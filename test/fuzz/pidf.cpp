#include "capability/pidf.h"

#include "capability/capability_report.h"
#include "check.h"

using namespace herald;
using namespace herald::push;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = parse_pidf(text_of(data, size));
  if (!document) return 0;
  const WallTime now{};
  const auto until = now + std::chrono::seconds(60);
  CapabilityReport report;
  report.user = "sip:alice@ims.lab";
  report.facts = facts_of(*document, report.user, now, until);
  for (const auto& fact : report.facts) {
    require(fact.valid_until == until, "a fact ends with its source");
    require(!fact.value.empty() && fact.value.size() <= kMaxFactValue, "a value is bounded");
  }
  require(report.facts.size() <= kMaxFacts * (document->tuples.size() + 1), "facts are bounded");
  const auto merged = merge_facts(report.facts, {}, "news.ua", now);
  require(merged.facts.size() <= report.facts.size(), "merging adds nothing");
  require(merge_facts(report.facts, {}, "news.ua", until).facts.empty(), "nothing outlives its source");
  (void)merged.takes_type("image/png");
  // The report merges once for each fact.
  if (report.facts.size() < 64) require(!to_json(report).empty(), "a report is written");
  return 0;
}
