// How many recipients an account has had today (UTC). The count is written in the batch that accepts the push, so that a restart
// knows it; one shard accepts, so it needs no compare-and-set.
// Thread: the shard that serves HTTP.
#pragma once

#include <map>
#include <string>

#include "herald/store.h"
#include "push_config.h"
#include "text/problem.h"

namespace herald::push {

//   quota  partition = initiator, id = day; due = when it is forgotten
inline constexpr std::string_view kQuotaTable = "quota";

class DailyQuota {
 public:
  // Reads what a former process counted, once a day and account. `store` outlives the task.
  static Task<Checked<void>> take(DailyQuota* self, Store* store, std::string initiator, std::uint32_t most,
                                  std::size_t recipients, WallTime now);
  // What was taken goes into the batch that accepts; given back when that failed.
  void add_to(Batch& batch, const std::string& initiator) const;
  void give_back(const std::string& initiator, std::size_t recipients);

 private:
  struct Count {
    std::string day;
    std::uint64_t used = 0;
    WallTime forget_at{};
  };
  std::map<std::string, Count> counts_;  // bounded by the configured accounts
};

}  // namespace herald::push
