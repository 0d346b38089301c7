#include "pushes/content_book.h"

#include <algorithm>
#include <utility>

#include "herald/record.h"
#include "herald/sip_message.h"
#include "job/push_records.h"
#include "push_catalog.h"

namespace herald::push {
namespace {

constexpr std::string_view kTable = "content_file";
constexpr std::uint16_t kSchema = 1;
namespace tag {
constexpr FieldTag kInitiator = 1, kType = 2, kSize = 3, kSha1 = 4, kSha256 = 5, kCreated = 6, kUsed = 7;
}
constexpr Duration kSweepPause = std::chrono::seconds(30);
constexpr std::size_t kPage = 200;
// Whoever makes a blob has put its id into a record long before.
constexpr std::chrono::milliseconds kOrphanAge = std::chrono::hours(24);
constexpr std::chrono::milliseconds kOrphanPause = std::chrono::hours(1);

Key key_of(std::string_view id) { return Key{std::string(kTable), std::string(id), std::string(id)}; }

Put put_of(const StoredContent& content) {
  RecordWriter writer(kSchema);
  writer.text(tag::kInitiator, content.initiator)
      .text(tag::kType, content.type)
      .number(tag::kSize, static_cast<std::int64_t>(content.blob.size))
      .text(tag::kSha1, content.blob.sha1)
      .text(tag::kSha256, content.blob.sha256)
      .time(tag::kCreated, content.created)
      .flag(tag::kUsed, content.used);
  Put put;
  put.key = key_of(content.blob.id);
  put.value = writer.take();
  put.expected = content.version;
  put.due = content.due;
  put.terms.push_back(initiator_term(content.initiator));
  return put;
}

Expected<StoredContent> decode(const Record& record) {
  const auto reader = RecordReader::parse(record.value);
  if (!reader) return fail(reader.error());
  const auto size = reader->number(tag::kSize);
  const auto type = reader->text(tag::kType);
  if (!size || *size < 0 || !type) return fail(ErrorCode::corrupt, "content_file " + record.key.id + ": a field is missing");
  StoredContent content;
  content.blob.id = record.key.id;
  content.blob.size = static_cast<std::uint64_t>(*size);
  content.blob.sha1 = reader->text(tag::kSha1).value_or("");
  content.blob.sha256 = reader->text(tag::kSha256).value_or("");
  content.type = *type;
  content.initiator = reader->text(tag::kInitiator).value_or("");
  content.created = reader->time(tag::kCreated).value_or(WallTime{});
  content.used = reader->flag(tag::kUsed);
  content.due = record.due.value_or(WallTime{});
  content.version = record.version;
  return content;
}

Problem blob_problem(const Error& error) {
  if (error.code == ErrorCode::too_large) return {413, 2000, "the content is too large"};
  if (error.code == ErrorCode::not_found) return {404, 2004, "no such content"};
  Problem problem{503, 4001, "contents cannot be stored now; nothing was accepted"};
  problem.retry_after = std::chrono::seconds(2);
  return problem;
}

Problem stopping() { return {503, 4001, "the node is shutting down", std::chrono::seconds(2)}; }

}  // namespace

ContentBook::ContentBook(ServletContext& context) : context_(context) {}

void ContentBook::start() { spawn(begin(shared_from_this())); }

void ContentBook::stop() noexcept {
  *stopped_ = true;
  if (sweep_timer_) context_.executor().timers().cancel(sweep_timer_);
  sweep_timer_ = {};
}

// -- quota ------------------------------------------------------------------------------------------------------------

std::uint64_t ContentBook::used_by(const std::string& initiator) const {
  const auto found = bytes_.find(initiator);
  return found == bytes_.end() ? 0 : found->second;
}

Checked<void> ContentBook::room_for(const ContentOwner& owner, std::uint64_t bytes) const {
  if (owner.quota == 0) return {};
  if (!counted_) {
    Problem problem{503, 4001, "the stored contents are being counted"};
    problem.retry_after = std::chrono::seconds(1);
    return tl::unexpected(problem);
  }
  if (used_by(owner.initiator) + bytes <= owner.quota) return {};
  return refuse(429, 4001, "the contents of this account would have more than " + std::to_string(owner.quota) + " bytes");
}

void ContentBook::account(const std::string& initiator, std::uint64_t bytes, bool more) {
  auto& sum = bytes_[initiator];
  sum = more ? sum + bytes : sum - std::min(sum, bytes);
  if (sum == 0) bytes_.erase(initiator);
}

// -- uploads ----------------------------------------------------------------------------------------------------------

Task<Checked<StoredContent>> ContentBook::upload(Self self, ContentOwner owner, std::string type, HttpRequest* request) {
  const auto config = self->context_.config<PushConfig>();
  const auto size = request->blob ? request->blob->size : request->body.size();
  Checked<void> fits;
  if (size == 0) fits = refuse(400, 2000, "the content is empty");
  if (size > config->max_content_bytes) {
    fits = refuse(413, 2000, "the content has more than " + std::to_string(config->max_content_bytes) + " bytes");
  }
  if (fits) fits = self->room_for(owner, size);
  if (!fits) {
    if (request->blob) co_await remove_blob(self, std::exchange(request->blob, std::nullopt)->id);
    co_return tl::unexpected(fits.error());
  }
  StoredContent content;
  content.type = std::move(type);
  content.initiator = std::move(owner.initiator);
  content.created = self->context_.clock().wall();
  content.due = content.created + config->upload_lifetime;
  if (request->blob) {
    content.blob = *std::exchange(request->blob, std::nullopt);
  } else {
    auto kept = co_await self->context_.blobs().put(std::move(request->body));
    if (!kept) co_return tl::unexpected(blob_problem(kept.error()));
    content.blob = std::move(*kept);
  }
  if (*self->stopped_) co_return tl::unexpected(stopping());
  co_return co_await record(self, std::move(content));
}

Task<Checked<StoredContent>> ContentBook::record(Self self, StoredContent content) {
  Batch batch;
  batch.puts.push_back(put_of(content));
  const auto committed = co_await self->context_.store().commit(std::move(batch));
  if (*self->stopped_) co_return tl::unexpected(stopping());
  if (!committed) {
    co_await remove_blob(self, content.blob.id);
    co_return tl::unexpected(problem_of(committed.error()));
  }
  content.version = committed->versions.empty() ? 0 : committed->versions.front();
  self->account(content.initiator, content.blob.size, true);
  co_return content;
}

Task<Checked<StoredContent>> ContentBook::find(Self self, std::string id, std::optional<std::string> owner) {
  const Problem nothing{404, 2004, "no such content"};
  if (id.empty() || id.size() > 64) co_return tl::unexpected(nothing);
  auto key = key_of(id);
  const auto record = co_await self->context_.store().get(std::move(key));
  if (!record) co_return tl::unexpected(record.error().code == ErrorCode::not_found ? nothing : problem_of(record.error()));
  auto content = decode(*record);
  if (!content) co_return tl::unexpected(problem_of(content.error()));
  if (owner && content->initiator != *owner) co_return tl::unexpected(nothing);
  co_return std::move(*content);
}

Task<Checked<void>> ContentBook::remove(Self self, std::string id, std::optional<std::string> owner) {
  auto content = co_await find(self, std::move(id), std::move(owner));
  if (!content) co_return tl::unexpected(content.error());
  if (content->used) co_return refuse(409, 2008, "a push uses this content; it goes with the push");
  const bool erased = co_await erase(self, std::move(*content));
  if (!erased) co_return refuse(409, 2008, "the content is being used just now");
  co_return Checked<void>();
}

// -- pushes -----------------------------------------------------------------------------------------------------------

Task<Checked<BlobInfo>> ContentBook::keep(Self self, ContentOwner owner, std::string bytes) {
  if (auto room = self->room_for(owner, bytes.size()); !room) co_return tl::unexpected(room.error());
  auto kept = co_await self->context_.blobs().put(std::move(bytes));
  if (!kept) co_return tl::unexpected(blob_problem(kept.error()));
  co_return std::move(*kept);
}

Task<Checked<std::vector<StoredContent>>> ContentBook::settle(Self self, ContentOwner owner, std::vector<Content>* contents) {
  const auto config = self->context_.config<PushConfig>();
  std::vector<StoredContent> claims;
  const auto of_owner = owner.initiator.empty() ? std::optional<std::string>() : std::optional<std::string>(owner.initiator);
  for (auto& content : *contents) {
    const bool large = !content.blob && content.bytes.size() > config->inline_content_bytes;
    if (!content.blob && !large) continue;
    Checked<void> done;
    if (large) {
      auto kept = co_await keep(self, owner, std::move(content.bytes));
      if (kept) {
        StoredContent made;
        made.blob = std::move(*kept);
        made.type = content.type;
        made.initiator = owner.initiator;
        made.created = self->context_.clock().wall();
        content.bytes.clear();
        content.blob = made.blob;
        claims.push_back(std::move(made));
      } else {
        done = tl::unexpected(kept.error());
      }
    } else if (std::none_of(claims.begin(), claims.end(), [&](const auto& one) { return one.blob.id == content.blob->id; })) {
      auto id = content.blob->id;
      auto found = co_await find(self, std::move(id), of_owner);
      if (found && found->blob.size <= config->inline_content_bytes) {
        // Small enough for the push's own record, and then for every way of delivery: a copy, the upload stays as it is.
        auto bytes = co_await self->context_.blobs().read(found->blob.id, 0, static_cast<std::size_t>(found->blob.size));
        if (bytes) {
          content.bytes = std::move(*bytes);
          content.blob.reset();
          if (content.type.empty()) content.type = found->type;
        } else {
          done = tl::unexpected(blob_problem(bytes.error()));
        }
      } else if (found) {
        claims.push_back(std::move(*found));
      } else {
        done = tl::unexpected(found.error());
        if (found.error().code == 2004) done = refuse(400, 2000, "ref: no such content");
      }
    }
    if (*self->stopped_) co_return tl::unexpected(stopping());
    if (!done) {
      self->unclaimed(claims);
      co_return tl::unexpected(done.error());
    }
    if (large || !content.blob) continue;
    for (const auto& claim : claims) {
      if (claim.blob.id != content.blob->id) continue;
      content.blob = claim.blob;
      if (content.type.empty()) content.type = claim.type;
    }
  }
  co_return claims;
}

void ContentBook::add_claims(const std::vector<StoredContent>& claims, WallTime until, Batch& batch) {
  for (auto claim : claims) {
    claim.due = std::max(claim.used ? claim.due : until, until);
    claim.used = true;
    batch.puts.push_back(put_of(claim));
  }
}

void ContentBook::claimed(const std::vector<StoredContent>& claims) {
  for (const auto& claim : claims) {
    if (claim.version == 0) account(claim.initiator, claim.blob.size, true);
  }
}

void ContentBook::unclaimed(const std::vector<StoredContent>& claims) {
  for (const auto& claim : claims) {
    if (claim.version == 0) spawn(remove_blob(shared_from_this(), claim.blob.id));
  }
}

// -- removal ----------------------------------------------------------------------------------------------------------

Task<void> ContentBook::begin(Self self) {
  std::string cursor;
  do {
    Scan scan;
    scan.table = std::string(kTable);
    scan.limit = kPage * 5;
    scan.cursor = cursor;
    const auto page = co_await self->context_.store().scan(std::move(scan));
    if (*self->stopped_) co_return;
    if (!page) {
      co_await sleep_for(std::chrono::seconds(1));
      if (*self->stopped_) co_return;
      continue;
    }
    for (const auto& record : page->records) {
      if (const auto content = decode(record)) self->account(content->initiator, content->blob.size, true);
    }
    cursor = page->next;
  } while (!cursor.empty());
  self->counted_ = true;
  co_await sweep(self);
}

void ContentBook::sweep_later() {
  const auto due = context_.clock().now() + kSweepPause;
  sweep_timer_ = context_.executor().timers().start_at(due, [self = shared_from_this()] {
    self->sweep_timer_ = {};
    if (!*self->stopped_) spawn(sweep(self));
  });
}

Task<void> ContentBook::sweep(Self self) {
  const auto old = co_await self->context_.store().due(std::string(kTable), self->context_.clock().wall(), kPage);
  if (*self->stopped_) co_return;
  if (old) {
    for (const auto& record : old->records) {
      auto content = decode(record);
      if (!content) continue;
      static_cast<void>(co_await erase(self, std::move(*content)));
      if (*self->stopped_) co_return;
    }
  }
  if (self->context_.clock().wall() >= self->orphans_next_) {
    self->orphans_next_ = self->context_.clock().wall() + kOrphanPause;
    co_await sweep_orphans(self);
    if (*self->stopped_) co_return;
  }
  self->sweep_later();
}

// Ids sort by age: from the oldest to those that are too young to be sure about.
Task<void> ContentBook::sweep_orphans(Self self) {
  const auto young = make_id(self->context_.clock().wall() - kOrphanAge);
  std::string after;
  std::size_t removed = 0;
  for (bool more = true; more;) {
    const auto blobs = co_await self->context_.blobs().list(after, kPage);
    if (*self->stopped_ || !blobs) co_return;
    more = blobs->size() == kPage;
    for (const auto& blob : *blobs) {
      if (blob.id >= young) {
        more = false;
        break;
      }
      after = blob.id;
      auto key = key_of(blob.id);
      const auto record = co_await self->context_.store().get(std::move(key));
      if (*self->stopped_) co_return;
      if (record || record.error().code != ErrorCode::not_found) continue;
      co_await remove_blob(self, blob.id);
      if (*self->stopped_) co_return;
      ++removed;
    }
  }
  if (removed > 0) log::event(catalog::kOrphansRemoved, {{"contents", removed}});
}

// The record first, by compare-and-set: whoever claims it at this moment is told. A crash in between leaves an orphan.
Task<bool> ContentBook::erase(Self self, StoredContent content) {
  Batch batch;
  batch.erases.push_back({key_of(content.blob.id), content.version});
  const auto erased = co_await self->context_.store().commit(std::move(batch));
  if (*self->stopped_ || !erased) co_return false;
  self->account(content.initiator, content.blob.size, false);
  co_await remove_blob(self, content.blob.id);
  co_return true;
}

Task<void> ContentBook::remove_blob(Self self, std::string id) {
  const auto removed = co_await self->context_.blobs().remove(id);
  if (!removed) self->metrics_.store_failure("content");
}

}  // namespace herald::push
