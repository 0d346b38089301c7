// Durable records with compare-and-set, a due-time index, index terms and leases. One contract, several drivers.
// Thread: call from any executor; results arrive there. Order: operations of one caller on one key are applied in call order.
// Errors: conflict (a compare-and-set lost), fenced (a newer owner), not_found, unavailable, busy (queue full), corrupt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "herald/clock.h"
#include "herald/task.h"

namespace herald {

struct Key {
  std::string table;      // "push", "delivery", "subscription" …  [a-z_]{1,32}
  std::string partition;  // what is owned and leased together: a canonical identity or a push id
  std::string id;         // unique within table and partition
  friend auto operator<=>(const Key&, const Key&) = default;
};

using Version = std::uint64_t;  // grows with every write of a record; 0 = does not exist

struct Record {
  Key key;
  std::string value;  // encoded by its owner; see herald/record.h
  Version version = 0;
  std::optional<WallTime> due;
};

struct Put {
  Key key;
  std::string value;
  std::optional<Version> expected;   // none: write whatever is there; 0: must not exist yet
  std::optional<WallTime> due;       // none: not in the due index
  std::vector<std::string> terms{};  // exact-match index entries, e.g. "initiator=news"; replaces the record's former terms
  bool keep_terms = false;           // leave the terms as they are (cheaper for an update that does not change them)
};
struct Erase {
  Key key;
  std::optional<Version> expected;
};

enum class Durability : std::uint8_t {
  durable,  // survives power loss once committed: what a 202 promises
  relaxed,  // survives the death of the process; the last moments may be lost with the power
};

struct Fence {
  std::string partition;
  std::uint64_t token = 0;
};

// All or nothing.
struct Batch {
  std::vector<Put> puts;
  std::vector<Erase> erases;
  Durability durability = Durability::durable;
  std::optional<Fence> fence;  // refused with `fenced` when the partition's lease has a higher token
};

struct Committed {
  std::vector<Version> versions;  // of the puts, in order
};

struct Page {
  std::vector<Record> records;
  std::string next;  // cursor of the next page; empty at the end
};

struct Scan {
  std::string table;
  std::optional<std::string> partition;
  std::optional<std::string> term;  // only records that carry this index term
  bool newest_first = false;        // by id; ids that shall be listed by age begin with a time (herald/record.h make_id)
  std::string cursor;               // from Page::next
  std::size_t limit = 100;
};

struct Lease {
  std::string partition;
  std::uint64_t token = 0;  // fencing number: grows with every change of owner
  Duration length{};        // from now, by the store's clock
};

class Store {
 public:
  virtual ~Store() = default;
  virtual Future<Record> get(Key key) = 0;
  virtual Future<Committed> commit(Batch batch) = 0;
  virtual Future<Page> scan(Scan scan) = 0;
  // Records whose due time is at or before `until`, earliest first.
  virtual Future<Page> due(std::string table, WallTime until, std::size_t limit) = 0;
  virtual Future<Lease> acquire(std::string owner, std::string partition, Duration length) = 0;
  virtual Future<void> release(std::string owner, std::string partition) = 0;
};

}  // namespace herald
