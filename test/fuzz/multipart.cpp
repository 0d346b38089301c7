#include "check.h"
#include "herald/sip_message.h"

using namespace herald;

// The first line is the content type.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  const auto body = text.substr(end + 1);
  const auto parts = parse_multipart(text.substr(0, end), body);
  if (!parts) return 0;
  require(!parts->empty() && parts->size() <= 32, "1 to 32 parts");
  std::size_t total = 0;
  for (const auto& part : *parts) total += part.body.size();
  require(total <= body.size(), "parts are parts of the body");
  return 0;
}
