// The published state of the users at home on one shard: changed by PUBLISH, expired, kept over a restart. RFC 3903; PS-103,
// PS-106, ST-46.
// Thread: one shard. Lifetime: executor, store and packages outlive stop().
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "event/publication_record.h"
#include "event/publication_rules.h"
#include "herald/executor.h"
#include "herald/store.h"
#include "herald/task.h"

namespace herald::event {

class PublicationTable : public std::enable_shared_from_this<PublicationTable> {
 public:
  struct Options {
    std::size_t max = 1000000;                               // on this shard
    std::function<bool(std::string_view resource)> is_home;  // null: all are
  };
  static std::shared_ptr<PublicationTable> make(Executor& executor, Store& store, Options options);
  ~PublicationTable();

  void add_package(PublicationPackage& package) { packages_.push_back(&package); }
  // By value into a coroutine that keeps the table alive.
  static Task<PublishAnswer> publish(std::shared_ptr<PublicationTable> table, PublishOrder order);
  [[nodiscard]] std::vector<Publication> find(std::string_view package, std::string_view resource) const;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  static Task<Expected<void>> load(std::shared_ptr<PublicationTable> table);
  void stop();

 private:
  struct Entry {
    std::string id;  // of its record
    Version version = 0;
    PublicationRecord record;
  };
  using EntryPtr = std::shared_ptr<Entry>;
  // What is published for one resource.
  struct Shelf {
    std::vector<EntryPtr> entries;
  };

  PublicationTable(Executor& executor, Store& store, Options options);
  [[nodiscard]] PublicationPackage* package_of(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> package_names() const;
  [[nodiscard]] EntryPtr find_tag(const PublishOrder& order) const;
  [[nodiscard]] EntryPtr find_id(const std::string& resource, const std::string& id) const;
  [[nodiscard]] std::size_t count(const PublishOrder& order) const;
  // Takes up what the store holds of a resource; `suspect` is forgotten when it is not among that.
  static Task<Expected<void>> reload(std::shared_ptr<PublicationTable> table, std::string resource, std::string suspect);
  void put(EntryPtr entry);
  void remove(const Entry& entry);
  static Task<void> erase(std::shared_ptr<PublicationTable> table, Key key, Version version);
  void changed(const std::string& package, const std::string& resource);
  void tell_restored();
  void arm();
  void expire_due();

  Executor& executor_;
  Store& store_;
  Options options_;
  bool stopped_ = false;
  std::vector<PublicationPackage*> packages_;
  std::unordered_map<std::string, Shelf> shelves_;
  std::size_t size_ = 0;
  std::set<std::pair<WallTime, Entry*>> due_;
  std::set<std::pair<std::string, std::string>> restored_;  // resource, package: to be told
  TimerId timer_;
  WallTime armed_for_{};
};

}  // namespace herald::event
