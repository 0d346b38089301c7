#include "event/publication_table.h"

#include <algorithm>

#include "event/publication_catalog.h"
#include "herald/log.h"
#include "herald/metrics.h"
#include "herald/record.h"
#include "herald/trace.h"

namespace herald::event {
namespace {

constexpr std::size_t kPage = 500;
constexpr std::size_t kPerTurn = 200;  // neither a mass expiry nor a restart may hold up the shard
constexpr std::size_t kTagLength = 16;

const metrics::Gauge& publications_gauge() {
  static const auto gauge = metrics::gauge("herald_event_publications_count", "Publications kept");
  return gauge;
}

metrics::Counter make_counter(std::string_view result) {
  return metrics::counter("herald_event_publishes_total", "PUBLISH requests by what became of them", {{"result", result}});
}

void count_done(PublishKind kind) {
  static const auto created = make_counter("created");
  static const auto refreshed = make_counter("refreshed");
  static const auto modified = make_counter("modified");
  static const auto removed = make_counter("removed");
  switch (kind) {
    case PublishKind::create:
      return created.add();
    case PublishKind::refresh:
      return refreshed.add();
    case PublishKind::modify:
      return modified.add();
    case PublishKind::remove:
      return removed.add();
  }
}

PublishAnswer refused(PublishAnswer answer) {
  static const auto counter = make_counter("refused");
  counter.add();
  return answer;
}

PublishAnswer wrong_tag() { return refused({412, {}, "unknown entity-tag"}); }

PublishAnswer not_stored(const Error& error) {
  log::event(events::kPublicationNotStored, {{"cause", error.text}});
  return refused(try_later("not stored"));
}

void package_threw(const char* where) { log::event(events::kPublicationPackageThrew, {{"where", where}}); }

// What the package says to the content; nothing: fine.
std::optional<PublishAnswer> objection(const PublicationPackage& package, const PublicationRules& rules,
                                       const Publication& publication) {
  try {
    const auto fine = package.check(publication);
    if (fine) return std::nullopt;
    switch (fine.error().code) {
      case ErrorCode::unsupported:
        return unaccepted_type(rules);
      case ErrorCode::forbidden:
        return PublishAnswer{403, {}, fine.error().text};
      case ErrorCode::too_large:
        return PublishAnswer{413, {}, fine.error().text};
      default:
        return PublishAnswer{400, {}, fine.error().text};
    }
  } catch (...) {
    package_threw("check");
    return PublishAnswer{500, {}, "the package failed"};
  }
}

PublishAnswer done(PublishKind kind, const std::string& etag, std::chrono::seconds expires) {
  count_done(kind);
  return {200, {{"SIP-ETag", etag}, {"Expires", std::to_string(expires.count())}}, {}};
}

}  // namespace

std::shared_ptr<PublicationTable> PublicationTable::make(Executor& executor, Store& store, Options options) {
  return std::shared_ptr<PublicationTable>(new PublicationTable(executor, store, std::move(options)));
}

PublicationTable::PublicationTable(Executor& executor, Store& store, Options options)
    : executor_(executor), store_(store), options_(std::move(options)) {}

PublicationTable::~PublicationTable() { stop(); }

void PublicationTable::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (timer_) executor_.timers().cancel(timer_);
  timer_ = {};
  restored_.clear();
  publications_gauge().add(-static_cast<double>(size_));
}

PublicationPackage* PublicationTable::package_of(std::string_view name) const {
  if (name.empty()) return nullptr;
  const auto found =
      std::find_if(packages_.begin(), packages_.end(), [&](auto* package) { return package->rules().package == name; });
  return found == packages_.end() ? nullptr : *found;
}

std::vector<std::string> PublicationTable::package_names() const {
  std::vector<std::string> names;
  for (const auto* package : packages_) names.push_back(package->rules().package);
  return names;
}

