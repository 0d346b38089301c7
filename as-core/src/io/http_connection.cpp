#include "io/http_connection.h"

#include <algorithm>
#include <array>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

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
      "malformed",      "truncated",    "too_large",        "slow_header",    "slow_body",   "slow_reader",
      "idle",           "tls",          "client_gone",      "handler_silent", "late_answer", "mailbox_full",
      "requests_limit", "buffer_limit", "connections_limit"};
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

HttpConnection::~HttpConnection() {
  release_body();
  host_.loop().timers().cancel(timer_);
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
  if (state_ != State::lingering) return;  // stays in the buffer; its watermark stops the reading
  auto* input = bufferevent_get_input(bev_);
  discarded_ += evbuffer_get_length(input);
  evbuffer_drain(input, evbuffer_get_length(input));
  if (discarded_ > kMaxDiscarded) close();
}

void HttpConnection::process_input() {
  if (processing_) return;  // an answer at once: the loop below goes on by itself
  processing_ = true;
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
    if (step == HttpParser::Step::end) on_request();
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
  if (!head_.chunked && head_.content_length <= host_.limits().max_body_bytes)
    body_.reserve(std::min<std::size_t>(head_.content_length, kReadAhead));  // not all of it on a mere promise
  limit_time(host_.limits().body_timeout);
  if (!head_.expects_continue) return;
  if (head_.content_length > host_.limits().max_body_bytes) return;  // the parser will refuse it
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
  // A client may be slow, but not arbitrarily: the time it has grows only with what it has sent.
  deadline_ = body_begun_ + time_for(host_.limits().body_timeout, body_.size());
}

void HttpConnection::on_request() {
  state_ = State::waiting;
  keep_alive_ = head_.keep_alive;
  ++serial_;
  limit_time(host_.limits().handler_timeout);
  host_.request(*this, serial_, std::move(head_), std::move(body_));
}

void HttpConnection::on_end_of_input() {
  peer_finished_ = true;
  switch (state_) {
    case State::reading:
      if (parser_.idle() && !head_seen_) return close();
      return refuse(400, "the request ends too early", HttpDrop::truncated);
    case State::waiting:  // it may have closed only its sending side; the answer will show
    case State::writing:
      return;
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
  if (state_ == State::waiting || state_ == State::writing) {
    host_.dropped(HttpDrop::client_gone);
    log::info("HTTP client went before its answer", {{"peer", peer_.address}});
  } else if (state_ == State::reading && (head_seen_ || !parser_.idle())) {
    host_.dropped(HttpDrop::truncated);
    log::info("HTTP client went amid its request", {{"peer", peer_.address}});
  }
  close();
}

// ---- output

bool HttpConnection::answer(std::uint64_t serial, HttpResponse response) {
  if (state_ != State::waiting || serial != serial_) return false;
  // A handler may ask for the end of the connection with "Connection: close".
  for (const auto& field : response.headers)
    if (equals_ignoring_case(field.name, "connection") && list_has(field.value, "close")) keep_alive_ = false;
  if (host_.draining()) keep_alive_ = false;
  send(response);
  if (state_ == State::reading) process_input();  // pipelined requests
  return true;
}

void HttpConnection::refuse(int status, std::string_view detail, HttpDrop reason) {
  host_.dropped(reason);
  log::info("HTTP request refused", {{"peer", peer_.address}, {"status", status}, {"reason", detail}});
  keep_alive_ = false;
  unread_input_ = true;
  send(HttpResponse::problem(status, reason_phrase(status), detail));
}

// Leaves the state at reading, writing, lingering or closed.
void HttpConnection::send(const HttpResponse& response) {
  host_.answered(response.status);
  ResponseFraming framing;
  framing.head_only = head_seen_ && head_only_;
  framing.minor = head_seen_ ? minor_ : 1;
  framing.keep_alive = keep_alive_;
  framing.date = host_.date();
  const auto bytes = write_response(response, framing);
  std::string_view rest = bytes;
  // Straight into the socket when nothing is queued: it saves libevent a round through epoll.
  if (!peer_.tls && evbuffer_get_length(bufferevent_get_output(bev_)) == 0) {
    const auto sent = ::send(bufferevent_getfd(bev_), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      host_.dropped(HttpDrop::client_gone);
      log::info("HTTP client went before its answer", {{"peer", peer_.address}});
      return close();
    }
  }
  release_body();
  head_seen_ = false;
  if (rest.empty()) return after_send();
  bufferevent_write(bev_, rest.data(), rest.size());
  state_ = State::writing;
  limit_time(time_for(host_.limits().write_timeout, rest.size()));
}

void HttpConnection::on_drained() {
  if (state_ != State::writing || evbuffer_get_length(bufferevent_get_output(bev_)) > 0) return;
  after_send();
  if (state_ == State::reading) process_input();
}

void HttpConnection::after_send() {
  if (!keep_alive_) return begin_lingering();
  state_ = State::reading;
  limit_time(host_.limits().idle_timeout);
}

// A close with unread input would reset the connection and could destroy our answer on its way. RFC 9112 9.6.
void HttpConnection::begin_lingering() {
  auto* ssl = bufferevent_openssl_get_ssl(bev_);
  if (ssl) SSL_shutdown(ssl);
  auto* input = bufferevent_get_input(bev_);
  if (evbuffer_get_length(input) > 0) unread_input_ = true;
  if (peer_finished_ || !unread_input_) return close();
  evbuffer_drain(input, evbuffer_get_length(input));
  ::shutdown(bufferevent_getfd(bev_), SHUT_WR);
  state_ = State::lingering;
  limit_time(host_.limits().linger_timeout);
}

void HttpConnection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  release_body();
  bufferevent_disable(bev_, EV_READ | EV_WRITE);
  host_.closed(id_);
}

void HttpConnection::drain() {
  if (state_ == State::reading && parser_.idle() && !head_seen_) close();
}

void HttpConnection::release_body() {
  host_.reserve(-static_cast<std::ptrdiff_t>(reserved_));
  reserved_ = 0;
  body_ = {};
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
    case State::waiting: {
      host_.dropped(HttpDrop::handler_silent);
      answer(serial_, busy_response("no answer in time", host_.limits().retry_after));
      return;
    }
    case State::writing:
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

void HttpConnection::arm_timer() {
  auto& timers = host_.loop().timers();
  timers.cancel(timer_);
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
