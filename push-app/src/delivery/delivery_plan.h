// What to do with a delivery now: one pure decision from everything that is known. sip-push.md 8 and 9.
//
//   (job, delivery, registration, profile, HSS state, application, consent, capabilities, subscriptions, time)
//       ->  Attempt | Wait | Refuse
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "capability/capabilities.h"
#include "consent/consent.h"
#include "delivery/content_choice.h"
#include "delivery/push_profile.h"
#include "herald/registration_view.h"
#include "herald/service_profile.h"
#include "push/push_job.h"
#include "push_config.h"

namespace herald::push {

// What is known about where the user is.
struct Reachability {
  enum class State : std::uint8_t { registered, unregistered, unknown };
  State state = State::unknown;
  std::string scscf;            // URI; empty: nobody told
  bool contacts_known = false;  // false: "registered" is all there is
  std::vector<RegisteredContact> contacts;
};

// What the HSS said.
struct HssAnswer {
  enum class State : std::uint8_t { answered, user_unknown, failed };
  State state = State::answered;
  std::optional<PushProfile> profile;
};

// A live subscription that a NOTIFY may go to.
struct NotifyPath {
  std::vector<std::string> accept;  // media ranges; empty: no Accept came
};

struct PlanInput {
  const PushJob& job;
  const Delivery& delivery;
  const ServiceApplication& application;
  Reachability reach;
  HssAnswer hss;
  WallTime now{};
  ConsentEntry consent{};
  Capabilities capabilities{};
  std::vector<NotifyPath> subscriptions{};  // of the user for this application (PS-81)
  std::uint32_t too_large = 0;              // LoadedDelivery::too_large
};

struct PlanRules {
  HssFailurePolicy on_hss_failure = HssFailurePolicy::use_default;
  std::chrono::milliseconds hss_retry{30000};
  std::chrono::milliseconds consent_recheck{300000};
  std::uint32_t pager_max_bytes = 1300;
  std::uint32_t reference_max_bytes = 2000;
  std::string next_hop;  // when nobody names an S-CSCF
  std::vector<DeliveryMode> mode_order{DeliveryMode::notify, DeliveryMode::pager, DeliveryMode::msrp,
                                       DeliveryMode::indirection};  // sip-push.md 8.4
  bool external_body = false;                                       // links to content can be given out (PS-24)
  bool sessions = false;                                            // this node has MSRP
};

// A request to be sent. Modes differ in who carries it out, not in how it is decided.
struct Attempt {
  Mode mode = Mode::pager;
  std::string target;  // Request-URI
  std::string route;   // SIP URI with ;lr
  std::uint8_t content = 0;
  std::uint32_t max_bytes = 1300;  // of the whole request (PS-20)
  bool report = false;             // ask for disposition notifications (PS-51); in a session: if its answer allows message/cpim
  bool gzip = false;               // the receiver is known to take Content-Encoding: gzip (PS-18)
  std::vector<std::uint8_t> alternatives{};  // of indirection: contents to be offered beside `content` (PS-34)
};
struct Wait {
  enum class For : std::uint8_t { registration, consent, time, subscription };
  For what = For::registration;
  Status status = Status::waiting_reachable;
  std::optional<WallTime> until;  // look again then at the latest
  std::string cause;
};
struct Refuse {
  Status status = Status::undeliverable;
  int code = 3000;
  std::string cause;
};
using Plan = std::variant<Attempt, Wait, Refuse>;

[[nodiscard]] Plan plan(const PlanInput& input, const PlanRules& rules);

// The application's entry in the service profiles, the one called "*", or a closed one.
[[nodiscard]] const ServiceApplication& find_application(const std::vector<ServiceProfile>& services, std::string_view id);

}  // namespace herald::push