PublicationTable::EntryPtr PublicationTable::find_tag(const PublishOrder& order) const {
  const auto shelf = shelves_.find(order.resource);
  if (shelf == shelves_.end()) return nullptr;
  const auto now = executor_.clock().wall();
  for (const auto& entry : shelf->second.entries) {
    const auto& publication = entry->record.publication;
    if (publication.etag == *order.etag && publication.package == order.package && publication.expires > now) return entry;
  }
  return nullptr;
}

PublicationTable::EntryPtr PublicationTable::find_id(const std::string& resource, const std::string& id) const {
  const auto shelf = shelves_.find(resource);
  if (shelf == shelves_.end()) return nullptr;
  for (const auto& entry : shelf->second.entries)
    if (entry->id == id) return entry;
  return nullptr;
}

std::size_t PublicationTable::count(const PublishOrder& order) const {
  const auto shelf = shelves_.find(order.resource);
  if (shelf == shelves_.end()) return 0;
  const auto& entries = shelf->second.entries;
  return static_cast<std::size_t>(std::count_if(
      entries.begin(), entries.end(), [&](const auto& entry) { return entry->record.publication.package == order.package; }));
}

std::vector<Publication> PublicationTable::find(std::string_view package, std::string_view resource) const {
  std::vector<Publication> result;
  const auto shelf = shelves_.find(std::string(resource));
  if (shelf == shelves_.end()) return result;
  const auto now = executor_.clock().wall();
  for (const auto& entry : shelf->second.entries) {
    const auto& publication = entry->record.publication;
    if (publication.package == package && publication.expires > now) result.push_back(publication);
  }
  return result;
}

Task<PublishAnswer> PublicationTable::publish(std::shared_ptr<PublicationTable> table, PublishOrder order) {
  auto& self = *table;
  auto* const package = self.package_of(order.package);
  if (package == nullptr) co_return refused(bad_event(self.package_names()));
  EntryPtr entry;
  if (order.etag) {
    entry = self.find_tag(order);
    if (!entry) {
      // Another node may have given the tag (AS-65): the store knows.
      auto reading = reload(table, order.resource, "");
      const auto read = co_await std::move(reading);
      if (self.stopped_) co_return try_later("stopping");
      if (!read) co_return not_stored(read.error());
      entry = self.find_tag(order);
    }
    if (!entry) co_return wrong_tag();
  }
  const auto rules = package->rules();
  const auto decision = decide_publish(order, rules);
  if (decision.refusal) co_return refused(*decision.refusal);
  const auto now = self.executor_.clock().wall();
  const auto etag = random_token(kTagLength);

  if (decision.kind == PublishKind::remove) {
    Batch removal;
    Erase erase;
    erase.key = Key{kPublicationTable, order.resource, entry->id};
    erase.expected = entry->version;
    removal.erases.push_back(std::move(erase));
    const auto id = entry->id;
    const auto erased = co_await self.store_.commit(std::move(removal));
    if (self.stopped_) co_return try_later("stopping");
    if (!erased && (erased.error().code == ErrorCode::conflict || erased.error().code == ErrorCode::not_found)) {
      auto reading = reload(table, order.resource, id);
      static_cast<void>(co_await std::move(reading));
      co_return wrong_tag();
    }
    if (!erased) co_return not_stored(erased.error());
    if (const auto left = self.find_id(order.resource, id)) self.remove(*left);
    self.arm();
    self.changed(order.package, order.resource);
    co_return done(decision.kind, etag, decision.expires);
  }

  auto next = std::make_shared<Entry>();
  Version expected = 0;
  if (entry) {
    *next = *entry;
    expected = entry->version;
  } else {
    next->id = make_id(now);
    next->record.publication.resource = order.resource;
    next->record.publication.package = order.package;
  }
  auto& publication = next->record.publication;
  publication.etag = etag;
  publication.updated = now;
  publication.expires = now + decision.expires;
  publication.publisher = order.publisher;
  if (decision.kind != PublishKind::refresh) {
    publication.type = order.content_type;
    publication.body = order.body;
    if (auto answer = objection(*package, rules, publication)) co_return refused(std::move(*answer));
  }
  if (!entry && self.size_ >= self.options_.max) {
    log::event(events::kPublicationLimit, {{"limit", self.options_.max}});
    co_return refused(try_later("limit of the shard"));
  }
  if (!entry && self.count(order) >= rules.max_per_resource) co_return refused(try_later("too many of one user"));

  // The 200 is a promise: the record comes first (ST-46: a compare-and-set on its version).
  Batch batch;
  Put put;
  put.key = Key{kPublicationTable, order.resource, next->id};
  put.value = encode(next->record);
  put.expected = expected;
  put.due = publication.expires;
  batch.puts.push_back(std::move(put));
  const auto stored = co_await self.store_.commit(std::move(batch));
  if (self.stopped_) co_return try_later("stopping");
  if (!stored && (stored.error().code == ErrorCode::conflict || stored.error().code == ErrorCode::not_found)) {
    // Somebody was faster with the same tag.
    auto reading = reload(table, order.resource, next->id);
    static_cast<void>(co_await std::move(reading));
    co_return wrong_tag();
  }
  if (!stored) co_return not_stored(stored.error());
  next->version = stored->versions.empty() ? 0 : stored->versions.front();
  self.put(next);
  self.arm();
  self.changed(order.package, order.resource);
  co_return done(decision.kind, etag, decision.expires);
}

