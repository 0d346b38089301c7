// The capability facts of the users of this shard: registrations, PUBLISHed presence, OPTIONS, failures. sip-push.md 8,
// PS-100..106.
//
// Only what was learned by asking (c), by failing (a) and by watching presence is kept here, in memory: losing it at a restart
// costs one question or one refusal. Registrations, publications and profiles are read where they live whenever facts are asked
// for, so that their end removes their facts at once (PS-106), and a restart brings back what those sources bring back.
// Thread: a user's facts live on his home shard; every call there.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "capability/capabilities.h"
#include "capability/capability_report.h"
#include "capability/capability_sources.h"
#include "capability/presence_watcher.h"
#include "delivery/push_profile.h"
#include "herald/metrics.h"
#include "herald/servlet_context.h"
#include "push_config.h"

namespace herald::push {

class CapabilityBook : public std::enable_shared_from_this<CapabilityBook> {
 public:
  using Self = std::shared_ptr<CapabilityBook>;
  // Of all shards together; what was learned longest ago goes first.
  struct Limits {
    std::size_t max_users = 100000;
    std::size_t max_bytes = std::size_t{64} << 20U;
    std::size_t max_facts_of_user = 512;
    std::size_t max_probes = 200;  // OPTIONS at a time on one shard
  };

  // Runs work with the book of another shard; false: that shard's mailbox is full. May be empty when there is one shard only.
  using Relay = std::function<bool(unsigned shard, UniqueFunction<void(CapabilityBook&)> work)>;

  explicit CapabilityBook(ServletContext& context, Relay relay = {}) : CapabilityBook(context, std::move(relay), Limits()) {}
  CapabilityBook(ServletContext& context, Relay relay, Limits limits);
  void start();
  void stop() noexcept;

  // All facts about the user now, of every source, `profile` (Sh) and service defaults included: what
  // GET /v1/capabilities/{user} shows and merge_facts() reads. Contacts are named by RegisteredContact::uri, also where a source
  // named them by a GRUU.
  [[nodiscard]] std::vector<CapabilityFact> facts(const std::string& user, const PushProfile* profile) const;
  // Those facts merged for a delivery. `contact`: URI or GRUU; empty: the AoR, which means its one contact that serves the
  // application if there is exactly one, else all that do.
  [[nodiscard]] Capabilities capabilities(const std::string& user, const std::string& contact, const std::string& application,
                                          const PushProfile* profile) const;
  // A capability error of an attempt towards `contact` (empty: the user's AoR). Kept 24 h, until a re-registration (8.3).
  void learn(const std::string& user, const std::string& contact, const std::string& application,
             const CapabilityFailure& failure);
  // Asks `target`, a contact or the AoR, by OPTIONS unless that device was asked in this registration (8.6, PS-104); done when it
  // answered or the deadline passed. Among several devices of the AoR one that serves the application is meant.
  static Task<void> probe(Self self, std::string user, std::string target, std::string application, std::string route,
                          Deadline deadline);

  // What is known about any user, from any shard; and as the answer to GET /v1/capabilities/{user}.
  static Task<Expected<CapabilityReport>> report(Self self, std::string user, std::string application);
  static Task<Expected<std::string>> describe(Self self, std::string user, std::string application);

  // A push goes to the user, and this is known about him: is his presence worth watching (PS-102)?
  void wanted(const std::string& user, const Capabilities& known);
  // Presence as a watcher sees it: replaces what was seen before; none when the subscription is over.
  void set_watched(const std::string& user, std::vector<CapabilityFact> facts);

  [[nodiscard]] std::size_t users() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Asked {
    std::string subject;
    WallTime at{};
  };
  struct Seen {  // a contact when something was learned about it
    std::string uri;
    WallTime expires{};
  };
  struct Entry {
    std::vector<CapabilityFact> learned;  // (a) and (c)
    std::vector<CapabilityFact> watched;  // (d)
    std::vector<Asked> asked;
    std::vector<Seen> contacts;
    std::uint64_t registration = 0;  // changes when a re-registration made something void
    std::size_t bytes = 0;
    std::list<std::string>::iterator place;
  };

  Entry& touch(const std::string& user);
  void account(const std::string& user);
  void drop(const std::string& user);
  void remember_contacts(const std::string& user, Entry& entry);
  void on_registration(RegistrationEvent event, const Registration& registration);
  void refresh(const std::string& user, const Registration& registration);
  void keep(Entry& entry, std::vector<CapabilityFact> facts) const;
  // What probe() remembers as asked: the contact if it is clear which one, else the address itself.
  [[nodiscard]] std::string subject_of(const std::string& user, const std::string& target, std::string_view application) const;
  [[nodiscard]] bool may_ask(const std::string& user, const std::string& subject) const;
  void store_answer(const std::string& user, const std::string& subject, std::uint64_t registration, const SipMessage& answer);

  static Task<Expected<CapabilityReport>> report_here(Self self, std::string user, std::string application);
  static Task<void> answer(Self self, std::shared_ptr<Promise<CapabilityReport>> promise, std::string user,
                           std::string application);

  ServletContext& context_;
  Relay relay_;
  Limits limits_;
  std::unordered_map<std::string, Entry> entries_;
  std::list<std::string> order_;  // least lately written first
  std::size_t bytes_ = 0;
  std::uint64_t registrations_ = 0;
  std::size_t probes_ = 0;
  std::unordered_map<std::string, std::vector<std::shared_ptr<Promise<void>>>> waiting_;  // for an answer under way
  RegistrationView::Subscription listening_;
  std::unique_ptr<PresenceWatcher> watcher_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  metrics::Counter asked_, answered_, not_asked_, forgotten_, learned_;
  metrics::Gauge users_gauge_, bytes_gauge_;
};

}  // namespace herald::push
