// The answers of a connection: text, a part of a file, a stream.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "herald/log.h"
#include "io/http_connection.h"

namespace herald::io {
namespace {

constexpr std::size_t kTlsAhead = 128 * 1024;  // of a file, waiting to be encrypted

bool has_field(const HttpResponse& response, std::string_view name) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [&](const HttpField& field) { return equals_ignoring_case(field.name, name); });
}

HttpResponse refusal(int status, std::string_view detail) { return HttpResponse::problem(status, reason_phrase(status), detail); }

std::string chunk(std::string_view bytes) {
  std::array<char, 20> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  std::string out(size.data(), end);
  return out.append("\r\n").append(bytes).append("\r\n");
}

}  // namespace

bool HttpConnection::answer(std::uint64_t serial, HttpResponse response, std::shared_ptr<HttpStream>* stream) {
  if (state_ != State::waiting || serial != serial_) return false;
  // A handler may ask for the end of the connection with "Connection: close".
  for (const auto& field : response.headers)
    if (equals_ignoring_case(field.name, "connection") && list_has(field.value, "close")) keep_alive_ = false;
  if (host_.draining()) keep_alive_ = false;
  if (stream != nullptr)
    send_stream(response, *stream);
  else if (response.blob)
    send_blob(std::move(response));
  else
    send(response);
  if (state_ == State::reading) process_input();  // pipelined requests
  return true;
}

void HttpConnection::refuse(int status, std::string_view detail, HttpDrop reason) {
  host_.dropped(reason);
  log::info("HTTP request refused", {{"peer", peer_.address}, {"status", status}, {"reason", detail}});
  keep_alive_ = false;
  unread_input_ = true;
  send(refusal(status, detail));
}

// Ends the request: what it held goes.
std::string HttpConnection::head_text(const HttpResponse& response, BodyFraming body, std::uint64_t length) {
  host_.answered(response.status);
  ResponseFraming framing;
  framing.head_only = head_seen_ && head_only_;
  framing.minor = head_seen_ ? minor_ : 1;
  framing.keep_alive = keep_alive_;
  framing.date = host_.date();
  framing.body = body;
  framing.content_length = length;
  release_body();
  head_seen_ = false;
  return write_response(response, framing);
}

void HttpConnection::send(const HttpResponse& response) {
  if (!push(head_text(response, BodyFraming::text), false)) return;
  const auto waits = output_bytes();
  if (waits == 0) return after_send();
  state_ = State::writing;
  limit_time(time_for(host_.limits().write_timeout, waits));
}

bool HttpConnection::push(std::string_view bytes, bool more) {
  // Straight into the socket when nothing is queued: it saves libevent a round through epoll.
  if (!peer_.tls && output_bytes() == 0) {
    const auto sent =
        ::send(bufferevent_getfd(bev_), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      client_gone();
      return false;
    }
  }
  if (!bytes.empty()) bufferevent_write(bev_, bytes.data(), bytes.size());
  return true;
}

std::size_t HttpConnection::output_bytes() const { return evbuffer_get_length(bufferevent_get_output(bev_)); }

void HttpConnection::client_gone() {
  host_.dropped(HttpDrop::client_gone);
  log::info("HTTP client went before its answer", {{"peer", peer_.address}});
  close();
}

void HttpConnection::on_drained() {
  if (output_bytes() > 0) return;
  if (state_ == State::streaming) {
    account_stream();
    return no_time_limit();
  }
  if (state_ != State::writing) return;
  if (file_)
    pump_file();
  else
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
  hold_input(false);
  limit_time(host_.limits().linger_timeout);
}

// ---- files

void HttpConnection::send_blob(HttpResponse response) {
  const auto blob = std::move(response.blob->blob);
  response.blob.reset();
  response.body.clear();
  auto etag = '"' + blob.sha256 + '"';
  for (const auto& field : response.headers)
    if (equals_ignoring_case(field.name, "etag")) etag = field.value;
  if (!has_field(response, "etag")) response.headers.push_back(HttpField{"ETag", etag});
  response.headers.push_back(HttpField{"Accept-Ranges", "bytes"});

  HttpPart part{response.status, 0, blob.size};
  if (response.status == 200) part = choose_part(conditions_, head_only_, etag, blob.size);
  if (part.status == 412) return send(refusal(412, "the content is another one"));
  if (part.status == 416) {
    auto refused = refusal(416, "the content ends before that range");
    refused.headers.push_back(HttpField{"Content-Range", "bytes */" + std::to_string(blob.size)});
    return send(refused);
  }
  response.status = part.status;
  if (part.status == 206)
    response.headers.push_back(HttpField{"Content-Range", "bytes " + std::to_string(part.offset) + "-" +
                                                              std::to_string(part.offset + part.length - 1) + "/" +
                                                              std::to_string(blob.size)});
  // Opened for a HEAD too: it says what a GET would.
  const auto file = host_.blobs() != nullptr ? host_.blobs()->open(blob.id)
                                             : Expected<int>(fail(ErrorCode::unavailable, "this server has no blobs"));
  struct stat info {};
  if (!file || ::fstat(*file, &info) != 0 || static_cast<std::uint64_t>(info.st_size) < blob.size) {
    const bool gone = !file && file.error().code == ErrorCode::not_found;
    if (file) ::close(*file);
    host_.dropped(HttpDrop::blob_missing);
    log::warn("a blob could not be served", {{"blob", blob.id}, {"cause", file ? "it is cut short" : file.error().text}});
    return send(gone ? refusal(404, "the content is not there any more")
                     : busy_response("the content cannot be read at the moment", host_.limits().retry_after));
  }
  if (head_only_ || part.status == 304 || part.length == 0) {
    ::close(*file);
    const auto text = head_text(response, BodyFraming::length, part.length);
    if (!push(text, false)) return;
    if (output_bytes() == 0) return after_send();
    state_ = State::writing;
    return limit_time(host_.limits().write_timeout);
  }
  file_ = std::make_unique<HttpFileBody>(*file, part.offset, part.length);
  file_bytes_ = part.length;
  file_begun_ = host_.loop().clock().now();
  const auto text = head_text(response, BodyFraming::length, part.length);
  state_ = State::writing;
  limit_time(host_.limits().write_timeout);
  if (push(text, true)) pump_file();
}