void PublicationTable::put(EntryPtr entry) {
  const auto& resource = entry->record.publication.resource;
  if (const auto known = find_id(resource, entry->id)) {
    if (known->version >= entry->version) return;
    due_.erase({known->record.publication.expires, known.get()});
    *known = std::move(*entry);
    due_.emplace(known->record.publication.expires, known.get());
    return;
  }
  due_.emplace(entry->record.publication.expires, entry.get());
  shelves_[resource].entries.push_back(std::move(entry));
  ++size_;
  publications_gauge().add(1);
}

void PublicationTable::remove(const Entry& entry) {
  const auto shelf = shelves_.find(entry.record.publication.resource);
  if (shelf == shelves_.end()) return;
  auto& entries = shelf->second.entries;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& each) { return each.get() == &entry; });
  if (found == entries.end()) return;
  const auto keep = *found;
  due_.erase({keep->record.publication.expires, keep.get()});
  entries.erase(found);
  if (entries.empty()) shelves_.erase(shelf);
  --size_;
  publications_gauge().add(-1);
}

Task<Expected<void>> PublicationTable::reload(std::shared_ptr<PublicationTable> table, std::string resource,
                                              std::string suspect) {
  Scan scan;
  scan.table = kPublicationTable;
  scan.partition = resource;
  scan.limit = kPage;
  const auto page = co_await table->store_.scan(std::move(scan));
  if (!page) co_return fail(page.error());
  if (table->stopped_) co_return Expected<void>();
  std::set<std::string> touched;
  bool missed = !suspect.empty();
  for (const auto& record : page->records) {
    if (record.key.id == suspect) missed = false;
    auto decoded = decode_publication(resource, record.value);
    if (!decoded) {
      log::event(events::kPublicationUnreadable, {{"cause", decoded.error().text}});
      continue;
    }
    const auto known = table->find_id(resource, record.key.id);
    if (known && known->version >= record.version) continue;
    if (decoded->publication.expires <= table->executor_.clock().wall()) continue;
    touched.insert(decoded->publication.package);
    auto entry = std::make_shared<Entry>();
    entry->id = record.key.id;
    entry->version = record.version;
    entry->record = std::move(*decoded);
    table->put(std::move(entry));
  }
  if (missed) {
    if (const auto known = table->find_id(resource, suspect)) {
      touched.insert(known->record.publication.package);
      table->remove(*known);
    }
  }
  table->arm();
  for (const auto& package : touched) table->changed(package, resource);
  co_return Expected<void>();
}

