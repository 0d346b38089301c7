// Pushes for those who cannot speak SIP: kept durably, POSTed until taken. What was answered 200 is in the store.
//
//   co_await queue.keep(account, items)   any shard; afterwards the push may be answered 200
//   queue.start()                         on shard 0, which does the POSTs of the whole node
//   queue.wake()                          on shard 0: something new is there
//
// Thread: its shard. Lifetime: the agent's.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "account.h"
#include "reports.h"
#include "webhook_record.h"

namespace herald::receiver {

// How much waits on the whole node: all shards take pushes.
struct WebhookLoad {
  std::atomic<std::ptrdiff_t> waiting{0};
};

class WebhookQueue {
 public:
  // `on_kept`: called on the shard that kept something; `load` is shared by all shards.
  WebhookQueue(AgentShared& shared, Reports& reports, std::shared_ptr<WebhookLoad> load, std::function<void()> on_kept)
      : shared_(shared),
        reports_(reports),
        load_(std::move(load)),
        on_kept_(std::move(on_kept)),
        began_(shared.context->clock().wall()) {}

  void add(const Account& account) { accounts_[account.user.identity] = &account; }
  // How many are new; the others were there before. Error{busy}: too many wait. Others: the store's.
  Task<Expected<std::size_t>> keep(const Account* account, std::vector<PushItem> items);
  void start();
  void wake();
  void stop();

 private:
  static Task<void> count(WebhookQueue* self);
  static Task<void> pump(WebhookQueue* self);
  Task<void> round();
  static Task<void> take_up(WebhookQueue* self, Record record);
  Task<void> attempt(WebhookEntry entry);
  Task<Expected<int>> post(const Account* account, WebhookEntry* entry, std::optional<Duration>* told);
  Task<void> settle(WebhookEntry entry, WebhookEntry::State state);
  Task<void> write(WebhookEntry entry);
  void arm(WallTime due);
  void count_waiting(std::ptrdiff_t change);

  AgentShared& shared_;
  Reports& reports_;
  std::shared_ptr<WebhookLoad> load_;
  std::function<void()> on_kept_;
  const WallTime began_;
  std::map<std::string, const Account*> accounts_;  // by identity
  std::set<std::string> in_flight_;                 // partition and id of records
  bool started_ = false;
  bool pumping_ = false;
  bool again_ = false;  // woken while pumping
  TimerId timer_;
  WallTime armed_for_{};
  WallTime pause_until_{};  // the store refuses
};

}  // namespace herald::receiver
