// The event state compositor: published state of users by package, with entity-tags. RFC 3903 4-6, 11.
//
//   init         context.event_state().add_package(presence_);
//   do_publish   co_await context.event_state().publish(request, resource);   // answers the request in every case
//
// Thread: state lives on the home shard of its resource; publish() runs on the shard that got the request; the package is called
// on the home shard. Lifetime: packages outlive the container's stop(). Published state survives a restart (AS-65, ST-46).
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "herald/sip_servlet.h"
#include "herald/task.h"

namespace herald {

struct PublicationRules {
  std::string package;             // "presence"
  std::vector<std::string> types;  // accepted Content-Types
  std::chrono::seconds default_expires{3600};
  std::chrono::seconds min_expires{60};
  std::chrono::seconds max_expires{86400};
  std::size_t max_body_bytes = 65536;
  std::size_t max_per_resource = 16;  // publications of one user; beyond: 500 with Retry-After
};

struct Publication {
  std::string resource;
  std::string package;
  std::string etag;  // current entity-tag
  std::string type;
  std::string body;
  std::string publisher;  // asserted identity, canonical
  WallTime updated{};
  WallTime expires{};
};

class PublicationPackage {
 public:
  virtual ~PublicationPackage() = default;
  [[nodiscard]] virtual PublicationRules rules() const = 0;
  // May this body be published? Error{invalid} becomes 400, unsupported 415, forbidden 403.
  [[nodiscard]] virtual Expected<void> check(const Publication& publication) const = 0;
  // What is published for `resource` now: after every change, expiry (PS-106) and, once, after a restart.
  virtual void changed(const std::string& resource, const std::vector<Publication>& current) = 0;
};

class EventState {
 public:
  virtual ~EventState() = default;
  virtual void add_package(PublicationPackage& package) = 0;
  // `resource`: canonical user whose state it is; the module has decided that the publisher may.
  virtual Task<void> publish(SipServletRequest request, std::string resource) = 0;
  // On the resource's home shard.
  [[nodiscard]] virtual std::vector<Publication> find(std::string_view package, std::string_view resource) const = 0;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
};

}  // namespace herald
