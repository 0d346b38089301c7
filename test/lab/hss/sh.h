// Sh: UDR and PUR of TS 29.328/29.329.
#pragma once

#include "hss/server.h"
#include "hss/subscribers.h"

struct avp;

namespace herald::lab {

class Sh {
 public:
  explicit Sh(SubscriberStore& users) : users_(users) {}
  void serve(Server& server);

 private:
  Reply user_data(msg* request);
  Reply profile_update(msg* request);
  [[nodiscard]] std::optional<Subscriber> user_of(msg* request, Reply& reply) const;

  SubscriberStore& users_;
};

}  // namespace herald::lab
