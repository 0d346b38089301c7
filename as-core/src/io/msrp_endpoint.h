// The MsrpEndpoint of a node: its listeners, its sessions.
// Thread: make() and close() on the loop or before it runs; open() on any shard. Lifetime: the loop and the blob store outlive
// it, and callbacks of blobs that it began to write: stop the blob store's thread before the loop goes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "herald/msrp.h"
#include "io/io_loop.h"
#include "io/listen_socket.h"
#include "io/msrp_limits.h"
#include "io/name_lookup.h"

namespace herald::io {

class MsrpHub;

struct MsrpOptions {
  std::string listen;              // "127.0.0.1:2855"; port 0 takes a free one; empty: no plain MSRP
  std::string tls_listen;          // empty: no MSRP over TLS
  std::string advertised_address;  // in c= and paths; empty: the one listened on, which must be a single one then
  MsrpTlsFiles tls;
  MsrpLimits limits;
};

class MsrpEndpointService final : public MsrpEndpoint {
 public:
  // `names`: for tests that play the name server; else the machine's.
  static Expected<std::unique_ptr<MsrpEndpointService>> make(IoLoop& loop, BlobStore& blobs, const MsrpOptions& options,
                                                             std::unique_ptr<NameLookup> names = {});
  ~MsrpEndpointService() override;
  MsrpEndpointService(const MsrpEndpointService&) = delete;
  MsrpEndpointService& operator=(const MsrpEndpointService&) = delete;

  [[nodiscard]] Expected<std::shared_ptr<MsrpSession>> open(bool tls, MsrpPolicy policy) override;
  [[nodiscard]] bool has_tls() const noexcept override { return secure_.has_value(); }

  [[nodiscard]] std::uint16_t port(bool tls) const noexcept;
  // Every session ends; open() fails from now on.
  void close();
  // For tests: what it shares with its sessions.
  [[nodiscard]] MsrpHub& hub() noexcept { return *hub_; }

 private:
  explicit MsrpEndpointService(std::shared_ptr<MsrpHub> hub);
  struct Address {
    std::string address;
    std::uint16_t port = 0;
  };
  Expected<void> listen(const std::string& where, bool tls, const std::string& advertised);

  std::shared_ptr<MsrpHub> hub_;  // shared with sessions, which may outlive us
  std::optional<Address> plain_;
  std::optional<Address> secure_;
};

}  // namespace herald::io
