// The questions an application asks the HSS over Sh. TS 29.328, TS 29.329. Implemented by diameter/; callers never see AVPs.
// Thread: call on any executor; the answer arrives there. Every call ends by its deadline with a defined result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/deadline.h"
#include "herald/task.h"

namespace herald {

enum class ShDataRef : std::uint32_t {  // TS 29.328 7.6
  repository_data = 0,
  public_identities = 10,
  user_state = 11,
  scscf_name = 12,
};

enum class ShResult : std::uint8_t {
  ok,             // data may still be absent: see the optionals
  no_data,        // 5106, 5101, or an empty answer
  user_unknown,   // 5001, 5030
  not_permitted,  // 5102: our permission at the HSS is missing
  busy,           // 3004, 4100, 5012
  unavailable,    // no peer, 3002, 3003
  timeout,        // silence
  malformed,      // an answer that could not be understood
};
[[nodiscard]] constexpr std::string_view to_string(ShResult result) noexcept {
  constexpr std::string_view kNames[] = {"ok",   "no_data",     "user_unknown", "not_permitted",
                                         "busy", "unavailable", "timeout",      "malformed"};
  const auto index = static_cast<std::size_t>(result);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

enum class ImsUserState : std::uint8_t { not_registered, registered, unregistered_services, authentication_pending };

struct ShRepositoryData {
  std::string service_indication;
  std::uint16_t sequence = 0;
  std::string service_data;  // the one XML element inside ServiceData, as text; empty: entry without data
};

struct ShUserData {
  std::vector<std::string> public_identities;
  std::optional<ImsUserState> state;
  std::optional<std::string> scscf_name;  // "" : nobody serves the user
  std::optional<ShRepositoryData> repository;
};

struct ShQuery {
  std::string user;  // public identity
  ShDataRef data = ShDataRef::repository_data;
  std::string service_indication;  // only for repository_data
  std::string trace;
};

struct ShReply {
  ShResult result = ShResult::unavailable;
  std::shared_ptr<const ShUserData> data;  // never null when ok
  bool stale = false;                      // served from the cache while the HSS does not answer
  Duration age{};                          // since it was fetched
  std::uint32_t diameter_code = 0;         // as received; 0 = none
  [[nodiscard]] bool ok() const noexcept { return result == ShResult::ok; }
};

class ShClient {
 public:
  virtual ~ShClient() = default;
  // Never fails as an Expected while the process lives; the result says what happened.
  virtual Future<ShReply> user_data(ShQuery query, Deadline deadline) = 0;
  struct PeerState {
    std::string identity;
    bool open = false;
    std::string state;
  };
  [[nodiscard]] virtual std::vector<PeerState> peers() const = 0;  // any thread
};

}  // namespace herald
