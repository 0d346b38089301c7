// One HTTP request of ours: on a connection that was kept, or look up, check, connect, TLS; then write, read.
// Thread: the I/O loop. `done` is called once, perhaps from inside start(); after it the owner destroys the exchange, but not
// before the call stack has unwound. Deadlines are the owner's: it destroys the exchange when one has passed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "herald/deadline.h"
#include "herald/http_client.h"
#include "io/http_client_url.h"
#include "io/http_connection_pool.h"
#include "io/http_parser.h"
#include "io/http_spool.h"
#include "io/name_lookup.h"
#include "io/tls_client.h"

struct bufferevent;

namespace herald::io {

class HttpExchange final : public BodySpoolOwner {
 public:
  using Done = std::function<void(Expected<HttpResponse>)>;

  struct Means {
    IoLoop& loop;
    NameLookup& names;
    HttpConnectionPool& pool;
    BlobStore* blobs;  // null: bodies stay in memory
  };
  // `tls`: for https.
  HttpExchange(Means means, HttpCall call, HttpUrl url, std::shared_ptr<const TlsClient> tls, Deadline deadline, Done done);
  ~HttpExchange() override;
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  void start();
  // What it is waiting for, for the text of a time-out.
  [[nodiscard]] std::string_view stage() const noexcept;

 private:
  enum class Stage { lookup, connect, answer, storing, done };

  void look_up();
  bool use_kept_connection();
  void watch_connection();
  void send_request();
  void on_addresses(Expected<std::vector<NetAddress>> addresses);
  void try_next();
  bool connect_to(const NetAddress& address);
  bool open_socket();
  void on_event(short what);
  void on_connected();
  void on_connect_failed(std::string why);
  void on_readable();
  void read_input();
  bool take(HttpParser::Step step);  // false: the exchange is done
  bool take_body(std::string_view piece);
  void on_spool_drained() override;
  void on_spooled(Expected<SpooledBlob> blob) override;
  void on_complete();
  void on_end_of_input(bool clean);
  [[nodiscard]] bool may_try_again() const;
  void keep_or_drop_connection();
  void finish(Expected<HttpResponse> result);
  void fail_with(ErrorCode code, const std::string& text);
  void drop_connection() noexcept;
  [[nodiscard]] std::string request_text() const;

  IoLoop& loop_;
  NameLookup& names_;
  HttpConnectionPool& pool_;
  BlobStore* blobs_;
  HttpCall call_;
  HttpUrl url_;
  std::shared_ptr<const TlsClient> tls_;
  Deadline deadline_;
  Done done_;
  Stage stage_ = Stage::lookup;
  std::uint64_t lookup_ = 0;
  std::vector<NetAddress> addresses_;
  std::size_t next_address_ = 0;
  std::string connect_failure_;
  bool inside_connect_ = false;
  bool failed_inside_ = false;
  TimerId connect_timer_;
  bufferevent* bev_ = nullptr;
  bool kept_ = false;            // bev_ has served another request before
  bool public_address_ = false;  // it leads to one
  std::size_t request_bytes_ = 0;
  HttpLimits limits_;
  HttpParser parser_;
  RequestHead head_;
  unsigned interim_ = 0;
  std::string body_;
  std::unique_ptr<BodySpool> spool_;
  bool paused_ = false;           // the disk is behind
  std::optional<bool> end_seen_;  // while paused: the connection has ended, cleanly or not
};

}  // namespace herald::io
