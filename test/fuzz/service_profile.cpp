#include "check.h"
#include "config/condition_evaluator.h"
#include "config/service_profile_loader.h"
#include "ims/ifc_exporter.h"
#include "ims/ifc_parser.h"

using namespace herald;

// A profile that loads can be exported, and what was exported reads back as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ConfigIssues issues;
  const auto profile = parse_service_profile(text_of(data, size), "fuzz.yaml", {}, issues);
  require(profile.has_value() == issues.ok(), "no profile without an issue");
  if (!profile) return 0;
  const auto document = ims::make_ifc({*profile});
  require(document.has_value(), "a loaded profile can be exported");
  if (!document->profiles.empty()) {
    const auto again = ims::parse_ifc(ims::write_ifc(*document));
    require(again.has_value() && again->profiles.size() == document->profiles.size(), "what was exported parses");
  }
  SipMessage message{SipRequestLine{"MESSAGE", "sip:alice@ims.lab"}, {}, ""};
  message.headers.add("Event", "oma-push;appid=\"news.ua\"");
  ConditionEvaluator evaluator;
  for (const auto& trigger : profile->triggers) {
    if (trigger.when) (void)evaluator.holds(*trigger.when, view_of(message, SessionCase::originating));
  }
  return 0;
}
