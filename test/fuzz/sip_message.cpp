#include "herald/sip_message.h"

#include "check.h"

using namespace herald;

// What parses is written so that it parses to the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = SipMessage::parse(text_of(data, size));
  if (!message) return 0;
  if (message->headers.fields().size() >= 256) return 0;  // writing adds Content-Length, which would be one too many
  const auto written = message->text();
  const auto again = SipMessage::parse(written);
  require(again.has_value(), "a written message parses");
  require(again->body == message->body, "the body stays");
  require(again->text() == written, "writing is stable");
  for (const auto& field : message->headers.fields()) {
    (void)NameAddr::parse_list(field.value);
    (void)MediaType::parse(field.value);
    (void)parse_associated_uris(field.value);
  }
  if (const auto type = message->headers.get("Content-Type")) (void)parse_multipart(*type, message->body);
  return 0;
}
