#include "io/http_exchange.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/ssl.h>

namespace herald::io {
namespace {

constexpr unsigned kMostInterim = 8;  // 1xx before the final answer
constexpr std::size_t kReadAhead = 64 * 1024;

}  // namespace

HttpExchange::HttpExchange(Means means, HttpCall call, HttpUrl url, std::shared_ptr<const TlsClient> tls, Deadline deadline,
                           Done done)
    : loop_(means.loop),
      names_(means.names),
      pool_(means.pool),
      blobs_(means.blobs),
      call_(std::move(call)),
      url_(std::move(url)),
      tls_(std::move(tls)),
      deadline_(deadline),
      done_(std::move(done)),
      parser_(limits_, HttpParser::Side::response) {
  parser_.limit_body(call_.max_response_bytes);
  if (call_.method == "HEAD") parser_.expect_no_body();
}

HttpExchange::~HttpExchange() {
  if (lookup_ != 0) names_.cancel(lookup_);
  loop_.timers().cancel(connect_timer_);
  drop_connection();
}

std::string_view HttpExchange::stage() const noexcept {
  switch (stage_) {
    case Stage::lookup:
      return "looking up the name";
    case Stage::connect:
      return "connecting";
    case Stage::storing:
      return "storing the answer";
    case Stage::answer:
    case Stage::done:
      break;
  }
  return "waiting for the answer";
}

// ---- where to

void HttpExchange::start() {
  if (!use_kept_connection()) look_up();
}

// Whom a connection leads to, and what it has proved.
static std::string pool_key(const HttpUrl& url, const HttpCall& call) {
  return (url.tls ? "https " : "http ") + url.authority() + ' ' + call.ca_file;
}

bool HttpExchange::use_kept_connection() {
  const auto taken = pool_.take(pool_key(url_, call_), call_.public_only);
  if (!taken) return false;
  bev_ = taken->connection;
  kept_ = true;
  public_address_ = taken->public_address;
  watch_connection();
  send_request();
  return true;
}

// RFC 9112 9.3.1, 9.6: a server may close a connection that waits at any time, also while our request is under way to it.
bool HttpExchange::may_try_again() const {
  if (!kept_ || !parser_.idle() || head_.status != 0 || interim_ != 0) return false;
  static constexpr std::array<std::string_view, 6> kIdempotent{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  return std::find(kIdempotent.begin(), kIdempotent.end(), call_.method) != kIdempotent.end() ||
         evbuffer_get_length(bufferevent_get_output(bev_)) >= request_bytes_;
}

void HttpExchange::look_up() {
  stage_ = Stage::lookup;
  if (const auto address = url_.literal ? NetAddress::parse(url_.host, url_.port) : std::nullopt)
    return on_addresses(std::vector<NetAddress>{*address});
  const auto lookup = names_.start(url_.host, url_.port, [this](Expected<std::vector<NetAddress>> addresses) {
    lookup_ = 0;
    on_addresses(std::move(addresses));
  });
  if (stage_ == Stage::lookup) lookup_ = lookup;
}

// The check is on what is connected to, not on the name: nobody can let it resolve to something else in between.
void HttpExchange::on_addresses(Expected<std::vector<NetAddress>> addresses) {
  stage_ = Stage::connect;
  if (!addresses) return fail_with(ErrorCode::unavailable, addresses.error().text);
  addresses_ = std::move(*addresses);
  if (call_.public_only) {
    std::erase_if(addresses_, [](const NetAddress& address) { return !is_public(address); });
    if (addresses_.empty()) return fail_with(ErrorCode::forbidden, "leads to an address that is not public");
  }
  try_next();
}

void HttpExchange::try_next() {
  while (next_address_ < addresses_.size()) {
    const auto& address = addresses_[next_address_++];
    stage_ = Stage::connect;
    drop_connection();
    if (connect_to(address)) {
      // A silent address may use its share of the time, so that the next one gets a chance.
      loop_.timers().cancel(connect_timer_);
      connect_timer_ = {};
      const auto left = addresses_.size() - next_address_;
      if (left > 0 && !deadline_.is_never()) {
        const auto share = deadline_.left(loop_.clock()) / static_cast<std::int64_t>(left + 1);
        connect_timer_ = loop_.timers().start_at(loop_.clock().now() + share, [this] {
          connect_timer_ = {};
          if (stage_ == Stage::connect) on_connect_failed("no answer");
        });
      }
      return;
    }
  }
  fail_with(ErrorCode::unavailable, connect_failure_);
}

bool HttpExchange::open_socket() {
  if (!url_.tls) {
    bev_ = bufferevent_socket_new(loop_.base(), -1, BEV_OPT_CLOSE_ON_FREE);
    return bev_ != nullptr;
  }
  auto* session = tls_->new_session(url_.host, url_.literal);
  if (session == nullptr) return false;
  bev_ = bufferevent_openssl_socket_new(loop_.base(), -1, session, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
  if (bev_ == nullptr) SSL_free(session);
  return bev_ != nullptr;
}

// bufferevent_free() clears the callbacks and the destructor calls it, so `self` is alive in each of them.
void HttpExchange::watch_connection() {
  bufferevent_setcb(
      bev_, [](bufferevent*, void* self) noexcept { static_cast<HttpExchange*>(self)->on_readable(); }, nullptr,
      [](bufferevent*, short what, void* self) noexcept { static_cast<HttpExchange*>(self)->on_event(what); }, this);
  bufferevent_setwatermark(bev_, EV_READ, 0, kReadAhead);
}

bool HttpExchange::connect_to(const NetAddress& address) {
  if (!open_socket()) {
    connect_failure_ = "no memory for a connection";
    return false;
  }
  watch_connection();
  public_address_ = is_public(address);
  inside_connect_ = true;
  failed_inside_ = false;
  const int result = bufferevent_socket_connect(bev_, address.get(), static_cast<int>(address.size));
  inside_connect_ = false;
  if (result == 0 && !failed_inside_) return true;
  if (!failed_inside_) connect_failure_ = address.text() + ": " + std::strerror(errno);
  drop_connection();
  return false;
}

// ---- events of the connection

void HttpExchange::on_event(short what) {
  if (stage_ == Stage::done) return;
  if ((what & BEV_EVENT_CONNECTED) != 0) return on_connected();
  if (stage_ == Stage::connect) {
    const int error = EVUTIL_SOCKET_ERROR();
    auto* ssl = bufferevent_openssl_get_ssl(bev_);
    const auto tls_error = ssl != nullptr ? bufferevent_get_openssl_error(bev_) : 0;
    const bool tls_failed = ssl != nullptr && (tls_error != 0 || SSL_get_verify_result(ssl) != X509_V_OK);
    return on_connect_failed(tls_failed   ? handshake_failure(ssl, tls_error)
                             : error != 0 ? std::strerror(error)
                                          : "the connection was ended");
  }
  if (stage_ != Stage::answer) return;
  if (!paused_) read_input();  // the answer may have come before the error
  if (paused_)
    end_seen_ = (what & BEV_EVENT_EOF) != 0;
  else if (stage_ == Stage::answer)
    on_end_of_input((what & BEV_EVENT_EOF) != 0);
}

void HttpExchange::on_connect_failed(std::string why) {
  connect_failure_ = addresses_[next_address_ - 1].text() + ": " + std::move(why);
  if (inside_connect_)
    failed_inside_ = true;
  else
    try_next();
}

void HttpExchange::on_connected() {
  loop_.timers().cancel(connect_timer_);
  connect_timer_ = {};
  send_request();
}

void HttpExchange::send_request() {
  stage_ = Stage::answer;
  const auto text = request_text();
  request_bytes_ = text.size() + call_.body.size();
  bufferevent_write(bev_, text.data(), text.size());
  if (!call_.body.empty()) bufferevent_write(bev_, call_.body.data(), call_.body.size());
  bufferevent_enable(bev_, EV_READ | EV_WRITE);
}

std::string HttpExchange::request_text() const {
  std::string text = call_.method + " " + url_.target + " HTTP/1.1\r\nHost: " + url_.authority() + "\r\n";
  for (const auto& field : call_.headers) text.append(field.name).append(": ").append(field.value).append("\r\n");
  if (!call_.body.empty() || call_.method == "POST" || call_.method == "PUT")
    text += "Content-Length: " + std::to_string(call_.body.size()) + "\r\n";
  if (!pool_.keeps()) text += "Connection: close\r\n";
  return text + "\r\n";
}

// ---- the answer

void HttpExchange::on_readable() {
  if (stage_ == Stage::answer && !paused_) return read_input();
  // libevent calls again and again while a full buffer is not emptied.
  if (bev_ != nullptr) bufferevent_disable(bev_, EV_READ);
}

void HttpExchange::read_input() {
  auto* input = bufferevent_get_input(bev_);
  for (;;) {
    const auto available = evbuffer_get_contiguous_space(input);
    std::string_view view;
    if (available > 0) {
      const auto* bytes = evbuffer_pullup(input, static_cast<ev_ssize_t>(available));  // contiguous: copies nothing
      view = std::string_view(static_cast<const char*>(static_cast<const void*>(bytes)), available);
    }
    const auto step = parser_.next(view);
    const auto used = available - view.size();
    if (step == HttpParser::Step::body && !take_body(parser_.body_piece()))  // before the drain: the piece lies in the buffer
      return fail_with(ErrorCode::busy, "the answer cannot be stored");
    evbuffer_drain(input, used);
    if (paused_) return;
    if (step == HttpParser::Step::need_more) {
      if (evbuffer_get_length(input) > 0) continue;
      return;
    }
    if (!take(step)) return;
  }
}

bool HttpExchange::take(HttpParser::Step step) {
  if (step == HttpParser::Step::head) head_ = std::move(parser_.head());
  if (step == HttpParser::Step::error) {
    const auto& fault = parser_.fault();
    fail_with(fault.status == 413 || fault.status == 431 ? ErrorCode::too_large : ErrorCode::corrupt, fault.detail);
    return false;
  }
  if (step != HttpParser::Step::end) return true;
  if (head_.status < 200 && head_.status != 101 && ++interim_ <= kMostInterim) {
    parser_.limit_body(call_.max_response_bytes);
    return true;
  }
  if (head_.status < 200) {
    fail_with(ErrorCode::corrupt, "no final answer");
    return false;
  }
  on_complete();
  return false;
}

bool HttpExchange::take_body(std::string_view piece) {
  const bool large = blobs_ != nullptr && call_.blob_above && body_.size() + piece.size() > *call_.blob_above;
  if (!spool_ && !large) {
    body_.append(piece);
    return true;
  }
  if (!spool_) {
    spool_ = std::make_unique<BodySpool>(*blobs_, loop_, *this, call_.max_response_bytes);
    if (!body_.empty() && !spool_->append(std::exchange(body_, {}))) return false;
  }
  if (!spool_->append(piece)) return false;
  paused_ = spool_->congested();
  return true;
}

void HttpExchange::on_spool_drained() {
  if (stage_ != Stage::answer || !std::exchange(paused_, false)) return;
  bufferevent_enable(bev_, EV_READ);
  read_input();
  if (!paused_ && stage_ == Stage::answer && end_seen_) on_end_of_input(*end_seen_);
}

void HttpExchange::on_spooled(Expected<SpooledBlob> blob) {
  if (stage_ != Stage::storing) return;
  if (!blob) return fail_with(blob.error().code, blob.error().text);
  HttpResponse response;
  response.status = head_.status;
  response.headers = std::move(head_.headers);
  response.blob = HttpBlobBody{blob->take()};
  finish(std::move(response));
}

// The connection goes on if both sides have said all and want it.
void HttpExchange::keep_or_drop_connection() {
  const bool quiet =
      evbuffer_get_length(bufferevent_get_input(bev_)) == 0 && evbuffer_get_length(bufferevent_get_output(bev_)) == 0;
  if (head_.keep_alive && !head_.until_close && quiet && !end_seen_)
    pool_.give(pool_key(url_, call_), std::exchange(bev_, nullptr), public_address_);
  drop_connection();
}

void HttpExchange::on_complete() {
  keep_or_drop_connection();
  if (spool_) {
    stage_ = Stage::storing;
    return spool_->finish();
  }
  HttpResponse response;
  response.status = head_.status;
  response.headers = std::move(head_.headers);
  response.body = std::move(body_);
  finish(std::move(response));
}

// An answer that ends with its connection may have been cut short: over TLS only the peer's own goodbye proves that it was not.
void HttpExchange::on_end_of_input(bool clean) {
  if (clean && parser_.ends_with_close()) return on_complete();
  if (may_try_again()) {
    kept_ = false;
    drop_connection();
    return look_up();
  }
  fail_with(ErrorCode::unavailable,
            parser_.idle() && head_.status == 0 ? "the server closed without an answer" : "the answer was cut short");
}

// ---- the end

void HttpExchange::fail_with(ErrorCode code, const std::string& text) { finish(fail(code, url_.authority() + ": " + text)); }

void HttpExchange::finish(Expected<HttpResponse> result) {
  if (stage_ == Stage::done) return;
  stage_ = Stage::done;
  drop_connection();
  const auto done = std::move(done_);
  done(std::move(result));
}

void HttpExchange::drop_connection() noexcept {
  if (bev_ != nullptr) bufferevent_free(std::exchange(bev_, nullptr));
}

}  // namespace herald::io
