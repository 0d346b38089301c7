// Links to content that is too large for SIP: message/external-body in NOTIFYs and MESSAGEs. PS-30, PS-32, S-8.
//
// The URL is the permission: 128 random bits that name one content of one push for one recipient until it expires. The bytes
// stay in the push's record, or in the blob it names; a record of table "content_meta" says which. It answers 410 once the push
// is gone or over, and is removed when the push would be. Fetching is logged, and is no delivery report.
// Thread: make() on any shard; the route on the shard that added it. Errors: unavailable, when nobody said where HTTP is reached;
// those of the store.
#pragma once

#include <memory>
#include <string>

#include "herald/servlet_context.h"
#include "mode/envelope.h"
#include "push/push_job.h"
#include "push_config.h"

namespace herald::push {

class ContentLinks : public std::enable_shared_from_this<ContentLinks> {
 public:
  using Self = std::shared_ptr<ContentLinks>;
  explicit ContentLinks(ServletContext& context) : context_(context) {}
  // GET /content/{token}, and the removal of links that expired: on one shard.
  void serve();
  void stop() noexcept;

  // A new link, valid as long as the push. One per attempt and recipient, so that one can be told from another in the log.
  static Task<Expected<ContentReference>> make(Self self, std::shared_ptr<const PushJob> job, std::uint8_t content,
                                               std::uint32_t recipient);
  // Somebody said where links lead to: otherwise make() has nothing to offer.
  [[nodiscard]] bool available() const;

 private:
  [[nodiscard]] std::string base_url() const;
  static Task<HttpResponse> fetch(Self self, HttpRequest request);
  void purge_later();
  static Task<void> purge(Self self);

  ServletContext& context_;
  TimerId purge_timer_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
};

}  // namespace herald::push
