#include "check.h"
#include "pap/pap_address.h"
#include "pap/pap_application.h"
#include "pap/pap_capabilities.h"
#include "pap/pap_entity.h"
#include "pap/pap_parser.h"
#include "pap/pap_result.h"

using namespace herald;
using namespace herald::push;

namespace {

// Whatever was read can be written, and is then read as the same.
void check_document(std::string_view text) {
  const auto document = pap::parse_document(text);
  if (!document) {
    const auto& bad = document.error().answer;
    require(bad.code == 2000 || bad.code == 3001 || bad.code == 3002, "a refusal has one of its codes");
    require(!bad.desc.empty() && bad.fragment.size() <= 128, "a refusal says why, shortly");
    require(pap::parse_document(pap::to_xml({document.error().version, bad})).has_value(), "a refusal is a valid document");
    return;
  }
  const auto written = pap::to_xml(*document);
  const auto again = pap::parse_document(written);
  require(again.has_value(), "what we write is valid");
  require(pap::to_xml(*again) == written, "and says the same");
  if (const auto* push = std::get_if<pap::Push>(&document->body)) {
    const pap::AddressRules rules{{"ppg.ims.lab"}, "ims.lab", "", 256};
    for (const auto& value : push->addresses) {
      const auto address = pap::read_address(value, rules);
      if (address) require(address->address.size() <= 256 && !address->user.empty(), "an address is bounded");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  // A request begins with its Content-Type on a line of its own; anything else is a control entity.
  const auto line = text.find('\n');
  if (text.starts_with("multipart/") && line != std::string_view::npos) {
    const auto entities = pap::read_entities(text.substr(0, line), text.substr(line + 1), {});
    if (!entities) return 0;
    check_document(entities->control);
    if (entities->content) require(entities->content->bytes.size() <= size, "decoding does not grow");
    if (const auto id = pap::read_application(entities->application)) require(!id->token.empty(), "an application has a name");
    if (entities->capabilities) (void)pap::read_profile(*entities->capabilities);
    return 0;
  }
  check_document(text);
  (void)pap_result_taken(202, text);
  (void)pap::read_profile(text);
  (void)pap::decode_transfer("quoted-printable", text);
  (void)pap::decode_transfer("base64", text);
  return 0;
}
