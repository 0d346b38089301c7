// A fault for tests of senders: sessions over TLS whose descriptions promise another certificate than the one that is shown, or
// none at all.
// Thread: as the endpoint behind it.
#pragma once

#include <cstdint>
#include <memory>

#include "herald/msrp.h"

namespace herald::receiver {

enum class ToldFingerprint : std::uint8_t { own, wrong, none };

class FingerprintFault final : public MsrpEndpoint {
 public:
  FingerprintFault(MsrpEndpoint& endpoint, ToldFingerprint told) : endpoint_(endpoint), told_(told) {}
  [[nodiscard]] Expected<std::shared_ptr<MsrpSession>> open(bool tls, MsrpPolicy policy) override;
  [[nodiscard]] bool has_tls() const noexcept override { return endpoint_.has_tls(); }

 private:
  MsrpEndpoint& endpoint_;
  const ToldFingerprint told_;
};

}  // namespace herald::receiver
