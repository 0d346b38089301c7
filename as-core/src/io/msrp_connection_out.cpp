// What a connection writes: answers and reports first, then the chunks of its sessions in turn. PS-45.
#include <algorithm>
#include <array>
#include <cstring>

#include "io/msrp_channel.h"
#include "io/msrp_connection.h"
#include "io/msrp_text.h"

namespace herald::io {
namespace {

constexpr int kRoundsPerTurn = 8;  // then the other connections get theirs
constexpr std::size_t kMostPieces = 32;
constexpr std::size_t kJoined = 4096;      // small texts share a segment
constexpr std::uint64_t kForetold = 2048;  // content of chunks that name their end: the transaction id is chosen for it

}  // namespace

void MsrpConnection::send(std::string text) {
  if (state_ == State::closed) return;
  control_bytes_ += text.size();
  control_.push_back(std::move(text));
  if (!parsing_) pump();
}

void MsrpConnection::send_bind(MsrpChannel& channel) {
  const auto transaction = new_transaction({});
  send("MSRP " + transaction + " SEND\r\nTo-Path: " + channel.peer().path + "\r\nFrom-Path: " + channel.own().path +
       "\r\nMessage-ID: " + random_ident() + "\r\nByte-Range: 1-0/0\r\n-------" + transaction + "$\r\n");
  track(transaction, channel.shared_from_this(), MsrpTicket{});
  watch_time();
}

void MsrpConnection::wake() {
  if (!parsing_) pump();
}

void MsrpConnection::track(std::string transaction, const std::shared_ptr<MsrpChannel>& channel, const MsrpTicket& ticket) {
  transaction_order_.push_back(transaction);
  transactions_.emplace(std::move(transaction),
                        Transaction{channel, ticket, hub_.loop.clock().now() + hub_.limits.transaction_timeout});
}

void MsrpConnection::pump() {
  if (state_ != State::open && state_ != State::draining) return;
  if (pumping_) {
    pump_again_ = true;
    return;
  }
  const auto self = shared_from_this();
  pumping_ = true;
  for (int round = 0;; ++round) {
    pump_again_ = false;
    const bool filled = fill();
    if (!flush()) {
      pumping_ = false;
      return;
    }
    if (!output_.empty() || (!filled && !pump_again_)) break;
    if (round >= kRoundsPerTurn) {
      pump_again_ = true;  // the write event goes on with it
      break;
    }
  }
  pumping_ = false;
  if (state_ == State::draining && output_.empty() && !finished_) {
    finished_ = true;
    socket_.finish();
  }
  watch_events();
  watch_time();
  // What kept the peer from being read may have gone out.
  if (stopped_ && !parsing_ && may_parse()) resume();
}

// False when there is nothing to write: then nobody need look again before something wakes us.
bool MsrpConnection::fill() {
  bool any = output_bytes_ >= hub_.limits.output_high;
  while (output_bytes_ < hub_.limits.output_high) {
    if (!control_.empty()) {
      if (outgoing_) end_chunk('+');  // interrupted: RFC 4975 7.1.1
      for (auto& text : control_) append(std::move(text));
      control_.clear();
      control_bytes_ = 0;
      any = true;
      continue;
    }
    if (state_ == State::draining) break;
    if (!outgoing_) {
      if (!begin_chunk()) break;
      any = true;
    }
    auto& outbox = outgoing_->channel->outbox();
    MsrpOutbox::Piece piece;
    switch (outbox.next(hub_.limits.output_high, piece)) {
      case MsrpOutbox::Next::data:
        put_piece(piece);
        any = true;
        break;
      case MsrpOutbox::Next::last:
        end_chunk('$');
        any = true;
        break;
      case MsrpOutbox::Next::abort:
        end_chunk('#');
        any = true;
        break;
      case MsrpOutbox::Next::wait: {
        // The disk is slower than the peer: others may use the time.
        const bool others = std::any_of(channels_.begin(), channels_.end(), [&](const auto& channel) {
          return channel != outgoing_->channel && channel->outbox().ready();
        });
        if (!others) return any;
        end_chunk('+');
        any = true;
        break;
      }
    }
  }
  return any;
}

bool MsrpConnection::begin_chunk() {
  if (transactions_.size() >= hub_.limits.unanswered_chunks) return false;
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    const auto& channel = channels_[(turn_ + i) % channels_.size()];
    if (!channel->outbox().ready()) continue;
    turn_ = (turn_ + i + 1) % channels_.size();
    Outgoing outgoing;
    outgoing.channel = channel;
    const auto content = channel->outbox().peek();
    outgoing.transaction = new_transaction(content.size() <= kForetold ? content : std::string_view());
    outgoing.end_line = "-------" + outgoing.transaction;
    std::string head;
    channel->outbox().begin_chunk(outgoing.transaction, head);
    append(std::move(head));
    outgoing_ = std::move(outgoing);
    return true;
  }
  return false;
}

