// An HSS behind the Sh interface that answers as told.
// Thread: one executor, the one that asks. Lifetime: outlives the questions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "herald/sh.h"

namespace herald::test {

class FakeSh final : public ShClient {
 public:
  // Without a rule: everybody exists, nobody has a profile, nobody is registered.
  std::function<ShReply(const ShQuery&)> rule;
  // Every question ends by its deadline, as with a peer that takes requests and says nothing.
  bool silent = false;
  std::vector<ShQuery> queries;

  Future<ShReply> user_data(ShQuery query, Deadline deadline) override;
  [[nodiscard]] std::vector<PeerState> peers() const override { return {{"hss.ims.lab", true, "open"}}; }

  // -- answers ---------------------------------------------------------------------------------------------------------------
  [[nodiscard]] static ShReply failed(ShResult result, std::uint32_t diameter_code = 0);
  [[nodiscard]] static ShReply state(ImsUserState state);
  // A push profile; `inner` goes after its consent element.
  [[nodiscard]] static ShReply profile(const std::string& consent, const std::string& inner = {});
};

}  // namespace herald::test
