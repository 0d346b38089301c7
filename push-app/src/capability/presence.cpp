#include "capability/presence.h"

#include <algorithm>
#include <utility>

#include "capability/pidf.h"
#include "herald/log.h"
#include "herald/sip_message.h"
#include "herald/sip_uri.h"
#include "text/asserted_identities.h"

namespace herald::push {
namespace {

std::chrono::seconds seconds_of(std::chrono::milliseconds time) { return std::chrono::duration_cast<std::chrono::seconds>(time); }

}  // namespace

PresencePackage::PresencePackage(ServletContext& context)
    : context_(context),
      changes_(metrics::counter("herald_push_presence_changes_total", "Published presence that came, changed or ended")),
      refused_(metrics::counter("herald_push_presence_refused_total", "PUBLISH bodies that are no presence document")) {}

PublicationRules PresencePackage::rules() const {
  const auto config = context_.config<PushConfig>();
  PublicationRules rules;
  rules.package = kPresencePackage;
  rules.types = {std::string(kPidfType)};
  rules.default_expires = seconds_of(config->capabilities.publish_expires);
  rules.min_expires = seconds_of(config->capabilities.publish_min_expires);
  rules.max_expires = seconds_of(config->capabilities.publish_max_expires);
  return rules;
}

Expected<void> PresencePackage::check(const Publication& publication) const {
  const auto type = MediaType::parse(publication.type);
  if (!type || type->type != kPidfType) return fail(ErrorCode::unsupported, "only " + std::string(kPidfType) + " is understood");
  const auto document = parse_pidf(publication.body, context_.config<PushConfig>()->capabilities.oma_namespace);
  if (!document) {
    refused_.add();
    log::info("presence refused", {{"user", log::identity(publication.resource)}, {"cause", document.error().text}});
    return fail(document.error());
  }
  return {};
}

void PresencePackage::changed(const std::string& resource, const std::vector<Publication>& current) {
  changes_.add();
  if (log::enabled(log::Level::debug)) {
    log::debug("published presence changed", {{"user", log::identity(resource)}, {"publications", current.size()}});
  }
}

Task<Expected<std::string>> PresencePackage::authorised_resource(ServletContext* context, SipServletRequest request) {
  auto resource = canonical_identity(request.uri());
  const auto publishers = asserted_identities(request.isc());
  const Unexpected refusal = fail(ErrorCode::forbidden, "only the user himself may publish his presence");
  if (publishers.empty()) co_return refusal;
  const auto is_publisher = [&](const std::string& identity) {
    return std::find(publishers.begin(), publishers.end(), identity) != publishers.end();
  };
  if (is_publisher(resource)) co_return resource;
  auto asked = context->find_registration(resource);
  const auto registration = co_await asked;
  if (!registration) co_return fail(registration.error());
  const auto& found = *registration;
  // `resource` may be the alias, and the publisher he who registered.
  const bool his =
      found && (is_publisher(found->user) || std::any_of(found->associated.begin(), found->associated.end(), is_publisher));
  if (his) co_return resource;
  co_return refusal;
}

}  // namespace herald::push
