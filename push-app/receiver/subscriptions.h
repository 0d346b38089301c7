// Subscribes for the agent's users and takes their NOTIFYs. RFC 6665 4.1; PR-2..PR-6.
// Thread: the agent's shard.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "account.h"
#include "herald/subscriber.h"

namespace herald::receiver {

struct SubscribeOrder {
  std::string uri;    // whom
  std::string event;  // "oma-push;appid=news.ua"
  std::string app;
  std::optional<std::chrono::seconds> expires;  // none: as configured
  std::vector<std::string> accept;              // none: what the user takes
  std::vector<SipHeaderField> headers;
  // The first final answer to the SUBSCRIBE; for whoever asked for it by REFER.
  std::function<void(int status)> outcome;
};

class Subscriptions final : public Watcher {
 public:
  // What a NOTIFY with a body is answered, as Watcher::on_notify() says it.
  using OnContent = std::function<int(Account&, const std::string& app, const Notification& notification,
                                      std::vector<SipHeaderField>& headers)>;

  Subscriptions(AgentShared& shared, OnContent on_content) : shared_(shared), on_content_(std::move(on_content)) {}

  // Those that the account's configuration names; once.
  void begin_configured(Account& account);
  // False: it was refused right away, and told.
  bool begin(Account& account, SubscribeOrder order);
  [[nodiscard]] bool has(const Account& account, const std::string& uri, const std::string& event) const;
  // Un-subscribes; done when all have ended or the deadline has passed.
  Task<void> end(Deadline deadline);
  void abandon();

  int on_notify(WatchId id, const Notification& notification, std::vector<SipHeaderField>& headers) override;
  void on_progress(WatchId id, const WatchProgress& progress) override;

 private:
  struct Watch {
    Account* account = nullptr;
    SubscribeOrder order;
    bool accepted = false;
  };
  void settle(Watch& watch, int status);
  static Task<void> unsubscribe(Subscriptions* self, WatchId id);

  AgentShared& shared_;
  OnContent on_content_;
  std::map<WatchId, Watch> watches_;
  std::vector<const Account*> begun_;
  std::size_t ending_ = 0;
};

}  // namespace herald::receiver
