// What a connection reads. RFC 4975 7.2, 7.3.
#include <algorithm>
#include <cstring>

#include "herald/log.h"
#include "io/msrp_channel.h"
#include "io/msrp_connection.h"
#include "io/msrp_log_catalog.h"
#include "io/msrp_text.h"
#include "message/chars.h"

namespace herald::io {
namespace {

constexpr int kReadsPerTurn = 8;  // then the other connections get theirs
constexpr std::size_t kTlsRecord = 16 * 1024;
constexpr std::size_t kMostControl = 256 * 1024;
// What was on its way when we said stop: both ends' socket buffers, and a chunk of a peer that does not interrupt.
constexpr std::uint64_t kMostThrownAway = 64 * 1024 * 1024;

}  // namespace

bool MsrpConnection::may_parse() {
  if (state_ != State::open || held_ || disk_full_) return false;
  if (control_bytes_ > kMostControl) return false;  // it asks and does not listen
  return !(incoming_.channel && incoming_.channel->must_wait());
}

void MsrpConnection::on_readable() {
  const auto self = shared_from_this();
  for (int turn = 0; turn < kReadsPerTurn && (state_ == State::draining || may_parse()); ++turn) {
    auto& scratch = hub_.scratch;
    const auto kept = std::min(carry_.size(), scratch.size() / 2);
    std::memcpy(scratch.data(), carry_.data(), kept);
    auto filled = kept;
    auto result = MsrpSocket::Result::done;
    do {  // TLS gives one record at a time
      std::size_t got = 0;
      result = socket_.read(scratch.data() + filled, scratch.size() - filled, got);
      filled += got;
    } while (socket_.secure() && result == MsrpSocket::Result::done && scratch.size() - filled >= kTlsRecord);
    if (filled > kept && state_ == State::open) {
      last_read_ = hub_.loop.clock().now();
      carry_.clear();
      parse(std::string_view(scratch.data(), filled));
      if (state_ == State::closed) return;
    }
    if (result == MsrpSocket::Result::again) break;
    if (result != MsrpSocket::Result::done) return on_end_of_input(result);
    // Less than there is room for: most likely there is no more, and asking costs a system call.
    if (!socket_.secure() && filled < scratch.size()) break;
  }
  pump();
}

void MsrpConnection::on_end_of_input(MsrpSocket::Result result) {
  if (state_ == State::draining) return close(Error{ErrorCode::gone, "closed"});
  pump();  // what was answered to its last words
  if (state_ == State::closed) return;
  const bool clean = result == MsrpSocket::Result::ended;
  close(Error{ErrorCode::unavailable,
              clean ? "the peer closed the MSRP connection" : "the MSRP connection broke: " + socket_.fault()});
}

void MsrpConnection::parse(std::string_view input) {
  parsing_ = true;
  stopped_ = true;
  while (state_ == State::open && may_parse()) {
    const auto step = parser_.next(input);
    if (step == MsrpParser::Step::need_more) {
      stopped_ = false;
      break;
    }
    if (step == MsrpParser::Step::head) on_head();
    if (step == MsrpParser::Step::body) on_piece(parser_.piece());
    if (step == MsrpParser::Step::end) on_end(parser_.flag());
    if (step == MsrpParser::Step::error) {
      parsing_ = false;
      return drop(MsrpDrop::malformed, parser_.fault());
    }
  }
  parsing_ = false;
  if (state_ == State::open) carry_.assign(input);
}

// ---- a head

void MsrpConnection::on_head() {
  auto& head = parser_.head();
  incoming_ = {};
  if (head.response()) return on_response();
  if (head.to_path.empty() || head.from_path.empty()) return drop(MsrpDrop::malformed, "a request without paths");
  incoming_.transaction = head.transaction;
  incoming_.reply_to = first_of_path(head.from_path);
  incoming_.own_path = head.to_path;
  incoming_.report = head.method == "REPORT";
  incoming_.failure_report = parse_failure_report(head.failure_report).value_or(MsrpFailureReport::yes);
  const auto to = MsrpUri::parse(head.to_path);  // one URI: we are no relay
  const auto channel = to ? hub_.find(to->session) : nullptr;
  if (!channel || !channel->usable() || channel->own().tls != socket_.secure()) return refuse(481, MsrpDrop::unknown_session);
  if (channel->connection() != nullptr && channel->connection() != this) return refuse(506, MsrpDrop::bound_elsewhere);
  if (!channel->started()) {
    // The peer was faster than the SDP that tells of it.
    if (!channel->hold(shared_from_this())) return refuse(506, MsrpDrop::bound_elsewhere);
    held_ = true;
    return;
  }
  begin_request(channel);
}

void MsrpConnection::release(const std::shared_ptr<MsrpChannel>& channel) {
  const auto self = shared_from_this();
  if (!held_ || state_ != State::open) return;
  held_ = false;
  parsing_ = true;  // what this sets off must not read on before it is done
  if (channel && channel->usable())
    begin_request(channel);
  else
    refuse(481, MsrpDrop::unknown_session);
  parsing_ = false;
  if (state_ == State::open) resume();
}

bool MsrpConnection::proven(const MsrpDescription& peer) const {
  if (!socket_.secure()) return true;
  if (!peer.fingerprint.empty()) return socket_.has_fingerprint(peer.fingerprint);
  return socket_.verified() || (!client_ && !hub_.tls->verify_peer());
}

void MsrpConnection::begin_request(std::shared_ptr<MsrpChannel> channel) {
  auto& head = parser_.head();
  if (!same_end(head.from_path, channel->peer().path)) return refuse(481, MsrpDrop::unknown_session);
  if (channel->connection() == nullptr) {
    if (!proven(channel->peer())) {
      log::event(msrp_events::kPeerNotProven, {{"peer", peer_}});
      channel->not_proven();
      return drop(MsrpDrop::not_proven, "the certificate is not the peer's");
    }
    if (channels_.size() >= hub_.limits.sessions_per_connection) return refuse(506, MsrpDrop::sessions_limit);
    channel->bind(shared_from_this());
  }
  incoming_.channel = std::move(channel);
  if (incoming_.report) {
    if (!incoming_.channel->outbox().reported(head)) hub_.metrics.dropped(MsrpDrop::unknown_report);
    return;
  }
  if (head.method != "SEND") return refuse(501, MsrpDrop::unknown_method);
  if (const int status = incoming_.channel->inbox().begin(head); status != 200) refuse(status, std::nullopt);
}

void MsrpConnection::on_response() {
  incoming_.report = true;  // nothing answers a response either
  const auto& head = parser_.head();
  // Answered before it was whole: a peer need not read what it refuses (RFC 4975 7.1.1), and may be quicker than our last bytes.
  if (outgoing_ && outgoing_->transaction == head.transaction) end_chunk(head.status / 100 == 2 ? '+' : '#');
  const auto found = transactions_.find(head.transaction);
  hub_.metrics.got_answer(head.status);
  if (found == transactions_.end()) return hub_.metrics.dropped(MsrpDrop::unknown_response);
  const auto channel = found->second.channel.lock();
  const auto ticket = found->second.ticket;
  transactions_.erase(found);
  if (!channel) return;
  if (ticket.message == 0)
    channel->bound(head.status, head.comment);
  else
    channel->outbox().answered(ticket, head.status, head.comment);
}

// ---- content and end

void MsrpConnection::on_piece(std::string_view piece) {
  if (incoming_.answered || !incoming_.channel || incoming_.report) {
    incoming_.thrown_away += piece.size();
    if (incoming_.thrown_away > kMostThrownAway) drop(MsrpDrop::too_large, "goes on although it was told to stop");
    return;
  }
  auto& inbox = incoming_.channel->inbox();
  if (const int status = inbox.data(piece); status != 200) return refuse(status, std::nullopt);
  if (inbox.must_wait([self = weak_from_this()] {
        if (const auto connection = self.lock()) connection->resume();
      }))
    disk_full_ = true;
}

void MsrpConnection::on_end(char flag) {
  auto request = std::exchange(incoming_, {});
  if (request.answered || request.report || !request.channel) return;
  const auto channel = request.channel;
  incoming_.channel = channel;  // whose turn to read it is while its module has enough to do
  channel->inbox().end(flag, [self = weak_from_this(), request = std::move(request)](int status) {
    const auto connection = self.lock();
    if (!connection || connection->closed()) return;
    connection->answer(request, status);
    if (!connection->parsing_) connection->pump();  // the disk was done later
  });
}

void MsrpConnection::refuse(int status, std::optional<MsrpDrop> reason) {
  if (reason) hub_.metrics.dropped(*reason);
  answer(incoming_, status);
  incoming_.answered = true;
}

void MsrpConnection::answer(const Incoming& to, int status) {
  if (to.report || to.answered || to.failure_report == MsrpFailureReport::no) return;
  if (to.failure_report == MsrpFailureReport::partial && status / 100 == 2) return;
  hub_.metrics.answered(status);
  send(msrp_response(to.transaction, status, to.reply_to, to.own_path));
}

}  // namespace herald::io
