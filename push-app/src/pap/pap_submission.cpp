#include "pap/pap_submission.h"

#include <algorithm>
#include <set>

namespace herald::push::pap {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_sip(std::string_view name) noexcept {
  std::string text(name);
  std::transform(text.begin(), text.end(), text.begin(), lower);
  return text == "sip" || text == "ims";
}

Report report_of(ReportLevel level) noexcept {
  switch (level) {
    case ReportLevel::none:
      return Report::none;
    case ReportLevel::delivery:
      return Report::delivery;
    case ReportLevel::display:
      return Report::display;
    case ReportLevel::network:
      break;
  }
  return Report::network;
}

}  // namespace

Checked<Addressed> read_addresses(const std::vector<std::string>& values, const AddressRules& rules, std::size_t most,
                                  bool partial) {
  if (values.size() > most) {
    return refuse(400, 3005, most == 1 ? "one address only" : "more than " + std::to_string(most) + " addresses");
  }
  Addressed out;
  std::set<std::string> seen;
  Problem first;
  for (const auto& value : values) {
    auto recipient = read_address(value, rules);
    if (recipient && !seen.insert(recipient->user).second) {
      recipient = refuse(400, 2002, "address: the same recipient twice");
    }
    if (recipient) {
      out.to.push_back(std::move(*recipient));
      continue;
    }
    // Which one: the initiator sees no more than one description.
    recipient.error().detail += ": " + value.substr(0, 128);
    if (!partial) return tl::unexpected(recipient.error());
    if (out.refused.empty()) first = recipient.error();
    out.refused.push_back(value);
  }
  if (out.to.empty()) return tl::unexpected(first);
  return out;
}

Checked<void> check_times(const Push& push, WallTime now) {
  if (push.deliver_before && push.deliver_after && *push.deliver_after >= *push.deliver_before) {
    return refuse(400, 2000, "deliver-after-timestamp is not before deliver-before-timestamp");
  }
  if (push.deliver_before && *push.deliver_before <= now) return refuse(403, 2001, "deliver-before-timestamp is over");
  return {};
}

Checked<void> check_network(const std::optional<Quality>& quality) {
  if (!quality) return {};
  if (quality->bearer_required && !quality->bearer.empty() && !is_sip(quality->bearer)) {
    return refuse(501, 3010, "bearer " + quality->bearer.substr(0, 64) + ": only SIP");
  }
  if (quality->network_required && !quality->network.empty() && !is_sip(quality->network)) {
    return refuse(501, 3009, "network " + quality->network.substr(0, 64) + ": only SIP");
  }
  return {};
}

void apply_quality(const std::optional<Quality>& quality, ReportLevel of_application, Submission& out) {
  const auto asked = quality.value_or(Quality{});
  out.priority = asked.priority;
  switch (asked.method) {
    case DeliveryMethod::confirmed:
      out.report = Report::delivery;
      break;
    case DeliveryMethod::prefer_confirmed:
      out.report = Report::delivery;
      out.report_if_possible = true;
      break;
    case DeliveryMethod::unconfirmed:
      out.report = Report::network;
      break;
    case DeliveryMethod::not_specified:
      out.report = report_of(of_application);
      // It was the application's wish, not the initiator's condition.
      out.report_if_possible = true;
      break;
  }
}

void apply_push(const Push& push, Submission& out) {
  out.external_id = push.push_id;
  out.deliver_after = push.deliver_after;
  out.deliver_before = push.deliver_before;
  if (!push.replaces.empty()) {
    out.replace = Replacement{push.replaces, push.pending_only ? Replacement::Method::pending_only : Replacement::Method::all};
  }
  if (!push.notify_to.empty()) {
    out.callback = push.notify_to;
    out.callback_form = CallbackForm::pap;
  }
}

}  // namespace herald::push::pap
