// What can be done with pushes, whoever asks (REST now, PAP later): submit, look, list, cancel. Reads and writes the store;
// deliveries go to the home shards of their users.
// Thread: the shard that serves HTTP.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "delivery/delivery_scheduler.h"
#include "herald/servlet_context.h"
#include "initiator/audit.h"
#include "initiator/daily_quota.h"
#include "initiator/initiator_auth.h"
#include "job/push_records.h"
#include "push_config.h"
#include "pushes/content_book.h"
#include "pushes/recipient_source.h"
#include "pushes/submission.h"
#include "result/result_notice.h"
#include "text/problem.h"

namespace herald::push {

// Gives accepted deliveries to their home shard; false: its mailbox is full and they are untouched.
using Admissions = std::shared_ptr<std::vector<Admission>>;
using Handover = std::function<bool(unsigned shard, Admissions admissions)>;
using Forget = std::function<void(unsigned shard, std::string user, std::string push, std::uint32_t index)>;

struct SubmitRequest {
  std::string initiator;  // empty: an operator
  // What that account may do is checked here, but for the recipients of Submission::many and what needs more than the
  // submission: sender, application, rate, callback. None: everything is allowed.
  std::shared_ptr<const Initiator> account{};
  std::string sender;
  Submission submission;
  std::optional<std::string> idempotency_key;
  std::string body_digest;  // needed with an idempotency key or an external id
  std::string trace;
};

struct PushView {
  PushJob job;
  std::vector<Delivery> deliveries;
  std::map<std::uint32_t, ResultNotice> notices{};  // by recipient, where the initiator is told; only GET of one push has them
  std::string next;                                 // cursor of the next page of deliveries
  bool repeated = false;                            // an Idempotency-Key was seen before
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

struct CancelRequest {
  std::string id;  // ours, or the initiator's own
  std::optional<std::string> owner;
  std::vector<Recipient> recipients{};  // found by their canonical address; none: all of the push
};
// One recipient that was asked for by address. In RecipientStates there is one for each of his devices, when the push went to all
// of them (PS-15); a cancellation has one answer for all.
struct RecipientState {
  Recipient asked;
  std::optional<Delivery> delivery{};  // none: the push has no such recipient
  bool cancelled = false;              // nothing was too late
};
struct CancelResult {
  PushView view;  // afterwards
  std::size_t cancelled = 0;
  std::size_t too_late = 0;                  // final already, or on its way
  std::size_t unknown = 0;                   // no recipient of this push
  std::vector<RecipientState> recipients{};  // those that were named, in order
};
struct RecipientStates {
  PushJob job;
  std::vector<RecipientState> recipients;
};

class PushService : public std::enable_shared_from_this<PushService> {
 public:
  PushService(ServletContext& context, std::shared_ptr<NodeLoad> load, Handover handover, Forget forget,
              std::shared_ptr<DeliveryObserver> observer = {}, std::shared_ptr<ContentBook> contents = {});
  void start();  // purging
  void stop() noexcept;

  // `owner`: only pushes of that initiator exist; none: an operator sees all. An id is ours or, where `owner` says whose, the
  // initiator's own (PAP-30).
  using Self = std::shared_ptr<PushService>;
  static Task<Checked<PushView>> submit(Self self, SubmitRequest request);
  static Task<Checked<PushView>> view(Self self, std::string id, std::optional<std::string> owner, std::size_t limit,
                                      std::string cursor);
  // At most kMaxNamed addresses; each costs a look into an index, however many recipients the push has.
  static Task<Checked<RecipientStates>> look_up(Self self, std::string id, std::optional<std::string> owner,
                                                std::vector<Recipient> recipients);
  static Task<Checked<PushList>> list(Self self, ListQuery query);
  static Task<Checked<CancelResult>> cancel(Self self, CancelRequest request);
  static constexpr std::size_t kMaxNamed = 1000;
  // One bucket an account, whichever way it submits.
  [[nodiscard]] SubmissionRates& rates() noexcept { return rates_; }
  [[nodiscard]] Audit& audit() noexcept { return audit_; }

