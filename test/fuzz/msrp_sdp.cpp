#include "check.h"
#include "herald/msrp.h"

using namespace herald;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = parse_msrp_sdp(text_of(data, size));
  if (!read) {
    require(!read.error().text.empty(), "a refusal has its reason");
    return 0;
  }
  require(read->port != 0 && !read->path.empty(), "what is taken can be used");
  const auto again = parse_msrp_sdp(to_sdp(*read, 1, 1));
  require(again.has_value(), "written SDP parses");
  require(again->port == read->port && again->tls == read->tls && again->path == read->path, "written SDP says the same");
  require(again->max_size == read->max_size && again->setup == read->setup && again->direction == read->direction,
          "written SDP says the same");
  (void)msrp_accepts(read->accept_types, "text/plain");
  return 0;
}
