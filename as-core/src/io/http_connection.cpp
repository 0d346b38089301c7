#include "io/http_connection.h"

#include <algorithm>
#include <array>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>

#include "herald/log.h"
#include "io/response_writer.h"
#include "io/tls_context.h"

namespace herald::io {
namespace {

constexpr std::size_t kReadAhead = 64 * 1024;           // input kept while a request is in progress
constexpr std::size_t kMaxDiscarded = 4 * 1024 * 1024;  // thrown away for a refused client before it is cut off
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

std::string_view to_string(HttpDrop reason) noexcept {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(HttpDrop::count_)> kNames{
      "malformed",      "truncated",    "too_large",         "slow_header",    "slow_body",     "slow_reader",
      "idle",           "tls",          "client_gone",       "handler_silent", "late_answer",   "mailbox_full",
      "requests_limit", "buffer_limit", "connections_limit", "spool_refused",  "streams_limit", "blob_missing"};
  return kNames.at(static_cast<std::size_t>(reason));
}

// bufferevent_free() clears the callbacks and the destructor calls it, so `self` is alive in each of them.
HttpConnection::HttpConnection(ConnectionHost& host, bufferevent* bev, HttpPeer peer)
    : host_(host), bev_(bev), peer_(std::move(peer)), parser_(host.limits()), handshaking_(peer_.tls) {
  bufferevent_setcb(
      bev_, [](bufferevent*, void* self) noexcept { static_cast<HttpConnection*>(self)->on_readable(); },
      [](bufferevent*, void* self) noexcept { static_cast<HttpConnection*>(self)->on_drained(); },
      [](bufferevent*, short what, void* self) noexcept { static_cast<HttpConnection*>(self)->on_event(what); }, this);
  bufferevent_setwatermark(bev_, EV_READ, 0, kReadAhead);
}

void HttpConnection::FreeEvent::operator()(event* e) const noexcept { event_free(e); }

HttpConnection::~HttpConnection() {
  release_body();
  close_stream();
  host_.loop().timers().cancel(timer_);
  writable_.reset();
  bufferevent_free(bev_);
}

void HttpConnection::start(Handle id) {
  id_ = id;
  limit_time(host_.limits().header_timeout);  // the first request, and the TLS handshake before it
  bufferevent_enable(bev_, EV_READ | EV_WRITE);
}

// ---- input

void HttpConnection::on_readable() {
  if (state_ == State::reading) return process_input();
  if (state_ != State::lingering) {
    // It stays in the buffer. libevent calls again and again while a full buffer is not emptied, so the reading ends.
    if (evbuffer_get_length(bufferevent_get_input(bev_)) >= kReadAhead) hold_input(true);
    return;
  }
  auto* input = bufferevent_get_input(bev_);
  discarded_ += evbuffer_get_length(input);
  evbuffer_drain(input, evbuffer_get_length(input));
  if (discarded_ > kMaxDiscarded) close();
}

void HttpConnection::hold_input(bool hold) {
  if (std::exchange(input_held_, hold) == hold) return;
  if (hold)
    bufferevent_disable(bev_, EV_READ);
  else
    bufferevent_enable(bev_, EV_READ);
}

void HttpConnection::process_input() {
  if (processing_) return;  // an answer at once: the loop below goes on by itself
  processing_ = true;
  hold_input(false);
  auto* input = bufferevent_get_input(bev_);
  while (state_ == State::reading) {
    const auto available = evbuffer_get_contiguous_space(input);
    const bool was_idle = parser_.idle() && !head_seen_;
    std::string_view view;
    if (available > 0) {
      const auto* bytes = evbuffer_pullup(input, static_cast<ev_ssize_t>(available));  // contiguous: copies nothing
      view = std::string_view(static_cast<const char*>(static_cast<const void*>(bytes)), available);
    }
    const auto step = parser_.next(view);
    if (step == HttpParser::Step::body) on_body();  // before the drain: the piece lies in the buffer
    evbuffer_drain(input, available - view.size());
    if (was_idle && !parser_.idle() && serial_ > 0) limit_time(host_.limits().header_timeout);
    if (step == HttpParser::Step::head) on_head();
    if (step == HttpParser::Step::end) on_end_of_body();
    if (step == HttpParser::Step::error) {
      const auto& fault = parser_.fault();
      refuse(fault.status, fault.detail, fault.status == 413 ? HttpDrop::too_large : HttpDrop::malformed);
    }
    if (step != HttpParser::Step::need_more || evbuffer_get_length(input) > 0) continue;
    if (peer_finished_) on_end_of_input();
    break;
  }
  processing_ = false;
}

void HttpConnection::on_head() {
  head_ = std::move(parser_.head());
  head_seen_ = true;
  head_only_ = head_.method == "HEAD";
  minor_ = head_.minor;
  if (!head_.has_body()) return;
  body_begun_ = host_.loop().clock().now();
  limit_time(host_.limits().body_timeout);
  body_rules_ = host_.body_rules(head_);
  parser_.limit_body(body_rules_.max_body);
  if (head_.content_length > body_rules_.max_body) return;  // the parser will refuse it
  if (body_rules_.spool_above && head_.content_length > *body_rules_.spool_above)
    spool_ = std::make_unique<BodySpool>(*host_.blobs(), host_.loop(), *this, body_rules_.max_body);
  else if (!head_.chunked)
    body_.reserve(std::min<std::size_t>(head_.content_length, kReadAhead));  // not all of it on a mere promise
  if (!head_.expects_continue) return;
  if (const auto refusal = host_.refuse_early(head_)) {
    keep_alive_ = false;
    unread_input_ = true;
    send(*refusal);
    return;
  }
  // RFC 9110 10.1.1: not needed once the body has begun to arrive.
  if (evbuffer_get_length(bufferevent_get_input(bev_)) == 0) bufferevent_write(bev_, kContinue.data(), kContinue.size());
}

void HttpConnection::on_body() {
  const auto piece = parser_.body_piece();
  received_ += piece.size();
  const bool large = body_rules_.spool_above && received_ > *body_rules_.spool_above;
  if (spool_ || large) {
    if (!spool(piece)) return;
  } else {
    if (!host_.reserve(static_cast<std::ptrdiff_t>(piece.size()))) {
      auto response = busy_response("too much is being received at the moment", host_.limits().retry_after);
      host_.dropped(HttpDrop::buffer_limit);
      keep_alive_ = false;
      unread_input_ = true;
      send(response);
      return;
    }
    reserved_ += piece.size();
    body_.append(piece);
  }
  // A client may be slow, but not arbitrarily: the time it has grows only with what it has sent.
  if (state_ == State::reading) deadline_ = body_begun_ + time_for(host_.limits().body_timeout, received_);
}

// ---- large bodies

bool HttpConnection::spool(std::string_view piece) {
  bool taken = true;
  if (!spool_) {  // it has just grown too large for memory
    spool_ = std::make_unique<BodySpool>(*host_.blobs(), host_.loop(), *this, body_rules_.max_body);
    taken = body_.empty() || spool_->append(body_);
    host_.reserve(-static_cast<std::ptrdiff_t>(reserved_));
    reserved_ = 0;
    body_ = {};
  }
  if (!taken || !spool_->append(piece)) {
    keep_alive_ = false;
    unread_input_ = true;
    refuse_spool(Error{ErrorCode::busy, "it cannot be written"});
    return false;
  }
  if (spool_->congested()) {
    state_ = State::paused;
    paused_since_ = host_.loop().clock().now();
    limit_time(host_.limits().handler_timeout);
  }
  return true;
}

void HttpConnection::on_spool_drained() {
  if (state_ != State::paused) return;
  state_ = State::reading;
  const auto now = host_.loop().clock().now();
  body_begun_ += now - paused_since_;  // the disk's time, not the client's
  limit_time(body_begun_ + time_for(host_.limits().body_timeout, received_) - now);
  process_input();
}

void HttpConnection::refuse_spool(const Error& why) {
  host_.dropped(HttpDrop::spool_refused);
  log::warn("HTTP content could not be stored", {{"peer", peer_.address}, {"cause", why.text}});
  send(busy_response("the content cannot be stored at the moment", why.retry_after.value_or(host_.limits().retry_after)));
}

void HttpConnection::on_spooled(Expected<SpooledBlob> blob) {
  if (state_ != State::storing) return;
  if (blob) return hand_over(std::move(*blob));
  refuse_spool(blob.error());
  if (state_ == State::reading) process_input();
}

void HttpConnection::on_end_of_body() {
  keep_alive_ = head_.keep_alive;
  ++serial_;
  limit_time(host_.limits().handler_timeout);
  if (!spool_) return hand_over({});
  state_ = State::storing;
  spool_->finish();
}

void HttpConnection::hand_over(SpooledBlob blob) {
  spool_.reset();
  state_ = State::waiting;
  conditions_ = head_.method == "GET" || head_.method == "HEAD" ? HttpConditions::of(head_.headers) : HttpConditions{};
  host_.request(*this, serial_, std::move(head_), std::move(body_), std::move(blob));
}

void HttpConnection::on_end_of_input() {
  peer_finished_ = true;
  switch (state_) {
    case State::reading:
      if (parser_.idle() && !head_seen_) return close();
      return refuse(400, "the request ends too early", HttpDrop::truncated);
    case State::paused:  // the rest of the body lies in the buffer
    case State::storing:
    case State::waiting:  // it may have closed only its sending side; the answer will show
    case State::writing:
      return;
    case State::streaming:  // nobody listens to a stream with half a connection
      return client_gone();
    case State::lingering:
      return close();
    case State::closed:
      return;
  }
}

void HttpConnection::on_event(short what) {
  if (state_ == State::closed) return;
  if ((what & BEV_EVENT_CONNECTED) != 0) {
    handshaking_ = false;
    peer_.certificate_name = verified_subject(bufferevent_openssl_get_ssl(bev_));
    return;
  }
  if (handshaking_) {
    const auto code = bufferevent_get_openssl_error(bev_);
    const auto* text = code == 0 ? nullptr : ERR_reason_error_string(code);
    log::info("TLS handshake failed", {{"peer", peer_.address}, {"cause", text ? text : "connection ended"}});
    host_.dropped(HttpDrop::tls);
    return close();
  }
  if ((what & BEV_EVENT_EOF) != 0) return on_end_of_input();
  if (state_ == State::storing || state_ == State::waiting || state_ == State::writing || state_ == State::streaming)
    return client_gone();
  if (state_ == State::paused || (state_ == State::reading && (head_seen_ || !parser_.idle()))) {
    host_.dropped(HttpDrop::truncated);
    log::info("HTTP client went amid its request", {{"peer", peer_.address}});
  }
  close();
}

// ---- the end

void HttpConnection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  release_body();
  close_stream();
  file_.reset();
  if (writable_) event_del(writable_.get());
  bufferevent_disable(bev_, EV_READ | EV_WRITE);
  host_.closed(id_);
}

void HttpConnection::drain() {
  if (state_ == State::reading && parser_.idle() && !head_seen_) return close();
  if (state_ != State::streaming) return;
  keep_alive_ = false;
  on_stream({}, true);
}

void HttpConnection::release_body() {
  host_.reserve(-static_cast<std::ptrdiff_t>(reserved_));
  reserved_ = 0;
  received_ = 0;
  body_ = {};
  spool_.reset();
}

// ---- time

void HttpConnection::on_timeout() {
  switch (state_) {
    case State::reading:
      if (handshaking_) {
        host_.dropped(HttpDrop::tls);
        return close();
      }
      if (parser_.idle() && !head_seen_) {
        host_.dropped(HttpDrop::idle);
        return close();
      }
      return refuse(408, head_seen_ ? "the body came too slowly" : "the header came too slowly",
                    head_seen_ ? HttpDrop::slow_body : HttpDrop::slow_header);
    case State::paused:
    case State::storing:
      if (state_ == State::paused) {
        keep_alive_ = false;
        unread_input_ = true;
      }
      refuse_spool(Error{ErrorCode::timeout, "the disk does not keep up"});
      if (state_ == State::reading) process_input();
      return;
    case State::waiting: {
      host_.dropped(HttpDrop::handler_silent);
      answer(serial_, busy_response("no answer in time", host_.limits().retry_after));
      return;
    }
    case State::writing:
    case State::streaming:
      if (file_ && file_due() > host_.loop().clock().now()) {
        deadline_ = file_due();
        return;
      }
      host_.dropped(HttpDrop::slow_reader);
      log::info("HTTP client reads its answer too slowly", {{"peer", peer_.address}});
      return close();
    case State::lingering:
      return close();
    case State::closed:
      return;
  }
}

Duration HttpConnection::time_for(Duration base, std::size_t bytes) const {
  return base + std::chrono::milliseconds(bytes * 1000 / std::max<std::size_t>(host_.limits().min_bytes_per_second, 1));
}

void HttpConnection::limit_time(Duration span) {
  deadline_ = host_.loop().clock().now() + span;
  // A timer that fires too early looks again; so most requests touch no timer at all.
  if (!timer_ || deadline_ < armed_for_) arm_timer();
}

// The time grows with what the client has taken.
TimePoint HttpConnection::file_due() const {
  const auto waits = file_->left() + output_bytes();
  return file_begun_ + time_for(host_.limits().write_timeout, file_bytes_ - std::min<std::uint64_t>(file_bytes_, waits));
}

void HttpConnection::arm_timer() {
  auto& timers = host_.loop().timers();
  timers.cancel(timer_);
  timer_ = {};
  armed_for_ = TimePoint::max();
  if (deadline_ == TimePoint::max()) return;
  armed_for_ = deadline_;
  timer_ = timers.start_at(deadline_, [this] {
    timer_ = {};
    if (state_ == State::closed) return;
    if (host_.loop().clock().now() < deadline_) return arm_timer();
    on_timeout();
    if (state_ != State::closed && !timer_) arm_timer();
  });
}

}  // namespace herald::io
