// One connection of MSRP: requests to the sessions that they name, answers back, and the chunks of several sessions in turn.
// Thread: the I/O loop.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/msrp_hub.h"
#include "io/msrp_outbox.h"
#include "io/msrp_parser.h"

struct event;

namespace herald::io {

class MsrpConnection : public std::enable_shared_from_this<MsrpConnection> {
 public:
  MsrpConnection(MsrpHub& hub, MsrpSocket socket, std::string peer, bool client);
  ~MsrpConnection();
  MsrpConnection(const MsrpConnection&) = delete;
  MsrpConnection& operator=(const MsrpConnection&) = delete;

  // False: libevent has no memory. `established` is called once for a client.
  [[nodiscard]] bool start(UniqueFunction<void(Expected<void>)> established);
  void attach(std::shared_ptr<MsrpChannel> channel);
  // The last one that goes takes the connection with it, once everything is written.
  void detach(MsrpChannel& channel);
  // A whole response or REPORT.
  void send(std::string text);
  // A whole request without content that is answered: MsrpChannel::bound().
  void send_bind(MsrpChannel& channel);
  // Some session has something to write.
  void wake();
  // What kept the peer from being read has gone.
  void resume();
  // The session whose first request is held was started, or has closed.
  void release(const std::shared_ptr<MsrpChannel>& channel);
  // The peer has shown the certificate that its description promised.
  [[nodiscard]] bool proven(const MsrpDescription& peer) const;
  void close(const Error& error);

  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }
  [[nodiscard]] const MsrpSocket& socket() const noexcept { return socket_; }
  [[nodiscard]] bool client() const noexcept { return client_; }
  [[nodiscard]] bool closed() const noexcept { return state_ == State::closed; }

 private:
  enum class State : std::uint8_t {
    establishing,
    open,
    draining,  // nobody needs it any more: what is written yet goes out, then the peer may close
    closed,
  };
  struct Segment {
    std::string text;
    std::string_view bytes;  // where there is a keeper
    std::shared_ptr<const void> keeper;
    [[nodiscard]] std::string_view view() const noexcept { return keeper ? bytes : std::string_view(text); }
  };
  struct Transaction {
    std::weak_ptr<MsrpChannel> channel;
    MsrpTicket ticket;
    TimePoint due;
  };
  // The request that is coming in.
  struct Incoming {
    std::shared_ptr<MsrpChannel> channel;
    std::string transaction;
    std::string reply_to;
    std::string own_path;
    MsrpFailureReport failure_report = MsrpFailureReport::yes;
    bool report = false;
    bool answered = false;  // it was refused: the rest is thrown away
    std::uint64_t thrown_away = 0;
  };
  // The chunk that is going out.
  struct Outgoing {
    std::shared_ptr<MsrpChannel> channel;
    std::string transaction;
    std::string end_line;  // "-------tid"
    std::string tail;      // of what was sent: an end-line must not begin there
  };

  void on_event(short what);
  void on_establishing();
  void on_readable();
  void on_end_of_input(MsrpSocket::Result result);
  void parse(std::string_view input);
  bool may_parse();
  void on_head();
  void on_response();
  bool route();
  void begin_request(std::shared_ptr<MsrpChannel> channel);
  void on_piece(std::string_view piece);
  void on_end(char flag);
  void answer(const Incoming& to, int status);
  void refuse(int status, std::optional<MsrpDrop> reason);

  void pump();
  bool fill();
  bool begin_chunk();
  void put_piece(const MsrpOutbox::Piece& piece);
  void end_chunk(char flag);
  void append(std::string text);
  void append(std::string_view bytes, std::shared_ptr<const void> keeper);
  [[nodiscard]] std::string new_transaction(std::string_view content);
  bool flush();
  void track(std::string transaction, const std::shared_ptr<MsrpChannel>& channel, const MsrpTicket& ticket);

  void watch_events();
  void watch_time();
  void check_time();
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] bool waits_for_us() const;
  void drop(MsrpDrop reason, std::string_view why);

  MsrpHub& hub_;
  MsrpSocket socket_;
  const std::string peer_;
  const bool client_;
  State state_ = State::establishing;
  UniqueFunction<void(Expected<void>)> established_;
  struct FreeEvent {
    void operator()(event* e) const noexcept;
  };
  std::unique_ptr<event, FreeEvent> read_event_;
  std::unique_ptr<event, FreeEvent> write_event_;
  bool reading_ = false;
  bool writing_ = false;

  std::vector<std::shared_ptr<MsrpChannel>> channels_;
  std::size_t turn_ = 0;  // whose chunk is next

  MsrpParser parser_;
  std::string carry_;  // read, and not parsed yet
  bool parsing_ = false;
  bool held_ = false;  // the head waits for start() of its session
  Incoming incoming_;
  bool disk_full_ = false;  // waiting for the disk
  bool stopped_ = false;    // carry_ may hold whole requests

  std::deque<std::string> control_;
  std::size_t control_bytes_ = 0;
  std::optional<Outgoing> outgoing_;
  std::deque<Segment> output_;
  std::size_t output_bytes_ = 0;
  std::size_t output_offset_ = 0;  // of the first segment
  bool pumping_ = false;
  bool pump_again_ = false;
  bool finished_ = false;  // the peer was told that nothing more comes

  std::unordered_map<std::string, Transaction> transactions_;
  std::deque<std::string> transaction_order_;

  TimePoint since_;  // of the state
  TimePoint last_read_;
  TimePoint last_write_;
  TimerId timer_;
  TimePoint armed_for_ = TimePoint::max();
};

}  // namespace herald::io
