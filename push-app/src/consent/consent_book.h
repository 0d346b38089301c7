// Who may push what to whom, as far as this node was told: by SUBSCRIBE, REST, REFER's answer, refusals. sip-push.md 9.
// The subscriber's profile in the HSS and the application's default are joined to it by consent_verdict().
//
// A user has one entry per application, whatever identity he is addressed by (PA-5): decisions are written under the first
// identity of his implicit set, on that identity's home shard; what was written under another one while nobody knew that they
// belong together still counts. Durable (table "consent") before anybody is told.
//
// Thread: one book a shard; look() and decide() on any of them, the answer comes there. Lifetime: held by shared_ptr; stop()
// ends what suspended calls may do. Errors: those of the store; busy when another shard's mailbox is full.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "consent/consent.h"
#include "herald/servlet_context.h"

namespace herald::push {

class ConsentBook : public std::enable_shared_from_this<ConsentBook> {
 public:
  using Self = std::shared_ptr<ConsentBook>;
  // Runs `work` with the book of another shard. False: its mailbox is full. `work` may be dropped when that shard stops.
  using Relay = std::function<bool(unsigned shard, UniqueFunction<void(ConsentBook&)> work)>;
  // Told after a decision is durable, on the shard that keeps the user's entry. `identities`: all under which he is known; those
  // may be at home on other shards.
  using Listener = std::function<void(const ConsentEntry& entry, const std::vector<std::string>& identities)>;

  // `relay` may be empty when there is one shard only.
  explicit ConsentBook(ServletContext& context, Relay relay = {});
  void listen(Listener listener) { listeners_.push_back(std::move(listener)); }
  void stop() noexcept { *stopped_ = true; }

  // An entry with state `none` when nothing is known.
  static Task<Expected<ConsentEntry>> look(Self self, std::string user, std::string application);
  // The entry afterwards, also when the decision changed nothing (apply_decision). `at` is set here.
  static Task<Expected<ConsentEntry>> decide(Self self, std::string user, std::string application, ConsentDecision decision);
  // All identities of the user, the one his entries are kept under first (PA-5).
  static Task<Expected<std::vector<std::string>>> resolve(Self self, std::string user);

 private:
  struct Cached {
    ConsentEntry entry;
    TimePoint read{};
  };
  using Order = std::list<Cached>;

  struct Found {
    ConsentEntry entry;  // under the first identity, joined with the others
    std::vector<std::string> identities;
    Version version = 0;  // of the record under the first identity
  };
  static Task<Expected<Found>> find(Self self, std::string user, std::string application);
  static Task<Expected<ConsentEntry>> read(Self self, std::string identity, std::string application);
  static Task<Expected<ConsentEntry>> read_here(Self self, std::string identity, std::string application);
  static Task<void> answer_read(Self self, std::string identity, std::string application,
                                std::shared_ptr<Promise<ConsentEntry>> to);
  static Task<Expected<ConsentEntry>> decide_here(Self self, std::string user, std::string application, ConsentDecision decision);
  static Task<void> answer_decide(Self self, std::string user, std::string application, ConsentDecision decision,
                                  std::shared_ptr<Promise<ConsentEntry>> to);
  void keep(ConsentEntry entry);
  void forget(const std::string& identity, const std::string& application);
  void announce(const Found& found, const ConsentDecision& decision) const;
  [[nodiscard]] bool at_home(const std::string& identity) const { return context_.home_shard(identity) == context_.shard(); }

  ServletContext& context_;
  Relay relay_;
  std::vector<Listener> listeners_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  Order recent_;  // most recently used first; bounded
  std::unordered_map<std::string, Order::iterator> cache_;
};

}  // namespace herald::push
