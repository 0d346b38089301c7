// The life of a connection: events, time limits, sessions that come and go. What it reads is in msrp_connection_in.cpp, what it
// writes in msrp_connection_out.cpp.
#include "io/msrp_connection.h"

#include <algorithm>
#include <event2/event.h>

#include "herald/log.h"
#include "io/msrp_channel.h"
#include "io/msrp_log_catalog.h"
#include "io/msrp_text.h"

namespace herald::io {
namespace {

constexpr Duration kDrainTime = std::chrono::seconds(2);

}  // namespace

void MsrpConnection::FreeEvent::operator()(event* e) const noexcept { event_free(e); }

MsrpConnection::MsrpConnection(MsrpHub& hub, MsrpSocket socket, std::string peer, bool client)
    : hub_(hub),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      client_(client),
      parser_(hub.limits.parser),
      since_(hub.loop.clock().now()),
      last_read_(since_),
      last_write_(since_) {}

MsrpConnection::~MsrpConnection() { hub_.loop.timers().cancel(timer_); }

bool MsrpConnection::start(UniqueFunction<void(Expected<void>)> established) {
  established_ = std::move(established);
  // The hub destroys us only after close() has freed the events, so `self` is alive in every callback.
  const auto callback = [](evutil_socket_t, short what, void* self) noexcept {
    static_cast<MsrpConnection*>(self)->on_event(what);
  };
  read_event_.reset(event_new(hub_.loop.base(), socket_.fd(), EV_READ | EV_PERSIST, callback, this));
  write_event_.reset(event_new(hub_.loop.base(), socket_.fd(), EV_WRITE | EV_PERSIST, callback, this));
  if (!read_event_ || !write_event_) return false;
  if (client_) {
    event_add(write_event_.get(), nullptr);
    writing_ = true;
  } else {
    on_establishing();
  }
  watch_time();
  return true;
}

void MsrpConnection::on_event(short what) {
  const auto self = shared_from_this();
  if (state_ == State::establishing) return on_establishing();
  if (state_ == State::closed) return;
  // TLS may need the one to go on with the other.
  if ((what & EV_WRITE) != 0) pump();
  if (state_ != State::closed && ((what & EV_READ) != 0 || (socket_.secure() && reading_))) on_readable();
}

void MsrpConnection::on_establishing() {
  switch (socket_.establish()) {
    case MsrpSocket::Result::again:
      return watch_events();
    case MsrpSocket::Result::done:
      break;
    default:
      if (socket_.secure()) {
        hub_.metrics.dropped(MsrpDrop::tls);
        log::info("MSRP connection failed", {{"peer", peer_}, {"cause", socket_.fault()}});
      }
      return close(Error{ErrorCode::unavailable, socket_.fault()});
  }
  state_ = State::open;
  since_ = last_read_ = last_write_ = hub_.loop.clock().now();
  if (established_) std::exchange(established_, {})(Expected<void>{});
  if (state_ == State::closed) return;
  watch_events();
  watch_time();
  if (socket_.pending()) on_readable();
}

void MsrpConnection::attach(std::shared_ptr<MsrpChannel> channel) { channels_.push_back(std::move(channel)); }

void MsrpConnection::detach(MsrpChannel& channel) {
  const auto self = shared_from_this();
  if (state_ == State::closed) return;
  if (state_ == State::establishing) return close(Error{ErrorCode::gone, "the session was closed"});
  if (outgoing_ && outgoing_->channel.get() == &channel) end_chunk('#');
  if (incoming_.channel.get() == &channel) {
    incoming_.channel.reset();
    incoming_.answered = true;  // nobody is left to say anything about it
  }
  std::erase_if(channels_, [&](const auto& one) { return one.get() == &channel; });
  if (channels_.empty()) {
    state_ = State::draining;
    since_ = hub_.loop.clock().now();
    carry_.clear();
  } else if (disk_full_) {
    resume();
  }
  pump();
}

void MsrpConnection::resume() {
  const auto self = shared_from_this();
  if (state_ != State::open || parsing_) return;
  disk_full_ = false;
  last_read_ = hub_.loop.clock().now();
  const auto waiting = std::exchange(carry_, {});
  parse(waiting);
  if (state_ == State::closed) return;
  pump();
  if (socket_.pending() && state_ == State::open) on_readable();
}

void MsrpConnection::close(const Error& error) {
  const auto self = shared_from_this();
  if (state_ == State::closed) return;
  state_ = State::closed;
  if (!parser_.at_rest()) hub_.metrics.dropped(MsrpDrop::truncated);
  read_event_.reset();
  write_event_.reset();
  hub_.loop.timers().cancel(timer_);
  timer_ = {};
  outgoing_.reset();
  output_.clear();
  control_.clear();
  incoming_ = {};
  transactions_.clear();
  if (established_) std::exchange(established_, {})(Unexpected(error));
  for (const auto& channel : std::exchange(channels_, {})) channel->lost(error);
  hub_.remove(*this);
}

void MsrpConnection::drop(MsrpDrop reason, std::string_view why) {
  hub_.metrics.dropped(reason);
  if (hub_.pace.pass(hub_.loop.clock().now()))
    log::info("MSRP connection dropped",
              {{"peer", peer_}, {"reason", to_string(reason)}, {"detail", why}, {"suppressed", hub_.pace.suppressed}});
  close(Error{ErrorCode::unavailable, "MSRP connection dropped: " + std::string(why)});
}

void MsrpConnection::watch_events() {
  if (state_ == State::closed) return;
  const auto set = [](event* e, bool& now, bool wanted) {
    if (now == wanted) return;
    now = wanted;
    if (wanted)
      event_add(e, nullptr);
    else
      event_del(e);
  };
  const bool establishing = state_ == State::establishing;
  set(read_event_.get(), reading_, establishing ? !socket_.wants_write() : state_ == State::draining || may_parse());
  set(write_event_.get(), writing_, socket_.wants_write() || !output_.empty() || pump_again_);
}

// ---- time

// The peer is not read because of our disk or our module.
bool MsrpConnection::waits_for_us() const { return disk_full_ || (incoming_.channel && incoming_.channel->must_wait()); }

TimePoint MsrpConnection::next_deadline() const {
  const auto& limits = hub_.limits;
  switch (state_) {
    case State::establishing:
      return since_ + limits.connect_timeout;
    case State::draining:
      return std::max(since_, last_write_) + kDrainTime;
    case State::closed:
      return TimePoint::max();
    case State::open:
      break;
  }
  auto due = TimePoint::max();
  if (channels_.empty()) due = since_ + limits.bind_timeout;
  if (!parser_.at_rest() && !waits_for_us()) due = std::min(due, last_read_ + limits.stall_timeout);
  if (!output_.empty()) due = std::min(due, last_write_ + limits.stall_timeout);
  if (!transaction_order_.empty() && !waits_for_us()) {  // the answer may be there, unread
    const auto front = transactions_.find(transaction_order_.front());
    if (front != transactions_.end()) due = std::min(due, front->second.due);
  }
  return due;
}

void MsrpConnection::watch_time() {
  while (!transaction_order_.empty() && !transactions_.contains(transaction_order_.front())) transaction_order_.pop_front();
  if (state_ == State::closed) return;
  const auto due = next_deadline();
  // A timer that fires too early looks again: so what moves a deadline back touches no timer.
  if (due == TimePoint::max() || (timer_ && armed_for_ <= due)) return;
  hub_.loop.timers().cancel(timer_);
  armed_for_ = due;
  timer_ = hub_.loop.timers().start_at(due, [this] {
    timer_ = {};
    const auto self = shared_from_this();
    check_time();
  });
}

void MsrpConnection::check_time() {
  const auto now = hub_.loop.clock().now();
  const auto& limits = hub_.limits;
  if (now < next_deadline()) return watch_time();
  switch (state_) {
    case State::establishing:
      return close(Error{ErrorCode::timeout, peer_ + ": no connection in time"});
    case State::draining:
      if (!output_.empty()) hub_.metrics.dropped(MsrpDrop::slow_reader);
      return close(Error{ErrorCode::gone, "closed"});
    case State::closed:
      return;
    case State::open:
      break;
  }
  if (channels_.empty() && now >= since_ + limits.bind_timeout) return drop(MsrpDrop::idle, "no request names a session");
  if (!output_.empty() && now >= last_write_ + limits.stall_timeout) return drop(MsrpDrop::slow_reader, "takes nothing");
  if (!parser_.at_rest() && !waits_for_us() && now >= last_read_ + limits.stall_timeout)
    return drop(MsrpDrop::stalled, "silent in the middle of a request");
  while (state_ == State::open && !transaction_order_.empty() && !waits_for_us()) {
    const auto found = transactions_.find(transaction_order_.front());
    if (found == transactions_.end()) {
      transaction_order_.pop_front();
      continue;
    }
    if (found->second.due > now) break;
    const auto channel = found->second.channel.lock();
    const auto ticket = found->second.ticket;
    transactions_.erase(found);
    transaction_order_.pop_front();
    if (!channel) continue;
    if (ticket.message == 0)
      channel->bind_timed_out();
    else
      channel->outbox().timed_out(ticket);
  }
  if (state_ == State::open) pump();
  watch_time();
}

}  // namespace herald::io
