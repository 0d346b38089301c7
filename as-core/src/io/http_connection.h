// One client: bytes -> requests, one at a time (pipelined ones wait their turn), answers -> bytes, and every time limit.
// Large request bodies go to a blob while they arrive; answers may be text, a part of a blob's file, or a stream.
// Thread: only on the I/O loop. Owned by the server; ends itself through ConnectionHost::closed().
#pragma once

#include <memory>
#include <string>

#include "base/handle_table.h"
#include "herald/http.h"
#include "io/http_file_body.h"
#include "io/http_parser.h"
#include "io/http_range.h"
#include "io/http_spool.h"
#include "io/http_stream.h"
#include "io/io_loop.h"
#include "io/response_writer.h"

struct bufferevent;
struct event;

namespace herald::io {

class HttpConnection;

// Why something was dropped or refused: label `reason` of herald_http_dropped_total.
enum class HttpDrop : unsigned {
  malformed,
  truncated,
  too_large,
  slow_header,
  slow_body,
  slow_reader,
  idle,
  tls,
  client_gone,
  handler_silent,
  late_answer,
  mailbox_full,
  requests_limit,
  buffer_limit,
  connections_limit,
  spool_refused,
  streams_limit,
  blob_missing,
  count_,
};
[[nodiscard]] std::string_view to_string(HttpDrop reason) noexcept;

// What the route of a request says about its body.
struct BodyRules {
  std::uint64_t max_body = 0;
  std::optional<std::size_t> spool_above;
};

class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  [[nodiscard]] virtual const HttpLimits& limits() const noexcept = 0;
  [[nodiscard]] virtual IoLoop& loop() noexcept = 0;
  [[nodiscard]] virtual std::string_view date() = 0;
  [[nodiscard]] virtual bool draining() const noexcept = 0;
  // The head of a request that expects 100-continue: an answer refuses it before the body is sent.
  virtual std::optional<HttpResponse> refuse_early(const RequestHead& head) = 0;
  // Asked when a head announces a body.
  [[nodiscard]] virtual BodyRules body_rules(const RequestHead& head) = 0;
  // Null: nothing is spooled, and no blob is served.
  [[nodiscard]] virtual BlobStore* blobs() noexcept = 0;
  // A whole request. Answered by connection.answer(serial, …), at once or later.
  virtual void request(HttpConnection& connection, std::uint64_t serial, RequestHead head, std::string body,
                       SpooledBlob blob) = 0;
  // One more response that goes on; false: there are too many.
  virtual bool stream_begins() noexcept = 0;
  virtual void stream_ends() noexcept = 0;
  // Asks for room for body bytes (negative: gives back). False: all connections together hold too much.
  virtual bool reserve(std::ptrdiff_t bytes) noexcept = 0;
  virtual void dropped(HttpDrop reason) noexcept = 0;
  virtual void answered(int status) noexcept = 0;
  // The connection has closed itself; destroy it, but not before this call stack has unwound.
  virtual void closed(Handle id) = 0;
};

struct HttpPeer {
  std::string address;
  std::string certificate_name;  // known after the handshake
  bool tls = false;
};

class HttpConnection final : public BodySpoolOwner, public HttpStreamSink {
 public:
  // Owns `bev` from here on.
  HttpConnection(ConnectionHost& host, bufferevent* bev, HttpPeer peer);
  ~HttpConnection() override;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void start(Handle id);
  // False when nobody waits for this answer any more (client gone, or answered by a time-out). With `stream` the body is
  // written through what is left there; nothing when the request is a HEAD or there are too many streams.
  bool answer(std::uint64_t serial, HttpResponse response, std::shared_ptr<HttpStream>* stream = nullptr);
  // Ends now if between requests, else after the answer.
  void drain();

  [[nodiscard]] Handle id() const noexcept { return id_; }
  [[nodiscard]] const HttpPeer& peer() const noexcept { return peer_; }

