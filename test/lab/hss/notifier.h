// Who wants to hear of changes, and the PNR that tells them. TS 29.328 6.1.3, 6.1.4
// Thread: any. Requests are sent from the server's own thread, never from a handler (FD-50).
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "hss/server.h"
#include "hss/sh_view.h"

namespace herald::lab {

struct Subscription {
  std::string host;  // of the application server
  std::string realm;
  std::string private_id;
  std::string public_id;
  ShKey key;
  friend auto operator<=>(const Subscription&, const Subscription&) = default;
};

class Notifier {
 public:
  Notifier(const Config& config, Server& server) : config_(config), server_(server) {}

  void subscribe(Subscription subscription);
  bool unsubscribe(const Subscription& subscription);
  // Tells everybody for whom this is news. Repository data that is gone ends its subscriptions (SH-32).
  void changed(const Subscriber& before, const Subscriber& after);

 private:
  void send(const Subscription& subscription, const std::string& xml);

  const Config& config_;
  Server& server_;
  std::mutex mutex_;
  std::vector<Subscription> subscriptions_;
};

}  // namespace herald::lab