void HttpConnection::pump_file() {
  if (peer_.tls) return pump_file_through_tls();
  if (output_bytes() > 0) return;  // the head first
  switch (file_->send_to(bufferevent_getfd(bev_))) {
    case HttpFileBody::Sent::all:
      file_.reset();
      return after_send();
    case HttpFileBody::Sent::some:
    case HttpFileBody::Sent::blocked:
      return await_writable();
    case HttpFileBody::Sent::failed:
      return client_gone();
  }
}

void HttpConnection::pump_file_through_tls() {
  while (file_->left() > 0 && output_bytes() < kTlsAhead) {
    const auto piece = file_->read_piece();
    if (!piece) {
      host_.dropped(HttpDrop::blob_missing);
      log::warn("a blob ended amid its answer", {{"cause", piece.error().text}});
      return close();
    }
    bufferevent_write(bev_, piece->data(), piece->size());
  }
  if (file_->left() > 0 || output_bytes() > 0) return;
  file_.reset();
  after_send();
}

// The event is freed before the connection goes, so `self` is alive in it.
void HttpConnection::await_writable() {
  if (!writable_)
    writable_.reset(event_new(
        host_.loop().base(), bufferevent_getfd(bev_), EV_WRITE,
        [](evutil_socket_t, short, void* self) noexcept {
          auto& connection = *static_cast<HttpConnection*>(self);
          if (connection.state_ != State::writing || !connection.file_) return;
          connection.pump_file();
          if (connection.state_ == State::reading) connection.process_input();
        },
        this));
  if (!writable_ || event_add(writable_.get(), nullptr) != 0) close();
}

// ---- streams

void HttpConnection::send_stream(const HttpResponse& response, std::shared_ptr<HttpStream>& stream) {
  const bool head_only = head_only_;
  if (!head_only && !host_.stream_begins()) {
    host_.dropped(HttpDrop::streams_limit);
    return send(busy_response("too many streams", host_.limits().retry_after));
  }
  stream_chunked_ = minor_ >= 1;
  if (!stream_chunked_) keep_alive_ = false;
  const auto text = head_text(response, stream_chunked_ ? BodyFraming::chunked : BodyFraming::until_close);
  if (!head_only) {
    stream_ = std::make_shared<HttpStreamPipe>(host_.loop(), *this, host_.limits().max_stream_bytes);
    stream_given_ = 0;
    stream = HttpStreamPipe::handle(stream_);
    state_ = State::streaming;
    no_time_limit();
  }
  if (!push(text, false)) return;
  if (output_bytes() > 0) {
    if (head_only) state_ = State::writing;
    return limit_time(host_.limits().write_timeout);
  }
  if (head_only) after_send();
}

void HttpConnection::account_stream() {
  const auto waits = std::min(output_bytes(), stream_given_);
  stream_->taken(stream_given_ - waits);
  stream_given_ = waits;
}

void HttpConnection::on_stream(std::string bytes, bool ended) {
  if (state_ != State::streaming) return;
  account_stream();
  const bool was_empty = output_bytes() == 0;
  std::string text;
  if (!bytes.empty()) text = stream_chunked_ ? chunk(bytes) : std::move(bytes);
  stream_given_ += text.size();
  if (ended && stream_chunked_) text += "0\r\n\r\n";
  if (!push(text, false)) return;
  account_stream();
  const auto waits = output_bytes();
  if (!ended) {
    if (waits > 0 && was_empty) limit_time(host_.limits().write_timeout);
    return;
  }
  close_stream();
  if (waits > 0) {
    state_ = State::writing;
    return limit_time(time_for(host_.limits().write_timeout, waits));
  }
  after_send();
  if (state_ == State::reading) process_input();
}

void HttpConnection::on_stream_overflow() {
  if (state_ != State::streaming) return;
  host_.dropped(HttpDrop::slow_reader);
  log::info("HTTP client does not read its stream", {{"peer", peer_.address}});
  close();
}

void HttpConnection::close_stream() {
  if (!stream_) return;
  std::exchange(stream_, nullptr)->cut();
  host_.stream_ends();
}

}  // namespace herald::io
