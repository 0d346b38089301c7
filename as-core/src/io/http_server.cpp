#include "io/http_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <limits>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/http_dispatch.h"
#include "io/http_log_catalog.h"
#include "io/http_metrics.h"
#include "io/log_pace.h"
#include "io/response_writer.h"
#include "io/route_table.h"

namespace herald::io {
namespace {

constexpr std::array<std::string_view, 7> kMethods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
constexpr auto kNoSpecialBody = std::numeric_limits<std::uint64_t>::max();
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // after running out of descriptors

HttpResponse refusal(int status, std::string_view detail) { return HttpResponse::problem(status, reason_phrase(status), detail); }

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

const std::string* field_of(const RequestHead& head, std::string_view name) noexcept {
  for (const auto& field : head.headers)
    if (equals_ignoring_case(field.name, name)) return &field.value;
  return nullptr;
}

}  // namespace

class HttpServer::Impl final : public ConnectionHost, public IoLoop::RoundEnd {
 public:
  Impl(IoLoop& loop, HttpServerSettings settings)
      : loop_(loop),
        settings_(std::move(settings)),
        metrics_(settings_.name),
        box_(std::make_shared<AnswerBox>(loop, [this](HttpAnswer answer) { on_answer(std::move(answer)); })),
        dispatch_([this](std::size_t count) { on_mailbox_full(count); }) {
    metrics_.connections_limit.set(static_cast<double>(settings_.limits.max_connections));
    metrics_.in_flight_limit.set(static_cast<double>(settings_.limits.max_in_flight));
    metrics_.streams_limit.set(static_cast<double>(settings_.limits.max_streams));
    loop_.add_round_end(*this);
  }

