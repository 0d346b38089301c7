// Contents that are kept as files: uploads of initiators, and what came inline but is too large for a record.
//
//   content_file   partition = id = id of the blob; due = when it goes: an unused upload soon, a used one with its last push
//                  term i=INITIATOR
//
// Only this book removes contents. A claim and the push that makes it are one batch, so that a content never goes while a push
// needs it; blobs without a record, which a crash may leave, are looked for and removed.
// Thread: the shard that serves HTTP.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "herald/http.h"
#include "herald/servlet_context.h"
#include "push/push_job.h"
#include "push_config.h"
#include "push_metrics.h"
#include "text/problem.h"

namespace herald::push {

struct StoredContent {
  BlobInfo blob;
  std::string type;
  std::string initiator;
  WallTime created{};
  WallTime due{};
  bool used = false;    // by a push
  Version version = 0;  // 0: not recorded yet
};

// Whose it is and how much that account may keep; 0: as much as there is room for.
struct ContentOwner {
  std::string initiator;  // empty: an operator
  std::uint64_t quota = 0;
};

class ContentBook : public std::enable_shared_from_this<ContentBook> {
 public:
  using Self = std::shared_ptr<ContentBook>;
  explicit ContentBook(ServletContext& context);
  void start();
  void stop() noexcept;

  // The body of the request, which may have been spooled. What is refused is removed.
  static Task<Checked<StoredContent>> upload(Self self, ContentOwner owner, std::string type, HttpRequest* request);
  // None of somebody else's exists; no owner: an operator sees all.
  static Task<Checked<StoredContent>> find(Self self, std::string id, std::optional<std::string> owner);
  static Task<Checked<void>> remove(Self self, std::string id, std::optional<std::string> owner);

  // References are looked up, what is too large for a record becomes a blob: afterwards every content is complete.
  // `contents` must outlive the task.
  static Task<Checked<std::vector<StoredContent>>> settle(Self self, ContentOwner owner, std::vector<Content>* contents);
  // For the batch that accepts a push: its contents stay until `until`. Conflict: settle again.
  static void add_claims(const std::vector<StoredContent>& claims, WallTime until, Batch& batch);
  // After that batch: what it says is so.
  void claimed(const std::vector<StoredContent>& claims);
  // The push was not accepted: what was made for it goes.
  void unclaimed(const std::vector<StoredContent>& claims);

  [[nodiscard]] std::uint64_t used_by(const std::string& initiator) const;

 private:
  [[nodiscard]] Checked<void> room_for(const ContentOwner& owner, std::uint64_t bytes) const;
  void account(const std::string& initiator, std::uint64_t bytes, bool more);
  static Task<Checked<BlobInfo>> keep(Self self, ContentOwner owner, std::string bytes);
  static Task<Checked<StoredContent>> record(Self self, StoredContent content);
  static Task<void> begin(Self self);
  void sweep_later();
  static Task<void> sweep(Self self);
  static Task<void> sweep_orphans(Self self);
  static Task<bool> erase(Self self, StoredContent content);
  static Task<void> remove_blob(Self self, std::string id);

  ServletContext& context_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  PushMetrics metrics_;
  TimerId sweep_timer_;
  WallTime orphans_next_{};
  std::map<std::string, std::uint64_t, std::less<>> bytes_;  // by initiator
  bool counted_ = false;
};

}  // namespace herald::push
