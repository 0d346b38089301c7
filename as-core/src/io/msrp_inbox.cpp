#include "io/msrp_inbox.h"

#include <algorithm>

#include "herald/log.h"
#include "io/msrp_log_catalog.h"
#include "message/chars.h"

namespace herald::io {
namespace {

constexpr std::size_t kRefusedKept = 16;

}  // namespace

MsrpInbox::MsrpInbox(Host host, MsrpPolicy policy, Deliver deliver)
    : host_(host), policy_(std::move(policy)), deliver_(std::move(deliver)) {}

MsrpInbox::~MsrpInbox() { broken(); }

void MsrpInbox::broken() {
  for (auto& [id, partial] : partials_) {
    host_.metrics.dropped(MsrpDrop::unfinished);
    release(partial);
  }
  partials_.clear();
  chunk_ = {};
}

void MsrpInbox::release(Partial& partial) {
  host_.budget.used -= std::exchange(partial.charged, 0);
  host_.metrics.buffered.set(static_cast<double>(host_.budget.used));
  if (partial.blob) partial.blob->on_drained({});  // the writer may outlive us by what it is just doing
  partial.blob.reset();
}

void MsrpInbox::drop(const std::string& message_id) {
  const auto found = partials_.find(message_id);
  if (found == partials_.end()) return;
  release(found->second);
  partials_.erase(found);
}

int MsrpInbox::refuse(int status, MsrpDrop reason) {
  host_.metrics.dropped(reason);
  drop(chunk_.message_id);
  if (refused_.size() >= kRefusedKept) refused_.pop_front();
  refused_.emplace_back(chunk_.message_id, status);
  return status;
}

int MsrpInbox::begin(MsrpHead& head) {
  chunk_ = {};
  chunk_.message_id = head.message_id;
  if (!is_msrp_ident(head.message_id)) return refuse(400, MsrpDrop::bad_request);
  const auto refused =
      std::find_if(refused_.begin(), refused_.end(), [&](const auto& one) { return one.first == head.message_id; });
  const auto range = head.byte_range.empty() ? MsrpByteRange{} : MsrpByteRange::parse(head.byte_range);
  const auto failure = parse_failure_report(head.failure_report);
  if (!range) return refuse(400, MsrpDrop::bad_range);
  if (!failure) return refuse(400, MsrpDrop::bad_request);
  if (refused != refused_.end()) {
    if (range->start > 1) return refused->second;
    refused_.erase(refused);  // a new attempt
  }
  if (head.content_type.empty()) return 200;  // without content: it only binds the connection (PS-44)
  chunk_.content = true;
  const auto found = partials_.find(head.message_id);
  if (found == partials_.end()) {
    if (!msrp_accepts(policy_.accept_types, head.content_type)) return refuse(415, MsrpDrop::type);
    if (range->total && *range->total > policy_.max_size) return refuse(413, MsrpDrop::too_large);
    if (partials_.size() >= host_.limits.partial_messages) return refuse(413, MsrpDrop::partial_limit);
  }
  auto& partial = found == partials_.end() ? partials_[head.message_id] : found->second;
  if (found == partials_.end()) {
    auto& message = partial.delivery.message;
    message.message_id = head.message_id;
    message.type = head.content_type;
    message.headers = std::move(head.headers);
    message.success_report = chars::same(head.success_report, "yes");
    partial.delivery.failure_report = *failure;
    partial.delivery.from_path = head.from_path;
  }
  if (const int status = check_range(*range, partial); status != 200) return status;
  if (range->total) partial.total = range->total;
  chunk_.at = range->start - 1;
  chunk_.end = range->end;
  if (partial.total && *partial.total > policy_.memory_limit && !partial.blob && !to_blob(partial))
    return refuse(413, MsrpDrop::storage);
  return 200;
}

int MsrpInbox::check_range(const MsrpByteRange& range, const Partial& partial) {
  if (partial.total && range.total && *partial.total != *range.total) return refuse(400, MsrpDrop::bad_range);
  const auto total = range.total ? range.total : partial.total;
  if (total && range.start > *total + 1) return refuse(400, MsrpDrop::bad_range);
  if (total && *total < partial.ranges.end()) return refuse(400, MsrpDrop::bad_range);
  // Without a known small total, and in a blob, the bytes must come in order.
  const bool in_any_order = !partial.blob && total && *total <= policy_.memory_limit;
  if (!in_any_order && range.start - 1 != partial.ranges.end()) return refuse(413, MsrpDrop::out_of_order);
  return 200;
}

bool MsrpInbox::charge(Partial& partial, std::size_t bytes) {
  if (bytes <= partial.charged) return true;
  const auto more = bytes - partial.charged;
  if (host_.budget.used + more > host_.limits.buffered_bytes) return false;
  host_.budget.used += more;
  partial.charged = bytes;
  host_.metrics.buffered.set(static_cast<double>(host_.budget.used));
  return true;
}

bool MsrpInbox::to_blob(Partial& partial) {
  partial.blob = host_.blobs.create(policy_.max_size);
  auto& bytes = partial.delivery.message.bytes;
  const bool taken = partial.blob && (bytes.empty() || partial.blob->append(bytes));
  std::string().swap(bytes);
  host_.budget.used -= std::exchange(partial.charged, 0);
  if (!taken) log::event(msrp_events::kBlobRefused, {});
  return taken;
}

int MsrpInbox::data(std::string_view piece) {
  if (!chunk_.content) return refuse(400, MsrpDrop::bad_request);  // content without a type
  const auto found = partials_.find(chunk_.message_id);
  if (found == partials_.end()) return 400;
  auto& partial = found->second;
  const auto to = chunk_.at + piece.size();
  if (to > policy_.max_size) return refuse(413, MsrpDrop::too_large);
  if ((chunk_.end && to > *chunk_.end) || (partial.total && to > *partial.total)) return refuse(400, MsrpDrop::bad_range);
  host_.metrics.bytes_in.add(static_cast<double>(piece.size()));
  if (!partial.blob && to > policy_.memory_limit && !to_blob(partial)) return refuse(413, MsrpDrop::storage);
  if (partial.blob) {
    if (!partial.blob->append(piece)) {
      log::event(msrp_events::kBlobRefused, {});
      return refuse(413, MsrpDrop::storage);
    }
  } else {
    auto& bytes = partial.delivery.message.bytes;
    if (!charge(partial, std::max<std::size_t>(bytes.size(), to))) {
      log::event(msrp_events::kNoRoom, {});
      return refuse(413, MsrpDrop::buffer_limit);
    }
    const auto at = static_cast<std::size_t>(chunk_.at);
    if (at == bytes.size()) {
      bytes.append(piece);
    } else {
      if (bytes.size() < to) bytes.resize(static_cast<std::size_t>(to));
      bytes.replace(at, piece.size(), piece);
    }
  }
  if (!partial.ranges.add(chunk_.at, to)) return refuse(400, MsrpDrop::bad_range);
  chunk_.at = to;
  return 200;
}

void MsrpInbox::end(char flag, Answer answer) {
  if (!chunk_.content) return answer(200);
  const auto found = partials_.find(chunk_.message_id);
  if (found == partials_.end()) return answer(400);
  auto& partial = found->second;
  if (flag == '#') {
    host_.metrics.dropped(MsrpDrop::aborted);
    drop(chunk_.message_id);
    return answer(200);
  }
  if (flag == '$') {
    // The last byte of a message is where its total says, and where the chunk said that it ends.
    if ((partial.total && *partial.total != chunk_.at) || (chunk_.end && *chunk_.end != chunk_.at) ||
        partial.ranges.end() > chunk_.at)
      return answer(refuse(400, MsrpDrop::bad_range));
    partial.total = chunk_.at;
    partial.last_seen = true;
  }
  if (!partial.last_seen || !partial.ranges.covers(0, *partial.total)) return answer(200);
  auto whole = std::move(partial);
  partials_.erase(found);
  complete(std::move(whole), std::move(answer));
}

void MsrpInbox::complete(Partial partial, Answer answer) {
  host_.metrics.messages_in.add();
  if (!partial.blob) {
    release(partial);
    answer(200);
    return deliver_(std::move(partial.delivery));
  }
  // The peer hears of success when the bytes are safe, not before.
  const auto writer = partial.blob;
  writer->on_drained({});
  auto kept = std::make_shared<std::pair<Delivery, Answer>>(std::move(partial.delivery), std::move(answer));
  writer->finish([loop = &host_.loop, kept, alive = std::weak_ptr<int>(alive_), this](Expected<BlobInfo> stored) {
    auto result = std::make_shared<Expected<BlobInfo>>(std::move(stored));
    loop->complete([this, kept, alive, result, blobs = &host_.blobs] {
      if (alive.expired()) {
        if (*result) (void)blobs->remove((*result)->id);  // nobody is left to take it
        return;
      }
      if (!*result) {
        log::event(msrp_events::kBlobRefused, {{"error", result->error().text}});
        host_.metrics.dropped(MsrpDrop::storage);
        return kept->second(413);
      }
      kept->second(200);
      kept->first.message.blob = std::move(**result);
      deliver_(std::move(kept->first));
    });
  });
}

bool MsrpInbox::must_wait(std::function<void()> drained) {
  const auto found = partials_.find(chunk_.message_id);
  if (found == partials_.end() || !found->second.blob) return false;
  auto& writer = *found->second.blob;
  if (writer.queued() < host_.limits.blob_high) return false;
  writer.on_drained([loop = &host_.loop, drained] { loop->complete(drained); });
  return writer.queued() > 0;  // else it has drained meanwhile, and nobody may call
}

}  // namespace herald::io
