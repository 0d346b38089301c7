#include "delivery/content_choice.h"

#include <algorithm>

#include "herald/sip_message.h"
#include "initiator/initiator_auth.h"

namespace herald::push {
namespace {

std::string_view without_parameters(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type;
}

// RFC 3261 20.1: "not acceptable" is q=0, q=0.0 …
bool refused_by_q(std::string_view range) {
  const auto parsed = SipParams::parse(range.find(';') == std::string_view::npos ? "" : range.substr(range.find(';')));
  if (!parsed) return false;
  const auto q = parsed->get("q");
  return q && !q->empty() && q->find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

bool media_range_matches(std::string_view range, std::string_view type) {
  range = without_parameters(range);
  if (range == "*/*" || range == "*") return true;
  if (range.ends_with("/*"))
    range.remove_suffix(1);
  else
    return matches_pattern(range, without_parameters(type)) && !range.ends_with('*');
  const auto plain = without_parameters(type);
  return plain.size() > range.size() && matches_pattern(std::string(range) + "*", plain);
}

bool accept_allows(const std::vector<std::string>& accept, std::string_view type) {
  return std::any_of(accept.begin(), accept.end(),
                     [&](const auto& range) { return media_range_matches(range, type) && !refused_by_q(range); });
}

bool ReceiverTraits::takes(const Content& content) const {
  if (profile != nullptr) {
    if (profile->max_bytes && content.size() > *profile->max_bytes) return false;
    const auto& types = profile->content_types;
    const auto matches = [&](const auto& range) { return media_range_matches(range, content.type); };
    if (!types.empty() && std::none_of(types.begin(), types.end(), matches)) return false;
  }
  if (capabilities != nullptr) {
    if (capabilities->takes_type(content.type) == Support::no) return false;
    const auto most = capabilities->max_content();
    if (most && content.size() > *most) return false;
  }
  return true;
}

bool ReceiverTraits::takes_in_request(const Content& content) const {
  if (!takes(content) || content.blob) return false;
  const auto most = capabilities != nullptr ? capabilities->max_size() : std::nullopt;
  return !most || content.size() <= *most;
}

std::optional<NotifyForm> choose_for_notify(const PushJob& job, std::uint8_t from, const std::vector<std::string>& accept,
                                            const ReceiverTraits& traits) {
  const bool envelope = accept.empty() || accept_allows(accept, kEnvelopeType);
  for (const bool relabelled : {false, true}) {
    if (relabelled && !envelope) break;
    for (std::size_t i = from; i < job.contents.size(); ++i) {
      if (!relabelled && !accept_allows(accept, job.contents[i].type)) continue;
      if (!traits.takes(job.contents[i])) continue;
      return NotifyForm{static_cast<std::uint8_t>(i), relabelled};
    }
  }
  return std::nullopt;
}

std::optional<std::uint8_t> choose_for_message(const PushJob& job, std::uint8_t from, const ReceiverTraits& traits) {
  for (std::size_t i = from; i < job.contents.size(); ++i) {
    if (traits.takes_in_request(job.contents[i])) return static_cast<std::uint8_t>(i);
  }
  return std::nullopt;
}

std::optional<std::uint8_t> next_content(const PushJob& job, std::uint8_t current, const std::vector<std::string>& accept,
                                         bool must_be_smaller) {
  for (std::size_t i = current + 1U; i < job.contents.size(); ++i) {
    const auto& content = job.contents[i];
    if (must_be_smaller && content.size() >= job.contents[current].size()) continue;
    if (accept.empty() || accept_allows(accept, content.type)) return static_cast<std::uint8_t>(i);
  }
  return std::nullopt;
}

}  // namespace herald::push
