// The notifier of one shard: subscriptions from their SUBSCRIBE to the last NOTIFY. RFC 6665 4.2; PS-60..PS-77, ST-40..ST-45.
//
//   begun = co_await manager->begin(opening);   answer the SUBSCRIBE;   manager->answered(begun.handle)   first NOTIFY
//   in a dialog: handle = manager->find(...);  answer = co_await manager->subscribe(handle, request);
//                answer it;  manager->answered(handle, answer)
//
// Files: subscription_manager.cpp (begin, calls of the module, end), subscription_refresh.cpp (SUBSCRIBE in the dialog),
// notify_flow.cpp (NOTIFYs), subscription_load.cpp (restart), subscription_expiry.cpp.
// Thread: one shard. Lifetime: executor, stack, store and packages outlive stop().
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/event_metrics.h"
#include "event/subscription_activity.h"
#include "event/subscription_record.h"
#include "event/subscription_table.h"
#include "herald/executor.h"
#include "herald/store.h"
#include "sip/sip_stack.h"

namespace herald::event {

struct NotifierParts {
  Executor& executor;
  sip::SipStack& stack;
  Store& store;
  std::function<bool(std::string_view)> is_home;  // of a resource: is it this shard's?
  std::size_t max_outstanding = 4000;             // NOTIFYs without an answer; changes beyond wait their turn
};

// A SUBSCRIBE that was accepted, as values: they may cross shards.
struct Opening {
  dialog::DialogState dialog;  // without local contact
  sip::Transport transport = sip::Transport::udp;
  std::string contact_user;
  std::string package, event_id, event_params, subscriber, icid;
  EventRates rates;  // as asked
  std::vector<std::string> accept;
  std::optional<std::chrono::seconds> expires;
  std::optional<std::string> suppress_if_match;
  Grant grant;
};

struct Begun {
  EntryHandle handle;
  SubscriptionInfo info;
  std::string local_contact;
  std::chrono::seconds expires{};
};

struct SubscribeAnswer {
  enum class Then : std::uint8_t { nothing, notify, last_notify, forget };
  int status = 200;
  std::vector<SipHeaderField> headers{};
  std::string why{};
  Then then = Then::nothing;
  std::string suppress{};
};

class SubscriptionManager : public std::enable_shared_from_this<SubscriptionManager> {
 public:
  explicit SubscriptionManager(NotifierParts parts);
  ~SubscriptionManager();

  void add_package(EventPackage& package);
  [[nodiscard]] EventPackage* package(std::string_view name) const noexcept;
  [[nodiscard]] const std::string& allow_events() const noexcept { return allow_events_; }

  // Checks limits, writes the record. Error: nothing is left of it.
  Task<Expected<Begun>> begin(Opening opening);
  // The 2xx is out: the first NOTIFY may go.
  void answered(EntryHandle handle);
  // There was no 2xx after all.
  void discard(EntryHandle handle);

  [[nodiscard]] EntryHandle find(std::string_view call_id, std::string_view local_tag, std::string_view remote_tag) const;
  Task<SubscribeAnswer> subscribe(EntryHandle handle, std::shared_ptr<const SipMessage> request);
  void answered(EntryHandle handle, const SubscribeAnswer& answer);

  Task<Expected<void>> load();
  void stop();

  // -- herald::Notifier --
  void changed(std::string_view package, std::string_view resource, std::string_view key);
  bool changed(std::string_view id);
  bool activate(std::string_view id);
  bool end(std::string_view id, EndReason reason, std::optional<std::chrono::seconds> retry_after);
  [[nodiscard]] std::optional<SubscriptionInfo> get(std::string_view id) const;
  [[nodiscard]] std::vector<SubscriptionInfo> find_all(std::string_view package, std::string_view resource,
                                                       std::string_view key) const;
  [[nodiscard]] bool has_active(std::string_view package, std::string_view resource, std::string_view key) const;
  [[nodiscard]] std::vector<SubscriptionInfo> list(std::string_view package, std::string_view after, std::size_t limit) const;
  [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }
  [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_; }
  [[nodiscard]] std::size_t busy() const noexcept { return busy_; }  // entries with an Activity

