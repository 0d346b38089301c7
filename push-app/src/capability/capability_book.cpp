#include "capability/capability_book.h"

#include <algorithm>
#include <utility>

#include "capability/capability_report.h"
#include "capability/pidf.h"
#include "delivery/knowledge.h"
#include "herald/log.h"
#include "herald/sip_uri.h"
#include "initiator/initiator_auth.h"
#include "text/request_headers.h"

namespace herald::push {
namespace {

constexpr std::size_t kMaxAsked = 64;     // contacts of one user
constexpr std::size_t kMaxDocuments = 4;  // publications of one user that are read

// Remaining seconds in a 200 are rounded: a contact that was not refreshed may seem to live a little longer.
constexpr std::chrono::seconds kSameExpiry{2};

std::size_t size_of(const CapabilityFact& fact) {
  return sizeof(fact) + fact.value.capacity() + fact.contact.capacity() + fact.application.capacity();
}

std::size_t size_of(const std::vector<CapabilityFact>& facts) {
  std::size_t bytes = 0;
  for (const auto& fact : facts) bytes += size_of(fact);
  return bytes;
}

bool serves(const RegisteredContact& contact, std::string_view application) {
  return std::any_of(contact.applications.begin(), contact.applications.end(),
                     [&](const auto& id) { return matches_pattern(id, application); });
}

void append(std::vector<CapabilityFact>& out, std::vector<CapabilityFact> more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

CapabilityBook::CapabilityBook(ServletContext& context, Relay relay, Limits limits)
    : context_(context),
      relay_(std::move(relay)),
      limits_(limits),
      asked_(metrics::counter("herald_push_options_asked_total", "OPTIONS sent to learn what a receiver takes")),
      answered_(metrics::counter("herald_push_options_answered_total", "OPTIONS that a receiver answered with 200")),
      not_asked_(metrics::counter("herald_push_options_skipped_total", "Questions not asked: too many were under way")),
      forgotten_(metrics::counter("herald_push_capability_users_forgotten_total",
                                  "Users whose learned facts were dropped because the table was full")),
      learned_(metrics::counter("herald_push_capability_failures_total", "Capability errors that were remembered")),
      users_gauge_(metrics::gauge("herald_push_capability_users", "Users with learned capability facts")),
      bytes_gauge_(metrics::gauge("herald_push_capability_bytes", "Memory of learned capability facts")) {
  const auto shards = std::max(1U, context_.shard_count());
  limits_.max_users = std::max<std::size_t>(1, limits_.max_users / shards);
  limits_.max_bytes = std::max<std::size_t>(1, limits_.max_bytes / shards);
}

void CapabilityBook::start() {
  watcher_ = std::make_unique<PresenceWatcher>(
      context_, [this](const std::string& user, std::vector<CapabilityFact> facts) { set_watched(user, std::move(facts)); });
  listening_ = context_.registrations().listen(
      [this](RegistrationEvent event, const Registration& registration) { on_registration(event, registration); });
}

void CapabilityBook::stop() noexcept {
  if (std::exchange(*stopped_, true)) return;
  if (watcher_) watcher_->stop();
  listening_.reset();
  users_gauge_.add(-static_cast<double>(entries_.size()));
  bytes_gauge_.add(-static_cast<double>(bytes_));
  entries_.clear();
  order_.clear();
  bytes_ = 0;
  waiting_.clear();
}

std::vector<CapabilityFact> CapabilityBook::facts(const std::string& user, const PushProfile* profile) const {
  const auto now = context_.clock().wall();
  const auto config = context_.config<PushConfig>();
  std::vector<CapabilityFact> out;
  if (const auto entry = entries_.find(user); entry != entries_.end()) {
    out = entry->second.learned;
    append(out, entry->second.watched);
  }
  const auto* registration = context_.registrations().find(user);
  if (registration != nullptr) append(out, facts_of(*registration));
  std::size_t documents = 0;
  for (const auto& publication : context_.event_state().find(kPresencePackage, user)) {
    if (publication.expires <= now) continue;
    if (++documents > kMaxDocuments) break;  // merging compares all facts with each other
    // Checked when it was published: an error here is a body that an older version took.
    if (auto document = parse_pidf(publication.body, config->capabilities.oma_namespace)) {
      append(out, facts_of(*document, user, publication.updated, publication.expires));
    }
  }
  if (profile != nullptr) append(out, facts_of(*profile));
  append(out, default_facts(config->pager_max_bytes));

  std::erase_if(out, [&](const auto& fact) { return fact.valid_until && *fact.valid_until <= now; });
  for (auto& fact : out) {
    if (fact.contact.empty() || fact.source == FactSource::registration) continue;
    if (const auto* contact = registration != nullptr ? find_contact(*registration, fact.contact) : nullptr) {
      fact.contact = contact->uri;
    } else if (canonical_identity(fact.contact) == user || registration == nullptr || !registration->contacts_known) {
      fact.contact.clear();  // the AoR, or nobody can tell devices apart
    }
  }
  return out;
}

Capabilities CapabilityBook::capabilities(const std::string& user, const std::string& contact, const std::string& application,
                                          const PushProfile* profile) const {
  auto all = facts(user, profile);
  const auto now = context_.clock().wall();
  const auto* registration = context_.registrations().find(user);
  if (registration == nullptr || !registration->contacts_known) return merge_facts(all, {}, application, now);
  if (!contact.empty()) {
    const auto* known = find_contact(*registration, contact);
    return merge_facts(all, known != nullptr ? known->uri : contact, application, now);
  }
  std::vector<std::string_view> serving;
  for (const auto& each : registration->contacts) {
    if (serves(each, application)) serving.push_back(each.uri);
  }
  if (serving.size() == 1) return merge_facts(all, serving.front(), application, now);
  // What devices can do that would not get it (PS-12) does not matter.
  if (!serving.empty()) {
    std::erase_if(all, [&](const auto& fact) {
      return !fact.contact.empty() && std::find(serving.begin(), serving.end(), fact.contact) == serving.end();
    });
  }
  return merge_facts(all, {}, application, now);
}

Task<Expected<std::string>> CapabilityBook::describe(Self self, std::string user, std::string application) {
  const auto known = co_await report(std::move(self), std::move(user), std::move(application));
  if (!known) co_return fail(known.error());
  co_return to_json(*known);
}

Task<Expected<CapabilityReport>> CapabilityBook::report(Self self, std::string user, std::string application) {
  const auto home = self->context_.home_shard(user);
  if (home == self->context_.shard()) co_return co_await report_here(self, std::move(user), std::move(application));
  auto promise = std::make_shared<Promise<CapabilityReport>>();
  auto answered = promise->future();
  const bool taken = self->relay_ && self->relay_(home, [promise, user, application](CapabilityBook& book) {
    spawn(answer(book.shared_from_this(), promise, user, application));
  });
  promise.reset();
  if (!taken) co_return fail(ErrorCode::busy, "the user's shard is overloaded");
  co_return co_await answered;
}

Task<void> CapabilityBook::answer(Self self, std::shared_ptr<Promise<CapabilityReport>> promise, std::string user,
                                  std::string application) {
  promise->set(co_await report_here(self, std::move(user), std::move(application)));
}

Task<Expected<CapabilityReport>> CapabilityBook::report_here(Self self, std::string user, std::string application) {
  auto& context = self->context_;
  const auto config = context.config<PushConfig>();
  HssAnswer hss;
  if (config->ask_hss) {
    ShQuery query;
    query.user = user;
    query.data = ShDataRef::repository_data;
    query.service_indication = config->service_indication;
    const auto deadline = Deadline::after(context.clock(), config->hss_deadline);
    const auto reply = co_await context.sh().user_data(std::move(query), deadline);
    if (*self->stopped_) co_return fail(ErrorCode::gone, "the node is shutting down");
    hss = read_repository(reply.value_or(ShReply{}), {});
  }
  CapabilityReport report;
  report.user = user;
  report.application = std::move(application);
  if (const auto* registration = context.registrations().find(user)) report.registration = *registration;
  report.facts = self->facts(user, hss.profile ? &*hss.profile : nullptr);
  if (const auto entry = self->entries_.find(user); entry != self->entries_.end()) {
    for (const auto& asked : entry->second.asked) report.asked.push_back(asked.subject);
  }
  report.user_unknown = hss.state == HssAnswer::State::user_unknown;
  report.profile_failed = hss.state == HssAnswer::State::failed;
  report.now = context.clock().wall();
  co_return report;
}

// -- the table -----------------------------------------------------------------------------------------------------------------

CapabilityBook::Entry& CapabilityBook::touch(const std::string& user) {
  auto [found, fresh] = entries_.try_emplace(user);
  auto& entry = found->second;
  if (fresh) {
    entry.place = order_.insert(order_.end(), user);
    entry.registration = ++registrations_;
    users_gauge_.add(1);
  } else {
    order_.splice(order_.end(), order_, entry.place);
  }
  remember_contacts(user, entry);
  return entry;
}

void CapabilityBook::remember_contacts(const std::string& user, Entry& entry) {
  const auto* registration = context_.registrations().find(user);
  entry.contacts.clear();
  if (registration == nullptr) return;
  for (const auto& contact : registration->contacts) entry.contacts.push_back({contact.uri, contact.expires});
}

void CapabilityBook::account(const std::string& user) {
  const auto found = entries_.find(user);
  if (found == entries_.end()) return;
  auto& entry = found->second;
  std::size_t bytes =
      sizeof(Entry) + 2 * (sizeof(std::string) + user.capacity()) + size_of(entry.learned) + size_of(entry.watched);
  for (const auto& asked : entry.asked) bytes += sizeof(asked) + asked.subject.capacity();
  for (const auto& seen : entry.contacts) bytes += sizeof(seen) + seen.uri.capacity();
  bytes_gauge_.add(static_cast<double>(bytes) - static_cast<double>(entry.bytes));
  bytes_ = bytes_ - entry.bytes + bytes;
  entry.bytes = bytes;
  while (order_.size() > 1 && (entries_.size() > limits_.max_users || bytes_ > limits_.max_bytes)) {
    forgotten_.add();
    const auto oldest = order_.front();
    drop(oldest);
  }
}

void CapabilityBook::drop(const std::string& user) {
  const auto found = entries_.find(user);
  if (found == entries_.end()) return;
  bytes_ -= found->second.bytes;
  bytes_gauge_.add(-static_cast<double>(found->second.bytes));
  users_gauge_.add(-1);
  order_.erase(found->second.place);
  entries_.erase(found);
}

// Newer facts take the place of older ones about the same; the oldest go when there are too many.
void CapabilityBook::keep(Entry& entry, std::vector<CapabilityFact> facts) const {
  const auto now = context_.clock().wall();
  auto& known = entry.learned;
  std::erase_if(known, [&](const auto& old) {
    if (old.valid_until && *old.valid_until <= now) return true;
    return std::any_of(facts.begin(), facts.end(), [&](const auto& fact) {
      return fact.source == old.source && fact.kind == old.kind && fact.contact == old.contact &&
             fact.application == old.application && fact.value == old.value;
    });
  });
  append(known, std::move(facts));
  if (known.size() <= limits_.max_facts_of_user) return;
  std::stable_sort(known.begin(), known.end(), [](const auto& a, const auto& b) { return a.learned < b.learned; });
  known.erase(known.begin(), known.end() - static_cast<std::ptrdiff_t>(limits_.max_facts_of_user));
}

// -- (a) and (d) ---------------------------------------------------------------------------------------------------------------

void CapabilityBook::learn(const std::string& user, const std::string& contact, const std::string& application,
                           const CapabilityFailure& failure) {
  if (*stopped_) return;
  const auto* registration = context_.registrations().find(user);
  const auto* known = registration != nullptr && !contact.empty() ? find_contact(*registration, contact) : nullptr;
  auto facts = facts_of(failure, known != nullptr ? known->uri : contact, application, context_.clock().wall());
  if (facts.empty()) return;
  learned_.add();
  auto& entry = touch(user);
  // The list of a newer refusal is the receiver's latest word: an older list does not count beside it.
  const bool listed = std::any_of(facts.begin(), facts.end(),
                                  [](const auto& fact) { return fact.kind == FactKind::type && fact.value == "*/*"; });
  if (listed) {
    const auto& pattern = facts.front();
    std::erase_if(entry.learned, [&](const auto& old) {
      return old.source == FactSource::failure && old.kind == FactKind::type && old.contact == pattern.contact &&
             old.application == pattern.application && (old.supported || old.value == "*/*");
    });
  }
  keep(entry, std::move(facts));
  account(user);
}

void CapabilityBook::wanted(const std::string& user, const Capabilities& known) {
  if (*stopped_ || !watcher_) return;
  const auto policy = context_.config<PushConfig>()->capabilities.watch_presence;
  if (policy == PresenceWatch::never) return;
  if (policy == PresenceWatch::unknown && known.knows_types() && !watcher_->watches(user)) return;
  const auto* registration = context_.registrations().find(user);
  if (registration != nullptr) watcher_->want(user, registration->scscf);
}

void CapabilityBook::set_watched(const std::string& user, std::vector<CapabilityFact> facts) {
  if (*stopped_) return;
  const auto known = entries_.find(user);
  if (facts.empty() && known == entries_.end()) return;
  if (facts.size() > limits_.max_facts_of_user) facts.resize(limits_.max_facts_of_user);
  auto& entry = touch(user);
  entry.watched = std::move(facts);
  if (entry.watched.empty() && entry.learned.empty() && entry.asked.empty()) return drop(user);
  account(user);
}

// -- registrations -------------------------------------------------------------------------------------------------------------

void CapabilityBook::on_registration(RegistrationEvent event, const Registration& registration) {
  const auto apply = [&](const std::string& user) {
    if (event != RegistrationEvent::refreshed && watcher_) watcher_->forget(user);
    if (!entries_.contains(user)) return;
    if (event == RegistrationEvent::refreshed) return refresh(user, registration);
    // A new registration, or none: nothing that was learned about the old one holds. What a watcher saw does.
    auto& entry = entries_.find(user)->second;
    entry.learned.clear();
    entry.asked.clear();
    entry.registration = ++registrations_;
    if (entry.watched.empty()) return drop(user);
    remember_contacts(user, entry);
    account(user);
  };
  apply(registration.user);
  for (const auto& alias : registration.associated) {
    if (alias != registration.user) apply(alias);
  }
}

// 8.3: a re-registration clears (a) and (c) of that contact, and of the AoR, which it is a part of.
void CapabilityBook::refresh(const std::string& user, const Registration& registration) {
  auto& entry = entries_.find(user)->second;
  const auto& contacts = registration.contacts;
  const auto unchanged = [&](std::string_view uri) {
    const auto now = std::find_if(contacts.begin(), contacts.end(), [&](const auto& each) { return each.uri == uri; });
    const auto before =
        std::find_if(entry.contacts.begin(), entry.contacts.end(), [&](const auto& each) { return each.uri == uri; });
    // With a single contact it is clear whose refresh this is.
    return contacts.size() > 1 && now != contacts.end() && before != entry.contacts.end() &&
           now->expires <= before->expires + kSameExpiry;
  };
  std::erase_if(entry.learned, [&](const auto& fact) { return !unchanged(fact.contact); });
  std::erase_if(entry.asked, [&](const auto& asked) { return !unchanged(asked.subject); });
  entry.registration = ++registrations_;
  if (entry.watched.empty() && entry.learned.empty() && entry.asked.empty()) return drop(user);
  remember_contacts(user, entry);
  account(user);
}

// -- (c) -----------------------------------------------------------------------------------------------------------------------

std::string CapabilityBook::subject_of(const std::string& user, const std::string& target, std::string_view application) const {
  const auto* registration = context_.registrations().find(user);
  if (registration == nullptr) return target;
  if (const auto* contact = find_contact(*registration, target)) return contact->uri;
  const RegisteredContact* only = nullptr;
  for (const auto& contact : registration->contacts) {
    if (!serves(contact, application)) continue;
    if (only != nullptr) return target;
    only = &contact;
  }
  return only != nullptr ? only->uri : target;
}

bool CapabilityBook::may_ask(const std::string& user, const std::string& subject) const {
  const auto found = entries_.find(user);
  if (found == entries_.end()) return true;
  const auto& asked = found->second.asked;
  const auto now = context_.clock().wall();
  // The day ends it for those whose registration this node does not see.
  return asked.size() < kMaxAsked && std::none_of(asked.begin(), asked.end(), [&](const auto& each) {
           return each.subject == subject && now < each.at + kFactLifetime;
         });
}

Task<void> CapabilityBook::probe(Self self, std::string user, std::string target, std::string application, std::string route,
                                 Deadline deadline) {
  if (*self->stopped_) co_return;
  const auto subject = self->subject_of(user, target, application);
  const auto key = user + ' ' + subject;
  if (const auto under_way = self->waiting_.find(key); under_way != self->waiting_.end()) {
    auto promise = std::make_shared<Promise<void>>();
    auto answered = promise->future();
    under_way->second.push_back(std::move(promise));
    static_cast<void>(co_await answered);
    co_return;
  }
  if (!self->context_.config<PushConfig>()->capabilities.ask_options || !self->may_ask(user, subject)) co_return;
  if (self->probes_ >= self->limits_.max_probes) {
    self->not_asked_.add();
    log::debug("receiver not asked for its capabilities", {{"user", log::identity(user)}, {"cause", "too many questions"}});
    co_return;
  }
  auto& context = self->context_;
  const auto sender = context.config<PushConfig>()->sender_identity;
  Origination wish;
  wish.method = "OPTIONS";
  wish.from = "<" + sender + ">";
  wish.to = "<" + user + ">";
  wish.uri = target;
  wish.route = route;
  wish.headers = identity_headers(sender, context.node().domain);
  wish.headers.push_back({"Accept", "application/sdp"});  // RFC 3261 11.1
  if (!application.empty()) wish.headers.push_back(accept_contact(application));
  auto request = originate(context.sip_factory(), wish);
  if (!request) {
    log::info("receiver not asked for its capabilities", {{"user", log::identity(user)}, {"cause", request.error().text}});
    co_return;
  }
  auto& entry = self->touch(user);
  const auto now = context.clock().wall();
  std::erase_if(entry.asked, [&](const auto& each) { return each.at + kFactLifetime <= now; });
  entry.asked.push_back({subject, now});
  const auto registration = entry.registration;
  self->account(user);
  self->waiting_.try_emplace(key);
  ++self->probes_;
  self->asked_.add();
  auto sent = request->send(deadline);
  const auto response = co_await sent;
  --self->probes_;
  if (*self->stopped_) co_return;
  const bool nothing_sent = !response || response->origin() == ResponseOrigin::hop_blocked;
  if (nothing_sent) {  // nobody was asked
    if (const auto found = self->entries_.find(user); found != self->entries_.end()) {
      std::erase_if(found->second.asked, [&](const auto& each) { return each.subject == subject; });
    }
  } else if (response->status() == 200 && !response->locally_generated()) {
    self->answered_.add();
    self->store_answer(user, subject, registration, response->message());
  }
  const auto done = self->waiting_.extract(key);
  if (done.empty()) co_return;
  for (const auto& promise : done.mapped()) promise->set({});
}

void CapabilityBook::store_answer(const std::string& user, const std::string& subject, std::uint64_t registration,
                                  const SipMessage& answer) {
  const auto found = entries_.find(user);
  // Evicted, or of a registration that is over (8.3 c).
  if (found == entries_.end() || found->second.registration != registration) return;
  const auto* known = context_.registrations().find(user);
  std::string contact;
  if (known != nullptr && known->contacts_known) {
    const auto* asked = find_contact(*known, subject);
    if (asked == nullptr && known->contacts.size() == 1) asked = &known->contacts.front();
    const auto named = contact_of(answer);
    if (asked == nullptr && !named.empty()) asked = find_contact(*known, named);
    // One of several devices answered for the AoR: a fact about that one, not about the user (PS-104).
    contact = asked != nullptr ? asked->uri : named;
  }
  keep(touch(user), facts_of_options(answer, std::move(contact), context_.clock().wall()));
  account(user);
}

}  // namespace herald::push