 private:
  enum class State {
    reading,    // a request, or waiting for one
    paused,     // amid a body: the disk is behind
    storing,    // the body is complete and becomes a blob
    waiting,    // for the handler's answer; input stays where it is
    writing,    // an answer that did not fit into the socket's buffer
    streaming,  // an answer that goes on
    lingering,  // everything is said; what the client still sends is thrown away, so that it can read the answer
    closed,
  };

  void on_readable();
  void on_drained();
  void on_event(short what);
  void on_end_of_input();
  void on_timeout();

  void process_input();
  void hold_input(bool hold);
  void on_head();
  void on_body();
  void on_end_of_body();
  bool spool(std::string_view piece);
  void refuse_spool(const Error& why);
  void hand_over(SpooledBlob blob);
  void on_spool_drained() override;
  void on_spooled(Expected<SpooledBlob> blob) override;
  void refuse(int status, std::string_view detail, HttpDrop reason);
  // Output, http_connection_output.cpp. Each leaves the state at reading, writing, streaming, lingering or closed.
  void send(const HttpResponse& response);
  void send_blob(HttpResponse response);
  void send_file(int file, const HttpPart& part);
  void send_stream(const HttpResponse& response, std::shared_ptr<HttpStream>& stream);
  void on_stream(std::string bytes, bool ended) override;
  void on_stream_overflow() override;
  [[nodiscard]] std::string head_text(const HttpResponse& response, BodyFraming body, std::uint64_t length = 0);
  bool push(std::string_view bytes, bool more);  // false: the client has gone
  void pump_file();
  void pump_file_through_tls();
  void await_writable();
  void client_gone();
  void close_stream();
  void account_stream();
  [[nodiscard]] std::size_t output_bytes() const;
  void after_send();
  void begin_lingering();
  void close();

  void limit_time(Duration span);
  void no_time_limit() noexcept { deadline_ = TimePoint::max(); }
  [[nodiscard]] TimePoint file_due() const;
  void arm_timer();
  [[nodiscard]] Duration time_for(Duration base, std::size_t bytes) const;
  void release_body();

  ConnectionHost& host_;
  bufferevent* bev_;
  HttpPeer peer_;
  Handle id_;
  State state_ = State::reading;
  HttpParser parser_;
  RequestHead head_;
  std::string body_;
  std::size_t reserved_ = 0;
  std::uint64_t received_ = 0;  // of the body
  TimePoint body_begun_{};
  TimePoint paused_since_{};
  BodyRules body_rules_;
  std::unique_ptr<BodySpool> spool_;
  HttpConditions conditions_;           // of the request in progress
  std::unique_ptr<HttpFileBody> file_;  // that is being sent
  std::uint64_t file_bytes_ = 0;
  TimePoint file_begun_{};
  struct FreeEvent {
    void operator()(event* e) const noexcept;
  };
  std::unique_ptr<event, FreeEvent> writable_;
  std::shared_ptr<HttpStreamPipe> stream_;
  std::size_t stream_given_ = 0;  // bytes of it in the output buffer
  bool stream_chunked_ = true;
  std::uint64_t serial_ = 0;    // of the request in progress
  bool head_seen_ = false;      // the request in progress has a complete head
  bool head_only_ = false;      // it is HEAD
  int minor_ = 1;               // its HTTP/1.minor
  bool processing_ = false;     // process_input() is on the stack
  bool input_held_ = false;     // nothing is read: the buffer is full
  bool keep_alive_ = true;      // after the answer in progress
  bool unread_input_ = false;   // closing while the client may still be sending
  bool peer_finished_ = false;  // it has closed its sending side
  bool handshaking_ = false;
  std::size_t discarded_ = 0;
  TimePoint deadline_ = TimePoint::max();
  TimePoint armed_for_ = TimePoint::max();
  TimerId timer_;
};

}  // namespace herald::io
