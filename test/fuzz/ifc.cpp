#include "check.h"
#include "ims/ifc_exporter.h"
#include "ims/ifc_parser.h"

using namespace herald;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = ims::parse_ifc(text_of(data, size));
  if (!document) return 0;
  const auto again = ims::parse_ifc(ims::write_ifc(*document));
  require(again.has_value(), "written criteria parse");
  (void)ims::ifc_differences(*document, *again);
  const SipMessage message{SipRequestLine{"MESSAGE", "sip:alice@ims.lab"}, {}, ""};
  const auto view = view_of(message, SessionCase::originating);
  ConditionEvaluator evaluator;
  for (const auto& profile : document->profiles) {
    for (const auto& criteria : profile.criteria) {
      require(ims::matches(criteria, view, evaluator) == ims::matches(criteria, view, evaluator), "a decision is stable");
    }
  }
  return 0;
}
