#include "herald/sip_uri.h"

#include "check.h"

using namespace herald;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  if (const auto uri = SipUri::parse(text)) {
    const auto again = SipUri::parse(uri->text());
    require(again.has_value(), "a written URI parses");
    require(uri->equals(*again) && again->equals(*uri), "a URI equals itself");
    const auto key = uri->canonical();
    require(canonical_identity(key) == key, "the canonical form is its own canonical form");
  }
  if (const auto address = NameAddr::parse(text)) {
    const auto again = NameAddr::parse(address->text());
    require(again && again->uri == address->uri, "a written address parses");
  }
  if (const auto params = SipParams::parse(text)) {
    require(SipParams::parse(params->text()).has_value(), "written parameters parse");
  }
  for (const auto& uri : parse_associated_uris(text)) require(SipUri::parse(uri).has_value(), "an associated URI is a URI");
  (void)split_header_list(text);
  return 0;
}
