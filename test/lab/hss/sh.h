// Sh: UDR, PUR and SNR of TS 29.328/29.329.
#pragma once

#include "hss/notifier.h"
#include "hss/server.h"
#include "hss/subscribers.h"

struct avp;

namespace herald::lab {

class Sh {
 public:
  Sh(SubscriberStore& users, Notifier& notifier) : users_(users), notifier_(notifier) {}
  void serve(Server& server);

 private:
  Reply user_data(msg* request);
  Reply profile_update(msg* request);
  Reply subscribe_notifications(msg* request);
  [[nodiscard]] std::optional<Subscriber> user_of(msg* request, Reply& reply) const;

  SubscriberStore& users_;
  Notifier& notifier_;
};

}  // namespace herald::lab