Task<Expected<void>> PublicationTable::load(std::shared_ptr<PublicationTable> table) {
  if (table->packages_.empty()) co_return Expected<void>();
  const auto now = table->executor_.clock().wall();
  std::string cursor;
  do {
    Scan scan;
    scan.table = kPublicationTable;
    scan.cursor = cursor;
    scan.limit = kPage;
    const auto page = co_await table->store_.scan(std::move(scan));
    if (!page) co_return fail(page.error());
    for (const auto& record : page->records) {
      const auto& resource = record.key.partition;
      if (table->options_.is_home && !table->options_.is_home(resource)) continue;
      auto decoded = decode_publication(resource, record.value);
      if (!decoded) {
        log::event(events::kPublicationUnreadable, {{"cause", decoded.error().text}});
        continue;
      }
      if (decoded->publication.expires <= now) {
        spawn(erase(table, record.key, record.version));
        continue;
      }
      if (table->size_ >= table->options_.max) continue;
      table->restored_.emplace(resource, decoded->publication.package);
      auto entry = std::make_shared<Entry>();
      entry->id = record.key.id;
      entry->version = record.version;
      entry->record = std::move(*decoded);
      table->put(std::move(entry));
    }
    cursor = page->next;
  } while (!cursor.empty());
  table->arm();
  table->tell_restored();
  co_return Expected<void>();
}

void PublicationTable::tell_restored() {
  if (restored_.empty() || stopped_) return;
  executor_.complete([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    for (std::size_t told = 0; told < kPerTurn && !self->restored_.empty(); ++told) {
      const auto next = self->restored_.extract(self->restored_.begin());
      self->changed(next.value().second, next.value().first);
    }
    self->tell_restored();
  });
}

Task<void> PublicationTable::erase(std::shared_ptr<PublicationTable> table, Key key, Version version) {
  Erase order;
  order.key = key;
  order.expected = version;
  Batch batch;
  batch.durability = Durability::relaxed;  // what has expired is expired after a restart too
  batch.erases.push_back(std::move(order));
  const auto erased = co_await table->store_.commit(std::move(batch));
  if (erased || erased.error().code != ErrorCode::conflict || table->stopped_) co_return;
  // Another node has refreshed it meanwhile (AS-65).
  auto reading = reload(table, key.partition, "");
  static_cast<void>(co_await std::move(reading));
}

void PublicationTable::changed(const std::string& package_name, const std::string& resource) {
  auto* const package = package_of(package_name);
  if (package == nullptr) return;
  restored_.erase({resource, package_name});
  const auto current = find(package_name, resource);
  try {
    package->changed(resource, current);
  } catch (...) {
    package_threw("changed");
  }
}

void PublicationTable::arm() {
  if (stopped_) return;
  auto& timers = executor_.timers();
  if (due_.empty()) {
    if (timer_) timers.cancel(timer_);
    timer_ = {};
    return;
  }
  const auto due = due_.begin()->first;
  if (timer_ && armed_for_ == due) return;
  if (timer_) timers.cancel(timer_);
  armed_for_ = due;
  const auto& clock = executor_.clock();
  const auto left = std::max<Duration>(Duration::zero(), due - clock.wall());
  timer_ = timers.start_at(clock.now() + left, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->timer_ = {};
    self->expire_due();
  });
}

void PublicationTable::expire_due() {
  const auto now = executor_.clock().wall();
  std::set<std::pair<std::string, std::string>> touched;
  for (std::size_t done = 0; done < kPerTurn && !due_.empty() && due_.begin()->first <= now; ++done) {
    auto& entry = *due_.begin()->second;
    const auto& publication = entry.record.publication;
    const auto key = Key{kPublicationTable, publication.resource, entry.id};
    const auto version = entry.version;
    touched.emplace(publication.package, publication.resource);
    remove(entry);
    spawn(erase(shared_from_this(), key, version));
  }
  arm();
  for (const auto& [package, resource] : touched) changed(package, resource);
}

}  // namespace herald::event