 private:
  // -- acceptance: push_accept.cpp --
  static Task<Checked<PushView>> accept(Self self, SubmitRequest* given);
  static Task<Checked<std::optional<PushView>>> repeated(Self self, const SubmitRequest* request);
  static Task<Checked<std::optional<PushView>>> repeated_name(Self self, const SubmitRequest* request, Key key, bool external);
  // What a push takes of its account, and gives back when it is not accepted.
  struct Claims {
    std::vector<StoredContent> contents;
    std::string daily;  // the account, when it has a daily quota
    std::size_t recipients = 0;
  };
  static Task<Checked<Claims>> claim(Self self, SubmitRequest* request, std::size_t recipients);
  void add_claims(const Claims& claims, const Acceptance& acceptance, Batch& batch) const;
  void settle_claims(const Claims& claims, bool accepted);
  static Task<Checked<PushView>> accept_at_once(Self self, SubmitRequest* request, Acceptance acceptance, const Claims* claims);
  static Task<Checked<PushView>> accept_staged(Self self, SubmitRequest* request, std::shared_ptr<RecipientSource> recipients,
                                               Acceptance acceptance, const Claims* claims);
  static Task<Expected<void>> stage(Self self, std::shared_ptr<RecipientSource> recipients, Acceptance* accepting,
                                    const Claims* claims);
  [[nodiscard]] Problem refused(const SubmitRequest& request, const Error& why) const;
  void report_accepted(const PushJob& job);
  using ByShard = std::map<unsigned, std::vector<Admission>>;
  void hand_over(ByShard by_shard);
  void hand_over(std::shared_ptr<const PushJob> job, std::vector<Delivery> deliveries);
  void offer_again();
  [[nodiscard]] Checked<void> room_for(std::size_t recipients) const;
  // What is too much for one batch goes to the shards from the store.
  static Task<void> feed(Self self, std::shared_ptr<const PushJob> job);

  // -- replacing and cancelling: push_replace.cpp, push_cancel.cpp --
  static Task<Expected<void>> complete_replacement(Self self, Acceptance acceptance);
  static Task<Expected<void>> skip_recipients(Self self, std::string push, std::vector<Recipient> recipients);
  static Task<Checked<CancelResult>> cancel_all(Self self, PushJob job);
  static Task<Checked<CancelResult>> cancel_named(Self self, PushJob job, std::vector<Recipient> recipients);
  // Ends what still can be ended; afterwards each is as it is stored. Error: the store failed, some may be ended.
  static Task<Expected<void>> end_some(Self self, const PushJob* job, std::vector<Delivery>* deliveries, std::string cause);
  static Task<Expected<void>> end_one(Self self, const PushJob* job, Delivery* delivery, std::string cause);
  void ended(const Delivery& delivery);

  static Task<Checked<PushJob>> find(Self self, std::string id, std::optional<std::string> owner);
  // Of one recipient: one delivery, or each of his devices' (PS-15); none: he is not among the push's.
  static Task<Expected<std::vector<Delivery>>> find_deliveries(Self self, std::string push, std::string user);
  // The same, but where the push went to devices and the address names one, of that one alone.
  static Task<Expected<std::vector<Delivery>>> find_named(Self self, std::string push, Recipient recipient);
  static Task<Checked<PushList>> list_by_push(Self self, ListQuery query);
  static Task<Checked<PushList>> list_by_user(Self self, ListQuery query);

  // -- removal: push_purge.cpp --
  void purge_later();
  static Task<void> purge(Self self);
  static Task<void> purge_names(Self self, std::string table);
  static Task<bool> purge_push(Self self, Record push);
  static Task<bool> erase_push(Self self, std::string id, bool with_notices);
  // Acceptances that a crash or a failing store interrupted: what was decided is completed, the rest removed.
  static Task<void> recover(Self self);

  ServletContext& context_;
  std::shared_ptr<NodeLoad> load_;
  Handover handover_;
  Forget forget_;
  DeliveryWriter writer_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  PushMetrics metrics_;
  struct Waiting {
    unsigned shard;
    Admissions admissions;
  };
  SubmissionRates rates_;
  DailyQuota quota_;
  Audit audit_;
  std::shared_ptr<ContentBook> contents_;
  std::set<std::string> staging_;  // pushes whose acceptance runs just now
  std::deque<Waiting> not_taken_;  // bounded: submissions are refused while it is not empty
  TimerId offer_timer_;
  TimerId purge_timer_;
};

}  // namespace herald::push
