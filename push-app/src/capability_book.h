// The capability facts of the users of this shard: registrations, PUBLISHed presence, OPTIONS, failures. sip-push.md 8,
// PS-100..106. Thread: a user's facts live on his home shard; every call there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capabilities.h"
#include "herald/servlet_context.h"
#include "push_config.h"
#include "push_profile.h"

namespace herald::push {

// 415, 413, 488, 420 … as the answer to an attempt: class a of 8.3.
struct CapabilityFailure {
  int status = 0;
  std::string type;  // of the content that was refused
  DeliveryMode mode = DeliveryMode::pager;
  std::size_t size = 0;             // of the refused body
  std::vector<std::string> accept;  // of the answer; empty: none came
  std::vector<std::string> accept_encoding;
  std::vector<std::string> unsupported;
};

class CapabilityBook : public std::enable_shared_from_this<CapabilityBook> {
 public:
  using Self = std::shared_ptr<CapabilityBook>;
  explicit CapabilityBook(ServletContext& context);
  void start();
  void stop() noexcept;

  // All facts about the user now, of every source, `profile` (Sh) and service defaults included: what
  // GET /v1/capabilities/{user} shows and merge_facts() reads.
  [[nodiscard]] std::vector<CapabilityFact> facts(const std::string& user, const PushProfile* profile) const;
  // A capability error of an attempt towards `contact` (empty: the user's AoR). Kept 24 h, until a re-registration (8.3).
  void learn(const std::string& user, const std::string& contact, const std::string& application,
             const CapabilityFailure& failure);
  // Asks `target` by OPTIONS unless it was asked in this registration (8.6, PS-104); done when it answered or the deadline
  // passed.
  static Task<void> probe(Self self, std::string user, std::string target, std::string route, Deadline deadline);

 private:
  ServletContext& context_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
};

}  // namespace herald::push
