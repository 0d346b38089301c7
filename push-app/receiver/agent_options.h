// What a receiver agent is told: its users and things, where they register, and how they answer.
// Thread: values; immutable once prepared.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "herald/config.h"
#include "herald/config_schema.h"
#include "herald/expected.h"
#include "push_decision.h"

namespace herald::receiver {

// A UE that registers.
struct UserConfig {
  std::string identity;
  std::string private_identity;
  Secret password;
  friend bool operator==(const UserConfig&, const UserConfig&) = default;
};

// Somebody who cannot speak SIP: Herald receives for him on ISC and hands over by HTTP.
struct ThingConfig {
  std::string identity;
  std::vector<std::string> apps;
  std::vector<std::string> accept;
  std::string webhook;     // URL
  bool subscribe = false;  // to its applications, on its behalf
  std::string route;       // of its requests; empty: the node's next hop
  friend bool operator==(const ThingConfig&, const ThingConfig&) = default;
};

// How a webhook is tried again.
struct WebhookRules {
  std::chrono::milliseconds timeout{10'000};
  unsigned max_attempts = 12;
  std::chrono::milliseconds first_delay{1'000};  // doubled each time
  std::chrono::milliseconds max_delay{600'000};
  std::chrono::milliseconds lifetime{24 * 3'600'000};  // beyond: given up, whatever the number of attempts
  std::string ca;                                      // trust anchors; empty: the system's
  unsigned max_in_flight = 32;
  unsigned max_waiting = 100'000;  // of this node; beyond: 503 with Retry-After
  friend bool operator==(const WebhookRules&, const WebhookRules&) = default;
};

// Content that a push only refers to. PR-12
struct ContentRules {
  std::vector<std::string> hosts;  // where it may be fetched; "*": any public host; none: nowhere
  bool insecure = false;           // also http and private addresses: for laboratories
  std::size_t max_bytes = 1'048'576;
  std::chrono::milliseconds timeout{20'000};
  std::string ca;
  friend bool operator==(const ContentRules&, const ContentRules&) = default;
};

// Which side connects when the offer leaves it to us. RFC 6135
enum class SessionSetup : std::uint8_t { active, passive };

// Sessions of MSRP. PR-11
struct SessionRules {
  bool enabled = false;
  std::size_t max_size = 128U << 20U;  // of one message, announced in a=max-size
  std::size_t refuse_above = 0;        // the true limit, for tests of senders; 0: max_size
  SessionSetup setup = SessionSetup::active;
  std::vector<std::string> answer_texts;    // to INVITEs; none: those to pushes
  std::chrono::milliseconds hold{600'000};  // without a message after which a session is ended
  friend bool operator==(const SessionRules&, const SessionRules&) = default;
};

// What becomes of the reports that senders ask for; all but `send` are faults for tests of senders.
struct ReportMode {
  enum class Kind : std::uint8_t { send, ignore, delay, refuse, failed };
  Kind kind = Kind::send;
  std::chrono::seconds delay{0};
  static Expected<ReportMode> parse(std::string_view text);  // "send", "delay:5"
  friend bool operator==(const ReportMode&, const ReportMode&) = default;
};

enum class ReferPolicy : std::uint8_t { accept, ask, deny };  // PR-13
enum class ImdnPolicy : std::uint8_t { yes, no, forbidden };  // PR-10; no: silence

// As a user of the agent is known inside it.
struct UserAccount {
  std::string identity;          // canonical public identity, sip:alice@ims.lab
  std::string private_identity;  // alice@ims.lab unless told otherwise (TS 23.003 13.3)
  std::string password;
  std::string contact_user;  // user part of the contact: unique, so that a request finds its account
  std::string domain;
  bool registers = true;  // false: a thing
  PushPolicy policy{};
  std::string webhook{};
  std::string route{};                   // of a thing's requests
  std::vector<std::string> subscribe{};  // applications
  friend bool operator==(const UserAccount&, const UserAccount&) = default;
};

struct AgentOptions {
  // As written.
  std::vector<UserConfig> user_list;
  std::vector<ThingConfig> things;
  std::string registrar;  // first Route of a REGISTER
  std::string contact;    // host:port and URI parameters under which this node is reached
  std::vector<std::string> apps;
  std::vector<std::string> accept;
  std::size_t max_bytes = 0;
  std::vector<std::string> answer_texts;
  unsigned expires_seconds = 600;
  std::string package = "oma-push";
  std::vector<std::string> subscribe;
  std::string subscribe_to;  // empty: the user's own AoR
  unsigned subscribe_expires = 3600;
  bool publish = false;
  unsigned publish_expires = 3600;
  ReferPolicy refer = ReferPolicy::deny;
  ImdnPolicy imdn = ImdnPolicy::yes;
  std::string report_text = "send";
  std::string display_text = "never";  // after how many seconds a push counts as displayed; auto: at once
  std::vector<std::string> reject;     // senders: PR-16
  bool asserted_only = false;          // no push without an asserted identity
  ContentRules content;
  SessionRules sessions;
  WebhookRules webhook;

  // What follows from it.
  std::vector<UserAccount> users;
  PushPolicy policy;
  ReportMode report_mode;
  std::optional<std::chrono::seconds> display;
  std::vector<Answer> invite_answers;     // none: `answers`
  std::vector<Answer> answers{Answer{}};  // the first push gets the first, the last one holds for all that follow
  std::chrono::seconds expires{600};

  [[nodiscard]] bool fetches_content() const noexcept { return !content.hosts.empty(); }
};

const ConfigSchema<AgentOptions>& agent_schema();

// Reads the module's section. Everything that is wrong goes to `issues`.
std::shared_ptr<const AgentOptions> read_agent_options(const ConfigNode& section, ConfigIssues& issues);

}  // namespace herald::receiver
