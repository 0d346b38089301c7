// One HTTP request of ours on a connection of its own: look up, check, connect, TLS, write, read.
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
#include "io/http_parser.h"
#include "io/name_lookup.h"
#include "io/tls_client.h"

struct bufferevent;

namespace herald::io {

class HttpExchange {
 public:
  using Done = std::function<void(Expected<HttpResponse>)>;

  // `tls`: for https.
  HttpExchange(IoLoop& loop, NameLookup& names, HttpCall call, HttpUrl url, std::shared_ptr<const TlsClient> tls,
               Deadline deadline, Done done);
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  void start();
  // What it is waiting for, for the text of a time-out.
  [[nodiscard]] std::string_view stage() const noexcept;

 private:
  enum class Stage { lookup, connect, answer, done };

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
  void on_head();
  void on_end_of_input(bool clean);
  void finish(Expected<HttpResponse> result);
  void fail_with(ErrorCode code, const std::string& text);
  void drop_connection() noexcept;
  [[nodiscard]] std::string request_text() const;

  IoLoop& loop_;
  NameLookup& names_;
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
  HttpLimits limits_;
  HttpParser parser_;
  RequestHead head_;
  unsigned interim_ = 0;
  std::string body_;
};

}  // namespace herald::io
