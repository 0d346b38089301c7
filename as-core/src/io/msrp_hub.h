// What channels and connections of one endpoint share.
// Thread: the I/O loop, except the counts.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "herald/blob_store.h"
#include "io/io_loop.h"
#include "io/log_pace.h"
#include "io/msrp_inbox.h"
#include "io/msrp_limits.h"
#include "io/msrp_metrics.h"
#include "io/msrp_socket.h"
#include "io/name_lookup.h"

struct event;

namespace herald::io {

class MsrpChannel;
class MsrpConnection;

class MsrpHub {
 public:
  MsrpHub(IoLoop& own_loop, MsrpLimits own_limits, BlobStore& own_blobs, std::shared_ptr<const MsrpTls> own_tls,
          std::unique_ptr<NameLookup> own_names);
  ~MsrpHub();
  MsrpHub(const MsrpHub&) = delete;
  MsrpHub& operator=(const MsrpHub&) = delete;

  void add_listener(TcpListener listener, bool tls);
  // Everything ends with Error{gone}.
  void close();
  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  void add(std::shared_ptr<MsrpChannel> channel);
  void remove(const MsrpChannel& channel);
  [[nodiscard]] std::shared_ptr<MsrpChannel> find(const std::string& session) const;

  // False: too many. A connection that is under way, as client.
  [[nodiscard]] std::shared_ptr<MsrpConnection> adopt(MsrpSocket socket, std::string peer, bool client);
  // It has closed itself; it is destroyed when the call stack has unwound.
  void remove(MsrpConnection& connection);

  // Any thread: a session more. False: too many.
  [[nodiscard]] bool reserve_session() noexcept;
  void release_session() noexcept;

  IoLoop& loop;
  const MsrpLimits limits;
  const MsrpMetrics metrics;
  BlobStore& blobs;
  const std::shared_ptr<const MsrpTls> tls;
  std::unique_ptr<NameLookup> names;
  MsrpBudget budget;
  std::vector<char> scratch;  // what is just being read; nobody keeps it over a turn
  std::function<std::string()> make_transaction;
  LogPace pace;

 private:
  struct Listener;

  void accept(Listener& listener);
  bool admit(const std::string& peer);

  std::unordered_map<std::string, std::shared_ptr<MsrpChannel>> channels_;
  std::unordered_map<const MsrpConnection*, std::shared_ptr<MsrpConnection>> connections_;
  std::unordered_map<std::string, std::size_t> peers_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::atomic<std::size_t> sessions_{0};
  std::atomic<bool> closed_{false};
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace herald::io
