// PUBLISH Event: presence: receivers tell what they can take. PS-103, PS-106, PR-14.
// Thread: one shard; a user's publications live on his home shard. Lifetime: outlives the container's stop().
#pragma once

#include <memory>

#include "herald/event_state.h"
#include "herald/metrics.h"
#include "herald/servlet_context.h"
#include "push_config.h"

namespace herald::push {

class PresencePackage final : public PublicationPackage {
 public:
  explicit PresencePackage(ServletContext& context);

  [[nodiscard]] PublicationRules rules() const override;
  [[nodiscard]] Expected<void> check(const Publication& publication) const override;
  // The facts are read from the publications whenever they are needed (CapabilityBook::facts), so nothing is to be done to make
  // them new or to take them away.
  void changed(const std::string& resource, const std::vector<Publication>& current) override;

  // Whose state a PUBLISH may change: the Request-URI's, if the publisher is asserted to be that user or one of his aliases (S-5,
  // PA-5). Error{forbidden} otherwise.
  static Task<Expected<std::string>> authorised_resource(ServletContext* context, SipServletRequest request);

 private:
  ServletContext& context_;
  metrics::Counter changes_, refused_;
};

}  // namespace herald::push