// The end-line must not occur in the content (RFC 4975 7.1): where it would, the chunk ends before and the rest goes under
// another transaction id.
void MsrpConnection::put_piece(const MsrpOutbox::Piece& piece) {
  auto& outgoing = *outgoing_;
  auto& outbox = outgoing.channel->outbox();
  const auto& line = outgoing.end_line;
  const auto left = hub_.limits.chunk - std::min<std::uint64_t>(outbox.chunk_bytes(), hub_.limits.chunk);
  auto bytes = piece.bytes.substr(0, static_cast<std::size_t>(left));
  if (!outgoing.tail.empty()) {
    outgoing.tail.append(bytes.substr(0, line.size() - 1));
    if (outgoing.tail.find(line) != std::string::npos) return end_chunk('+');
  }
  const void* found = ::memmem(bytes.data(), bytes.size(), line.data(), line.size());
  if (found != nullptr) bytes = bytes.substr(0, static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data()) + 1);
  append(bytes, piece.keeper);
  if (bytes.size() >= line.size() - 1)
    outgoing.tail = bytes.substr(bytes.size() - (line.size() - 1));
  else if (outgoing.tail.empty())
    outgoing.tail = bytes;  // else the seam has them already
  if (outgoing.tail.size() > line.size() - 1) outgoing.tail.erase(0, outgoing.tail.size() - (line.size() - 1));
  const bool full = bytes.size() == left;
  outbox.take(bytes.size());
  if (found != nullptr || (full && !outbox.all_taken())) end_chunk('+');
}

void MsrpConnection::end_chunk(char flag) {
  auto outgoing = std::move(*outgoing_);
  outgoing_.reset();
  append("\r\n" + outgoing.end_line + flag + "\r\n");
  const auto ticket = outgoing.channel->outbox().end_chunk(flag);
  track(std::move(outgoing.transaction), outgoing.channel, ticket);
}

std::string MsrpConnection::new_transaction(std::string_view content) {
  for (;;) {
    auto transaction = hub_.make_transaction();
    if (content.find("-------" + transaction) == std::string_view::npos && !transactions_.contains(transaction))
      return transaction;
  }
}

// ---- bytes to the socket

void MsrpConnection::append(std::string text) {
  if (output_.empty()) last_write_ = hub_.loop.clock().now();
  output_bytes_ += text.size();
  if (!output_.empty() && !output_.back().keeper && output_.back().text.size() < kJoined) {
    output_.back().text += text;
    return;
  }
  output_.push_back({std::move(text), {}, {}});
}

void MsrpConnection::append(std::string_view bytes, std::shared_ptr<const void> keeper) {
  if (bytes.empty()) return;
  if (output_.empty()) last_write_ = hub_.loop.clock().now();
  output_bytes_ += bytes.size();
  output_.push_back({{}, bytes, std::move(keeper)});
}

// False: closed.
bool MsrpConnection::flush() {
  while (!output_.empty()) {
    std::array<iovec, kMostPieces> pieces{};
    std::size_t count = 0;
    std::size_t offered = 0;
    for (const auto& segment : output_) {
      if (count == pieces.size()) break;
      const auto view = segment.view().substr(count == 0 ? output_offset_ : 0);
      pieces[count].iov_base = const_cast<char*>(view.data());  // NOLINT: writing does not change it
      pieces[count++].iov_len = view.size();
      offered += view.size();
    }
    std::size_t written = 0;
    const auto result = socket_.write(pieces.data(), static_cast<int>(count), written);
    if (result == MsrpSocket::Result::again) return true;
    if (result != MsrpSocket::Result::done) {
      close(Error{ErrorCode::unavailable, "the MSRP connection broke: " + socket_.fault()});
      return false;
    }
    last_write_ = hub_.loop.clock().now();
    output_bytes_ -= written;
    auto left = written + output_offset_;
    while (!output_.empty() && left >= output_.front().view().size()) {
      left -= output_.front().view().size();
      output_.pop_front();
    }
    output_offset_ = left;
    if (written < offered) return true;  // the socket is full
  }
  return true;
}

}  // namespace herald::io
