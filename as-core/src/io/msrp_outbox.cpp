#include "io/msrp_outbox.h"

#include <algorithm>
#include <vector>

#include "io/msrp_text.h"

namespace herald::io {
namespace {

constexpr std::uint64_t kUninterrupted = 2048;  // RFC 4975 5.1: larger ones can be interrupted, so their end is not foretold

}  // namespace

MsrpOutbox::MsrpOutbox(IoLoop& loop, const MsrpLimits& limits, const MsrpMetrics& metrics, BlobStore& blobs,
                       std::function<void()> wake)
    : loop_(loop), limits_(limits), metrics_(metrics), blobs_(blobs), wake_(std::move(wake)) {}

MsrpOutbox::~MsrpOutbox() {
  for (auto& [serial, sending] : messages_) loop_.timers().cancel(sending.timer);
}

void MsrpOutbox::open(Paths paths) {
  paths_ = std::move(paths);
  open_ = true;
  start_next();
  wake_();
}

void MsrpOutbox::add(MsrpMessage message, std::chrono::milliseconds report_wait, Promise<MsrpSent> promise) {
  if (messages_.size() >= limits_.queued_messages)
    return promise.set(fail(ErrorCode::busy, "too many messages of this session wait"));
  const auto serial = ++last_;
  auto& sending = messages_[serial];
  sending.size = message.size();
  sending.bytes = std::make_shared<const std::string>(std::move(message.bytes));
  sending.message = std::move(message);
  sending.report_wait = report_wait;
  sending.promise = std::move(promise);
  waiting_.push_back(serial);
  start_next();
  wake_();
}

void MsrpOutbox::start_next() {
  if (!open_ || wire_.serial != 0 || waiting_.empty()) return;
  wire_ = {};
  wire_.serial = waiting_.front();
  waiting_.pop_front();
  const auto& sending = messages_.at(wire_.serial);
  const auto& message = sending.message;
  wire_.size = sending.size;
  wire_.before_range = "Message-ID: " + message.message_id + "\r\n";
  if (message.success_report) wire_.before_range += "Success-Report: yes\r\n";
  for (const auto& [name, value] : message.headers) wire_.after_range.append(name).append(": ").append(value).append("\r\n");
  wire_.after_range.append("Content-Type: ").append(message.type).append("\r\n\r\n");
  // The content may be there at once and call before it is in its place: on_content() then finds nothing to do, and the caller
  // of start_next() wakes.
  wire_.content =
      sending.message.blob ? content_of(blobs_, *sending.message.blob, [this] { on_content(); }) : content_of(sending.bytes);
  give_up_unreadable();
}

void MsrpOutbox::on_content() {
  if (wire_.serial == 0 || !wire_.content) return;
  give_up_unreadable();
  wake_();
}

void MsrpOutbox::give_up_unreadable() {
  const auto& failure = wire_.content->failure();
  if (!failure) return;
  const auto error = *failure;
  const auto serial = wire_.serial;
  stop_wire(serial, true);
  finish(serial, Unexpected(error));
}

void MsrpOutbox::abort() {
  // Nobody waits any longer for reports on what was answered whole: that is no loss of content.
  std::vector<std::uint64_t> unreported;
  for (const auto& [serial, sending] : messages_) {
    if (sending.all_sent && sending.unanswered == 0) unreported.push_back(serial);
  }
  for (const auto serial : unreported) {
    metrics_.unreported.add();
    finish(serial, result_of(messages_.at(serial)));
  }
  if (wire_.serial == 0) return;
  const auto serial = wire_.serial;
  stop_wire(serial, true);
  const auto found = messages_.find(serial);
  if (found == messages_.end()) return wake_();
  auto result = result_of(found->second);
  result.interrupted = true;
  finish(serial, std::move(result));
  wake_();
}

// The rest of a message is not sent. An open chunk must end, with '#'; between chunks the peer is told so by an empty one when
// that is wanted: after a 413 it is not (RFC 4975 10.5).
void MsrpOutbox::stop_wire(std::uint64_t serial, bool tell) {
  if (wire_.serial != serial) return;
  if (wire_.chunk_open || (tell && wire_.sent > 0 && wire_.sent < wire_.size)) {
    wire_.stop = true;
    return;
  }
  forget_wire();
}

void MsrpOutbox::forget_wire() {
  wire_ = {};
  start_next();
}

void MsrpOutbox::end(const Error& error, bool closing) {
  open_ = false;
  waiting_.clear();
  const auto begun = [this](std::uint64_t serial, const Sending& sending) {
    return sending.all_sent || (wire_.serial == serial && (wire_.chunk_open || wire_.sent > 0));
  };
  auto messages = std::move(messages_);
  messages_.clear();
  for (auto& [serial, sending] : messages) {
    loop_.timers().cancel(sending.timer);
    if (closing || !begun(serial, sending)) {
      metrics_.interrupted.add();
      sending.promise.set(Unexpected(error));
      continue;
    }
    auto result = result_of(sending);
    // All of it was answered, and only reports are missing: that is no loss of content.
    result.interrupted = !sending.all_sent || sending.unanswered > 0;
    (result.interrupted ? metrics_.interrupted : metrics_.unreported).add();
    if (result.interrupted) result.comment = error.text;
    sending.promise.set(std::move(result));
  }
  wire_ = {};
}

bool MsrpOutbox::ready() const noexcept {
  if (!open_ || wire_.serial == 0) return false;
  return wire_.stop || wire_.sent == wire_.size || !wire_.content->available().empty();
}

std::string_view MsrpOutbox::peek() const noexcept {
  return wire_.content && !wire_.stop ? wire_.content->available() : std::string_view();
}

void MsrpOutbox::begin_chunk(std::string_view transaction, std::string& out) {
  wire_.chunk_open = true;
  wire_.chunk_from = wire_.sent;
  const auto left = wire_.size - wire_.sent;
  MsrpByteRange range{wire_.sent + 1, std::nullopt, wire_.size};
  if (!wire_.stop && left <= kUninterrupted && wire_.content->available().size() == left) range.end = wire_.size;
  out.append("MSRP ").append(transaction).append(" SEND\r\nTo-Path: ").append(paths_.to);
  out.append("\r\nFrom-Path: ").append(paths_.own).append("\r\n").append(wire_.before_range);
  out.append("Byte-Range: ").append(range.text()).append("\r\n").append(wire_.after_range);
}

MsrpOutbox::Next MsrpOutbox::next(std::size_t most, Piece& piece) {
  if (wire_.stop) return Next::abort;
  if (wire_.sent == wire_.size) return Next::last;
  const auto bytes = wire_.content->available();
  if (bytes.empty()) return Next::wait;
  piece.bytes = bytes.substr(0, most);
  piece.keeper = wire_.content->keeper();
  return Next::data;
}

void MsrpOutbox::take(std::size_t bytes) {
  wire_.sent += bytes;
  metrics_.bytes_out.add(static_cast<double>(bytes));
  wire_.content->advance(bytes);
}

std::uint64_t MsrpOutbox::chunk_bytes() const noexcept { return wire_.sent - wire_.chunk_from; }

MsrpTicket MsrpOutbox::end_chunk(char flag) {
  const auto serial = wire_.serial;
  const MsrpTicket ticket{serial, wire_.chunk_from, wire_.sent};
  wire_.chunk_open = false;
  const auto found = messages_.find(serial);
  if (found != messages_.end()) {
    ++found->second.unanswered;
    found->second.all_sent = flag == '$';
  }
  if (flag != '+') forget_wire();
  return ticket;
}

// ---- what comes back

void MsrpOutbox::answered(const MsrpTicket& ticket, int status, std::string_view comment) {
  const auto found = messages_.find(ticket.message);
  if (found == messages_.end()) return;  // it has ended before
  auto& sending = found->second;
  if (sending.unanswered > 0) --sending.unanswered;
  if (status / 100 == 2) {
    sending.acknowledged.add(ticket.from, ticket.to);
    return look(ticket.message);
  }
  auto result = result_of(sending);
  result.status = status;
  result.comment = comment;
  result.interrupted = !sending.all_sent || sending.unanswered > 0;
  stop_wire(ticket.message, false);
  finish(ticket.message, std::move(result));
  wake_();
}

void MsrpOutbox::timed_out(const MsrpTicket& ticket) {
  if (!messages_.contains(ticket.message)) return;
  stop_wire(ticket.message, true);
  finish(ticket.message, fail(ErrorCode::timeout, "no response to an MSRP request in time"));
  wake_();
}

bool MsrpOutbox::reported(const MsrpHead& report) {
  const auto found = std::find_if(messages_.begin(), messages_.end(),
                                  [&](const auto& entry) { return entry.second.message.message_id == report.message_id; });
  if (found == messages_.end()) return false;
  auto& sending = found->second;
  const auto status = MsrpStatus::parse(report.report_status);
  const auto range = MsrpByteRange::parse(report.byte_range.empty() ? "1-*/*" : report.byte_range);
  if (!status || !range) return false;
  if (status->code / 100 != 2) {
    auto result = result_of(sending);
    result.status = status->code;
    result.comment = status->comment;
    result.interrupted = !sending.all_sent;
    const auto serial = found->first;
    stop_wire(serial, false);
    finish(serial, std::move(result));
    wake_();
    return true;
  }
  // A peer cannot report more than there is.
  const auto to = std::min(range->end.value_or(range->total.value_or(sending.size)), sending.size);
  sending.reported.add(range->start - 1, to);
  sending.whole_reported = sending.reported.covers(0, sending.size);
  look(found->first);
  return true;
}

void MsrpOutbox::look(std::uint64_t serial) {
  auto& sending = messages_.at(serial);
  if (!sending.all_sent || sending.unanswered > 0) return;
  if (!sending.message.success_report || sending.whole_reported) {
    metrics_.sent.add();
    return finish(serial, result_of(sending));
  }
  if (sending.timer) return;
  // SM-17: the 200s are there; a report may come yet.
  sending.timer = loop_.timers().start_at(loop_.clock().now() + sending.report_wait, [this, serial] {
    const auto found = messages_.find(serial);
    if (found == messages_.end()) return;
    found->second.timer = {};
    metrics_.unreported.add();
    finish(serial, result_of(found->second));
  });
}

MsrpSent MsrpOutbox::result_of(const Sending& sending) const {
  MsrpSent sent;
  sent.acknowledged = sending.acknowledged.bytes();
  sent.reported = sending.reported.bytes();
  return sent;
}

void MsrpOutbox::finish(std::uint64_t serial, Expected<MsrpSent> result) {
  const auto found = messages_.find(serial);
  if (found == messages_.end()) return;
  loop_.timers().cancel(found->second.timer);
  auto promise = std::move(found->second.promise);
  messages_.erase(found);
  std::erase(waiting_, serial);
  if (!result)
    (result.error().code == ErrorCode::timeout ? metrics_.timed_out : metrics_.interrupted).add();
  else if (result->status / 100 != 2)
    metrics_.refused.add();
  else if (result->interrupted)
    metrics_.interrupted.add();
  promise.set(std::move(result));
}

}  // namespace herald::io
