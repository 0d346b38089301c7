#include "container/application_router.h"

#include <algorithm>
#include <regex>

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
bool matches_wildcard(const std::string& pattern, const std::string& identity) {
  const auto first = pattern.find('!');
  const auto last = pattern.rfind('!');
  if (first == std::string::npos || last == first) return false;
  const auto prefix = pattern.substr(0, first);
  const auto suffix = pattern.substr(last + 1);
  if (identity.size() < prefix.size() + suffix.size() || !identity.starts_with(prefix) || !identity.ends_with(suffix))
    return false;
  const auto middle = identity.substr(prefix.size(), identity.size() - prefix.size() - suffix.size());
  if (middle.size() > 256) return false;  // std::regex recurses by length
  try {
    const std::regex expression(pattern.substr(first + 1, last - first - 1), std::regex::extended);
    return std::regex_match(middle, expression);
  } catch (const std::regex_error&) {
    return false;  // the profile loader reports it (SPF-E35)
  }
}

bool is_identity(const ServiceIdentity& identity, const std::string& target) {
  if (identity.type == ServiceIdentity::Type::wildcarded_psi) return matches_wildcard(identity.uri, target);
  return canonical_identity(identity.uri) == target;
}

}  // namespace

void ApplicationRouter::use(std::shared_ptr<const Snapshot> snapshot, const std::vector<std::string>& module_names) {
  snapshot_ = std::move(snapshot);
  modules_ = module_names;
  entries_.clear();
  for (const auto& profile : snapshot_->profiles) {
    const auto module = std::find(modules_.begin(), modules_.end(), profile.application);
    if (module == modules_.end()) {
      log::event(events::kUnknownService, {{"service", profile.id}, {"application", profile.application}});
      continue;
    }
    for (const auto& trigger : profile.triggers) {
      if (trigger.enabled) entries_.push_back({&trigger, &profile, static_cast<std::size_t>(module - modules_.begin())});
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
  if (snapshot_) {
    for (const auto& profile : snapshot_->profiles) {
      const auto module = std::find(modules_.begin(), modules_.end(), profile.application);
      if (module == modules_.end()) continue;
      for (const auto& identity : profile.identities) {
        if (identity.barred || !is_identity(identity, target)) continue;
        // A user's identity without an unconditional servlet is only a subscriber of the service; a PSI is the service itself.
        if (!identity.unconditional && identity.type == ServiceIdentity::Type::public_user) continue;
        selection.to = Selection::To::module;
        selection.module = static_cast<std::size_t>(module - modules_.begin());
        selection.service = profile.id;
        selection.skippable = identity.unconditional ? !identity.unconditional->terminate_on_failure : true;
        return selection;
      }
    }
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
  if (!snapshot_) return result;
  for (const auto& profile : snapshot_->profiles) {
    for (const auto& identity : profile.identities) {
      if (identity.type == ServiceIdentity::Type::distinct_psi) result.push_back(canonical_identity(identity.uri));
    }
  }
  return result;
}

}  // namespace herald::container
