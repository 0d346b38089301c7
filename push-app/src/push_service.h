// What can be done with pushes, whoever asks (REST now, PAP later): submit, look, list, cancel. Reads and writes the store;
// deliveries go to the home shards of their users.
// Thread: the shard that serves HTTP.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "delivery_scheduler.h"
#include "herald/servlet_context.h"
#include "problem.h"
#include "push_config.h"
#include "submission.h"

namespace herald::push {

// Gives an accepted delivery to its home shard; false: its mailbox is full.
using Handover = std::function<bool(unsigned shard, std::vector<Admission> admissions)>;
using Forget = std::function<void(unsigned shard, std::string user, std::string push, std::uint32_t index)>;

struct SubmitRequest {
  std::string initiator;  // empty: an operator
  std::string sender;
  Submission submission;
  std::optional<std::string> idempotency_key;
  std::string body_digest;
  std::string trace;
};

struct PushView {
  PushJob job;
  std::vector<Delivery> deliveries;
  std::string next;       // cursor of the next page of deliveries
  bool repeated = false;  // an Idempotency-Key was seen before
};

struct ListQuery {
  std::optional<std::string> initiator;  // none: of everybody
  std::optional<std::string> user;       // canonical
  std::optional<Status> status;
  std::size_t limit = 50;
  std::string cursor;
};
struct PushList {
  std::vector<PushView> pushes;  // newest first; with all or the matching deliveries, at most kListedDeliveries each
  std::string next;
};

struct CancelResult {
  PushView view;  // afterwards
  std::size_t cancelled = 0;
  std::size_t too_late = 0;  // final already, or on its way
};

class PushService : public std::enable_shared_from_this<PushService> {
 public:
  PushService(ServletContext& context, std::shared_ptr<NodeLoad> load, Handover handover, Forget forget);
  void start();  // purging
  void stop() noexcept;

  // `owner`: only pushes of that initiator exist; none: an operator sees all.
  using Self = std::shared_ptr<PushService>;
  static Task<Checked<PushView>> submit(Self self, SubmitRequest request);
  static Task<Checked<PushView>> view(Self self, std::string id, std::optional<std::string> owner, std::size_t limit,
                                      std::string cursor);
  static Task<Checked<PushList>> list(Self self, ListQuery query);
  static Task<Checked<CancelResult>> cancel(Self self, std::string id, std::optional<std::string> owner);

 private:
  static Task<Checked<std::optional<PushView>>> repeated(Self self, SubmitRequest* request);
  static Task<Checked<PushJob>> find(Self self, std::string id, std::optional<std::string> owner);
  static Task<Checked<PushList>> list_by_push(Self self, ListQuery query);
  static Task<Checked<PushList>> list_by_user(Self self, ListQuery query);
  static Task<bool> cancel_one(Self self, Delivery* delivery);
  void purge_later();
  static Task<void> purge(Self self);
  static Task<bool> purge_push(Self self, std::string id);
  void hand_over(std::shared_ptr<const PushJob> job, const std::vector<Delivery>& deliveries);
  void offer_again();
  [[nodiscard]] Checked<void> room_for(std::size_t recipients) const;

  ServletContext& context_;
  std::shared_ptr<NodeLoad> load_;
  Handover handover_;
  Forget forget_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  PushMetrics metrics_;
  struct Waiting {
    unsigned shard;
    std::vector<Admission> admissions;
  };
  std::deque<Waiting> not_taken_;  // bounded: submissions are refused while it is not empty
  TimerId offer_timer_;
  TimerId purge_timer_;
};

}  // namespace herald::push
