#include "capability/options_probe.h"

#include <algorithm>

namespace herald::push {

bool worth_asking(const PushJob& job, const Attempt& wish, const Capabilities& known) {
  if (wish.mode == Mode::notify || known.knows_types() || job.contents.empty()) return false;
  const auto& content = job.contents[std::min<std::size_t>(wish.content, job.contents.size() - 1)];
  return media_range(content.type) != "text/plain" || content.size() > wish.max_bytes;
}

}  // namespace herald::push