 private:
  struct NamedPackage {
    std::string name;
    EventPackage* package;
  };
  [[nodiscard]] WallTime wall() const noexcept { return parts_.executor.clock().wall(); }
  [[nodiscard]] TimePoint now() const noexcept { return parts_.executor.clock().now(); }
  [[nodiscard]] int package_index(std::string_view name) const noexcept;
  [[nodiscard]] EventPackage& package_of(const Entry& entry) const { return *packages_[entry.package].package; }
  // Calls of a module's code: what it throws is counted and goes no further.
  template <class F>
  bool guarded(std::string_view what, F&& work) noexcept {
    try {
      work();
      return true;
    } catch (...) {
      package_threw(what);
      return false;
    }
  }
  void package_threw(std::string_view what) const noexcept;  // inside a catch

  // Busy entries
  Activity& wake(Slot slot);
  void rest(Slot slot);  // drops the Activity of an entry at which nothing goes on
  // The decoded record; null when it does not decode, which only a fault of ours can cause: then the entry is gone.
  Subscription* opened(Slot slot);
  [[nodiscard]] std::optional<SubscriptionInfo> info_of(const Entry& entry) const;
  [[nodiscard]] static SubscriptionInfo info_of(const Entry& entry, const Subscription& subscription);
  Slot enter(const Subscription& subscription, std::string record, SubscriptionId id, std::uint8_t package);
  void destroy_later(std::unique_ptr<sip::ClientTransaction> transaction);

  // Records. A write brings a new block of CSeq numbers, which is ours once it is committed (ST-40).
  Future<Committed> write(Entry& entry, Subscription& subscription);
  Future<Committed> put(const Subscription& subscription, std::string bytes, std::optional<Version> expected);
  Task<void> write_behind(EntryHandle handle);
  Future<Committed> erase_record(const Entry& entry, const std::string& resource, Durability durability);
  Task<void> erase_behind(Future<Committed> erasing);
  void store_failed(const Error& error) const;

  // SUBSCRIBE in the dialog
  struct Wish;
  std::optional<Wish> read_wish(Slot slot, const SipMessage& request, SubscribeAnswer& refusal);
  Task<SubscribeAnswer> unsubscribe(EntryHandle handle, Wish wish);
  Task<SubscribeAnswer> refresh(EntryHandle handle, Wish wish);
  void add_common(SubscribeAnswer& answer, const Subscription& subscription, std::chrono::seconds expires) const;
  [[nodiscard]] bool state_is_known(const Entry& entry, const std::optional<std::string>& tag) const;

  // NOTIFYs
  void want(Slot slot, NotifyCause cause);
  void schedule(Slot slot);
  void enqueue(Slot slot);
  void run_ready();
  void run_ready_later();
  void send_next(Slot slot);
  Task<void> reserve(EntryHandle handle);
  Task<void> ask(EntryHandle handle, NotifyCause cause);
  void send_notify(Slot slot, NotifyCause cause, NotifyContent content);
  SipMessage make_notify(Entry& entry, Subscription& subscription);
  void on_final(EntryHandle handle, sip::ClientResult result);
  void take_rates(Slot slot, const SipMessage& response);
  void set_timer(Slot slot, TimePoint due);
  void clear_timer(Activity& activity);
  void on_timer(EntryHandle handle);
  void finish(Slot slot, EndReason reason);

  enum class Restored : std::uint8_t { taken, elsewhere, unknown_package, corrupt };
  Restored restore(const Record& record);

  // Ends
  void arm_expiry();
  void run_expiry();
  struct End {
    EndReason reason = EndReason::timeout;
    std::optional<std::chrono::seconds> retry_after{};
    bool by_subscriber = false;
  };
  // Terminated from now on. False: it was already.
  bool mark_ended(Slot slot, const End& end);

  NotifierParts parts_;
  EventMetrics metrics_;
  SubscriptionTable table_;
  std::vector<NamedPackage> packages_;
  std::string allow_events_;
  std::deque<EntryHandle> ready_;
  bool running_ready_ = false;  // a turn for them is booked
  std::size_t outstanding_ = 0;
  std::size_t starting_ = 0;  // records being written
  std::size_t busy_ = 0;
  TimerId expiry_timer_;
  std::uint32_t expiry_at_ = 0;
  bool expiring_ = false;  // a turn for the rest of a second is booked
  bool stopped_ = false;
};

}  // namespace herald::event