  ~Impl() override {
    loop_.remove_round_end(*this);
    loop_.timers().cancel(accept_again_);
    listeners_.clear();
    box_->close();
    graveyard_.clear();
    connections_.for_each([](std::unique_ptr<HttpConnection>& connection) { connection.reset(); });
    metrics_.connections.set(0);
    metrics_.in_flight.set(0);
    metrics_.streams.set(0);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  HttpRoutes& routes(Executor& executor) {
    std::lock_guard lock(views_mutex_);
    auto& view = views_[&executor];
    if (!view) view = std::make_unique<View>(*this, executor);
    return *view;
  }

  Expected<HttpEndpoint> listen(std::string_view address, std::shared_ptr<const TlsContext> tls) {
    auto bound = listen_tcp(address);
    if (!bound) return fail(std::move(bound.error()));
    auto listener = std::make_unique<Listener>(*this, std::move(tls));
    if (auto started = listener->start(loop_, bound->socket.release()); !started) return fail(std::move(started.error()));
    listeners_.push_back(std::move(listener));
    return bound->endpoint;
  }

  Expected<HttpEndpoint> listen_unix(const std::string& path, mode_t mode) {
    auto bound = UnixListener::bind(path, mode);
    if (!bound) return fail(std::move(bound.error()));
    auto listener = std::make_unique<Listener>(*this, nullptr);
    listener->file = std::make_unique<UnixListener>(std::move(*bound));
    if (auto started = listener->start(loop_, listener->file->release_socket()); !started)
      return fail(std::move(started.error()));
    listeners_.push_back(std::move(listener));
    return HttpEndpoint{path, 0};
  }

  void drain() {
    draining_ = true;
    listeners_.clear();
    std::vector<HttpConnection*> open;  // drain() takes connections out of the table
    connections_.for_each([&](std::unique_ptr<HttpConnection>& connection) { open.push_back(connection.get()); });
    for (auto* connection : open) connection->drain();
  }

  [[nodiscard]] std::size_t connections() const noexcept { return open_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_.load(std::memory_order_relaxed); }

  // ConnectionHost
  [[nodiscard]] const HttpLimits& limits() const noexcept override { return settings_.limits; }
  [[nodiscard]] IoLoop& loop() noexcept override { return loop_; }
  [[nodiscard]] bool draining() const noexcept override { return draining_; }
  void dropped(HttpDrop reason) noexcept override { metrics_.dropped(reason); }
  void answered(int status) noexcept override { metrics_.answered(status); }

  [[nodiscard]] std::string_view date() override {
    const auto now = loop_.clock().wall();
    if (date_.empty() || std::chrono::floor<std::chrono::seconds>(now) != date_second_) {
      date_second_ = std::chrono::floor<std::chrono::seconds>(now);
      date_ = imf_fixdate(now);
    }
    return date_;
  }

  bool reserve(std::ptrdiff_t bytes) noexcept override {
    if (bytes > 0 && buffered_ + static_cast<std::size_t>(bytes) > settings_.limits.max_buffered_bytes) {
      note(http_events::kTooManyRequests, requests_pace_);
      return false;
    }
    buffered_ += static_cast<std::size_t>(bytes);  // a negative number wraps to the right difference
    return true;
  }

  void closed(Handle id) override {
    graveyard_.push_back(connections_.take(id));
    count_connections();
  }

  std::optional<HttpResponse> refuse_early(const RequestHead& head) override {
    auto target = parse_target(head.target, settings_.limits.max_query_parameters);
    if (!target) return refusal(400, target.error().text);
    RouteTable::Match match;
    return refuse(head, *target, match, true);
  }

  BodyRules body_rules(const RequestHead& head) override {
    const BodyRules usual{settings_.limits.max_body_bytes, std::nullopt};
    if (!head.chunked && head.content_length <= special_bodies_.load(std::memory_order_relaxed)) return usual;
    const auto target = parse_target(head.target, settings_.limits.max_query_parameters);
    if (!target || target->asterisk) return usual;
    const auto match = table_.find(head.method, *target, true);
    if (match.kind != RouteTable::Match::Kind::found) return usual;
    BodyRules rules{match.options.max_body.value_or(usual.max_body), match.options.spool_above};
    if (settings_.blobs != nullptr) return rules;
    return BodyRules{std::min(rules.max_body, usual.max_body), std::nullopt};  // what memory is meant to hold
  }

  BlobStore* blobs() noexcept override { return settings_.blobs; }

  bool stream_begins() noexcept override {
    if (streams_ >= settings_.limits.max_streams) return false;
    metrics_.streams.set(static_cast<double>(++streams_));
    return true;
  }
  void stream_ends() noexcept override { metrics_.streams.set(static_cast<double>(--streams_)); }

  void request(HttpConnection& connection, std::uint64_t serial, RequestHead head, std::string body, SpooledBlob blob) override {
    auto target = parse_target(head.target, settings_.limits.max_query_parameters);
    if (!target) {
      dropped(HttpDrop::malformed);
      connection.answer(serial, refusal(400, target.error().text));
      return;
    }
    RouteTable::Match match;
    if (auto answer = refuse(head, *target, match)) {
      connection.answer(serial, std::move(*answer));
      return;
    }
    if (in_flight() >= settings_.limits.max_in_flight) {
      dropped(HttpDrop::requests_limit);
      note(http_events::kTooManyRequests, requests_pace_);
      connection.answer(serial, busy_response("too many requests in progress", settings_.limits.retry_after));
      return;
    }
    HttpRequest request;
    request.method = std::move(head.method);
    request.path = std::move(target->path);
    request.query = std::move(target->query);
    request.path_parameters = std::move(match.parameters);
    request.headers = std::move(head.headers);
    request.body = std::move(body);
    request.peer = connection.peer().address;
    request.client_certificate_name = connection.peer().certificate_name;
    if (const auto parent = request.header("traceparent"))
      if (auto trace = TraceId::from_traceparent(*parent)) request.trace = std::move(*trace);
    count_in_flight(+1);
    dispatch_.add(*match.executor, HandlerCall{std::move(match.handler), std::move(match.pattern), std::move(request),
                                               AnswerDuty(box_, connection.id(), serial), std::move(blob)});
  }

  // IoLoop::RoundEnd
  void round_end() override {
    dispatch_.flush();
    graveyard_.clear();
  }

 private:
  class View final : public HttpRoutes {
   public:
    View(Impl& server, Executor& executor) : server_(server), executor_(executor) {}
    void add(std::string_view method, std::string_view pattern, HttpHandler handler, HttpRouteOptions options) override {
      const auto from =
          std::min(options.max_body.value_or(kNoSpecialBody), std::uint64_t{options.spool_above.value_or(kNoSpecialBody)});
      auto known = server_.special_bodies_.load();
      while (from < known && !server_.special_bodies_.compare_exchange_weak(known, from)) {
      }
      server_.table_.add(method, pattern, executor_, std::move(handler), options);
    }

   private:
    Impl& server_;
    Executor& executor_;
  };

  // Frees libevent's listener before anything its callbacks use: `this` is alive in each of them.
  struct Listener {
    Listener(Impl& owner, std::shared_ptr<const TlsContext> context) : server(owner), tls(std::move(context)) {}
    ~Listener() {
      if (handle) evconnlistener_free(handle);
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    Expected<void> start(IoLoop& loop, int fd) {
      handle = evconnlistener_new(
          loop.base(),
          [](evconnlistener*, evutil_socket_t client, sockaddr* address, int, void* self) noexcept {
            auto& listener = *static_cast<Listener*>(self);
            listener.server.on_accept(client, address, listener);
          },
          this, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
      if (!handle) {
        ::close(fd);
        return fail(ErrorCode::unavailable, "libevent cannot watch a listening socket");
      }
      evconnlistener_set_error_cb(
          handle, [](evconnlistener*, void* self) noexcept { static_cast<Listener*>(self)->server.on_accept_failure(); });
      return {};
    }

    Impl& server;
    std::shared_ptr<const TlsContext> tls;
    std::unique_ptr<UnixListener> file;
    evconnlistener* handle = nullptr;
  };

  // Everything that can be said without the handler. Fills `match` otherwise.
  std::optional<HttpResponse> refuse(const RequestHead& head, const Target& target, RouteTable::Match& match,
                                     bool look_only = false) {
    if (std::find(kMethods.begin(), kMethods.end(), head.method) == kMethods.end() && !table_.knows_method(head.method))
      return refusal(501, "method is not known");
    if (target.asterisk) {
      if (head.method != "OPTIONS") return refusal(400, "* is only for OPTIONS");
      return allow(204, {kMethods.begin(), kMethods.end()});
    }
    match = table_.find(head.method, target, look_only);
    if (match.kind == RouteTable::Match::Kind::no_such_path) return refusal(404, "there is nothing at this path");
    if (match.kind == RouteTable::Match::Kind::no_such_method) return allow(head.method == "OPTIONS" ? 204 : 405, match.allowed);
    if (const auto* coding = field_of(head, "content-encoding"); coding && !equals_ignoring_case(*coding, "identity")) {
      auto response = refusal(415, "bodies are taken without content coding only");
      response.headers.push_back(HttpField{"Accept-Encoding", "identity"});
      return response;
    }
    return std::nullopt;
  }

  static HttpResponse allow(int status, const std::vector<std::string>& methods) {
    auto response = status == 204 ? HttpResponse{} : refusal(status, "this path does not offer the method");
    response.status = status;
    response.headers.push_back(HttpField{"Allow", joined(methods)});
    return response;
  }

  void on_accept(int fd, const sockaddr* address, const Listener& listener) {
    if (connections_.size() >= settings_.limits.max_connections) {
      dropped(HttpDrop::connections_limit);
      note(http_events::kTooManyConnections, connections_pace_);
      if (!listener.tls) {
        const auto text = write_response(busy_response("too many connections", settings_.limits.retry_after),
                                         ResponseFraming{.keep_alive = false, .date = date()});
        [[maybe_unused]] const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      }
      ::close(fd);
      return;
    }
    const int on = 1;
    if (!listener.file) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto* bev = make_bufferevent(fd, listener.tls.get());
    if (!bev) {
      ::close(fd);
      return on_accept_failure();
    }
    HttpPeer peer{listener.file ? "unix" : address_text(address), {}, listener.tls != nullptr};
    auto connection = std::make_unique<HttpConnection>(*this, bev, std::move(peer));
    auto& accepted = *connection;
    accepted.start(connections_.insert(std::move(connection)));
    count_connections();
  }

  bufferevent* make_bufferevent(int fd, const TlsContext* tls) {
    if (!tls) return bufferevent_socket_new(loop_.base(), fd, BEV_OPT_CLOSE_ON_FREE);
    auto* ssl = SSL_new(tls->get());
    if (!ssl) return nullptr;
    auto* bev = bufferevent_openssl_socket_new(loop_.base(), fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
      SSL_free(ssl);
      return nullptr;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);  // many clients end without close_notify; our framing does not need it
    return bev;
  }

  void on_accept_failure() {
    if (errno == ECONNABORTED || errno == EINTR || accept_again_) return;
    log::event(http_events::kCannotAccept, {{"server", settings_.name}, {"cause", errno}});
    for (auto& listener : listeners_) evconnlistener_disable(listener->handle);
    accept_again_ = loop_.timers().start_at(loop_.clock().now() + kAcceptPause, [this] {
      accept_again_ = {};
      for (auto& listener : listeners_) evconnlistener_enable(listener->handle);
    });
  }

  void on_answer(HttpAnswer answer) {
    count_in_flight(-1);
    auto* connection = connections_.find(answer.connection);
    // The body of a stream is written by a call that comes after the head; whatever became of the client, it is called.
    auto open = std::exchange(answer.response.stream, nullptr);
    std::shared_ptr<HttpStream> stream;
    const bool taken = connection && (*connection)->answer(answer.serial, std::move(answer.response), open ? &stream : nullptr);
    if (open && answer.executor != nullptr)
      answer.executor->complete([open = std::move(open), stream = stream ? std::move(stream) : HttpStreamPipe::dead()]() mutable {
        run_stream(open, std::move(stream));
      });
    if (taken) return;
    dropped(HttpDrop::late_answer);
    log::info("an HTTP answer was dropped: nobody waits for it any more", {{"server", settings_.name}});
  }

  static void run_stream(const std::function<void(std::shared_ptr<HttpStream>)>& open, std::shared_ptr<HttpStream> stream) {
    try {
      open(std::move(stream));
    } catch (const std::exception& error) {
      log::event(http_events::kHandlerFailed, {{"route", "a stream"}, {"exception", error.what()}});
    }
  }

  void on_mailbox_full(std::size_t count) {
    metrics_.dropped(HttpDrop::mailbox_full, static_cast<double>(count));
    note(http_events::kShardBusy, mailbox_pace_);
  }

  void note(const log::OperatorEvent& event, LogPace& pace) noexcept {
    if (pace.pass(loop_.clock().now())) log::event(event, {{"server", settings_.name}, {"suppressed", pace.suppressed}});
  }

  void count_connections() noexcept {
    open_.store(connections_.size(), std::memory_order_relaxed);
    metrics_.connections.set(static_cast<double>(connections_.size()));
  }
  void count_in_flight(int by) noexcept {
    const auto now = in_flight_.load(std::memory_order_relaxed) + static_cast<std::size_t>(by);
    in_flight_.store(now, std::memory_order_relaxed);
    metrics_.in_flight.set(static_cast<double>(now));
  }

  IoLoop& loop_;
  const HttpServerSettings settings_;
  const HttpMetrics metrics_;
  RouteTable table_;
  std::mutex views_mutex_;
  std::map<Executor*, std::unique_ptr<View>> views_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  HandleTable<std::unique_ptr<HttpConnection>> connections_;
  std::vector<std::unique_ptr<HttpConnection>> graveyard_;
  std::shared_ptr<AnswerBox> box_;
  HttpDispatch dispatch_;
  std::atomic<std::size_t> open_{0};
  std::atomic<std::size_t> in_flight_{0};
  std::size_t buffered_ = 0;
  std::size_t streams_ = 0;
  std::atomic<std::uint64_t> special_bodies_{kNoSpecialBody};  // shorter ones have the server's own rules
  std::string date_;
  std::chrono::sys_seconds date_second_{};
  LogPace requests_pace_;
  LogPace connections_pace_;
  LogPace mailbox_pace_;
  TimerId accept_again_;
  bool draining_ = false;
};

HttpServer::HttpServer(IoLoop& loop, HttpServerSettings settings) : impl_(std::make_unique<Impl>(loop, std::move(settings))) {}
HttpServer::~HttpServer() = default;
HttpRoutes& HttpServer::routes(Executor& executor) { return impl_->routes(executor); }
Expected<HttpEndpoint> HttpServer::listen(std::string_view address, std::shared_ptr<const TlsContext> tls) {
  return impl_->listen(address, std::move(tls));
}
Expected<HttpEndpoint> HttpServer::listen_unix(const std::string& path, mode_t mode) { return impl_->listen_unix(path, mode); }
void HttpServer::drain() { impl_->drain(); }
std::size_t HttpServer::connections() const noexcept { return impl_->connections(); }
std::size_t HttpServer::in_flight() const noexcept { return impl_->in_flight(); }

}  // namespace herald::io
