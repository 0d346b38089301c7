#include "container/application_router.h"

#include <algorithm>

#include "container/container_events.h"

namespace herald::container {
namespace {

bool unregistered(SessionCase value) {
  return value == SessionCase::terminating_unregistered || value == SessionCase::originating_unregistered;
}

bool profile_part_fits(const ServiceTrigger& trigger, const IscContext& context) {
  switch (trigger.profile_part) {
    case ServiceTrigger::ProfilePart::both:
      return true;
    case ServiceTrigger::ProfilePart::registered:
      return !unregistered(context.session_case);
    case ServiceTrigger::ProfilePart::unregistered:
      return unregistered(context.session_case);
  }
  return true;
}

// sip:push-!.*!@ims.lab: the part between exclamation marks is a regular expression (TS 23.003 13.5).
std::optional<PortableRegex> wildcard_of(const std::string& uri) {
  const auto first = uri.find('!');
  const auto last = uri.rfind('!');
  if (first == std::string::npos || last == first) return std::nullopt;
  auto compiled = PortableRegex::compile(regex_of_literal(uri.substr(0, first)) + "(" + uri.substr(first + 1, last - first - 1) +
                                         ")" + regex_of_literal(uri.substr(last + 1)));
  if (!compiled) return std::nullopt;  // the profile loader reports it (SPF-E35)
  return std::move(*compiled);
}

}  // namespace

void ApplicationRouter::use(std::shared_ptr<const Snapshot> snapshot, const std::vector<std::string>& module_names) {
  snapshot_ = std::move(snapshot);
  modules_ = module_names;
  entries_.clear();
  identities_.clear();
  for (const auto& profile : snapshot_->profiles) {
    const auto module = std::find(modules_.begin(), modules_.end(), profile.application);
    if (module == modules_.end()) {
      log::event(events::kUnknownService, {{"service", profile.id}, {"application", profile.application}});
      continue;
    }
    for (const auto& trigger : profile.triggers) {
      if (trigger.enabled) entries_.push_back({&trigger, &profile, static_cast<std::size_t>(module - modules_.begin())});
    }
    for (const auto& identity : profile.identities) {
      // A user's identity without an unconditional servlet is only a subscriber of the service; a PSI is the service itself.
      if (identity.barred || (!identity.unconditional && identity.type == ServiceIdentity::Type::public_user)) continue;
      identities_.push_back({&identity, &profile, static_cast<std::size_t>(module - modules_.begin()),
                             canonical_identity(identity.uri),
                             identity.type == ServiceIdentity::Type::wildcarded_psi ? wildcard_of(identity.uri) : std::nullopt});
    }
  }
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.trigger->priority < b.trigger->priority; });
}

bool ApplicationRouter::holds(const Entry& entry, const SipMessage& request, const IscContext& context,
                              std::optional<RegistrationType> registration) const {
  if (!profile_part_fits(*entry.trigger, context)) return false;
  return !entry.trigger->when || test_(*entry.trigger->when, request, context.session_case, registration);
}

// SPF-40: ServerName says ;app=<application>;sess=<tag of the trigger>.
const ApplicationRouter::Entry* ApplicationRouter::hinted(const IscContext& context) const {
  if (!context.popped_route) return nullptr;
  const auto app = context.popped_route->params.get("app").value_or("");
  const auto sess = context.popped_route->params.get("sess").value_or("");
  if (app.empty() || sess.empty()) return nullptr;
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.profile->application == app && entry.trigger->tag == sess;
  });
  return found == entries_.end() ? nullptr : &*found;
}

Selection ApplicationRouter::select(const SipMessage& request, const IscContext& context,
                                    std::optional<RegistrationType> registration) const {
  Selection selection;
  const auto take = [&selection](const Entry& entry) {
    selection.to = Selection::To::module;
    selection.module = entry.module;
    selection.service = entry.profile->id;
    selection.trigger = entry.trigger->name;
    selection.skippable = !entry.trigger->terminate_on_failure;
  };
  const auto* const hint = hinted(context);
  if (hint != nullptr && holds(*hint, request, context, registration)) {
    take(*hint);
    return selection;
  }
  selection.profile_mismatch = hint != nullptr;
  for (const auto& entry : entries_) {  // SPF-41
    if (!holds(entry, request, context, registration)) continue;
    take(entry);
    return selection;
  }
  // SPF-42
  const auto target = canonical_identity(request.uri());
  for (const auto& entry : identities_) {
    if (entry.wildcard ? !entry.wildcard->matches_whole(target) : entry.canonical != target) continue;
    selection.to = Selection::To::module;
    selection.module = entry.module;
    selection.service = entry.profile->id;
    const auto& unconditional = entry.identity->unconditional;
    selection.skippable = !unconditional || !unconditional->terminate_on_failure;
    return selection;
  }
  if (request.method() == "REGISTER") {
    selection.to = Selection::To::registration_feed;
  } else {
    selection.to = context.has_onward_route() ? Selection::To::onward : Selection::To::nobody;
  }
  return selection;
}

std::vector<std::string> ApplicationRouter::service_identities() const {
  std::vector<std::string> result;
  for (const auto& entry : identities_) {
    if (entry.identity->type == ServiceIdentity::Type::distinct_psi) result.push_back(entry.canonical);
  }
  return result;
}

}  // namespace herald::container
