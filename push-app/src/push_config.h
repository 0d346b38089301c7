// modules.push.config as a plain struct. Times as std::chrono, rates per second.
// Thread: immutable once prepared.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "delivery/retry_policy.h"
#include "herald/config_value.h"
#include "herald/service_profile.h"
#include "herald/subscriber.h"
#include "pap/pap_config.h"
#include "push/push_job.h"

namespace herald::push {

struct Initiator {
  std::string name;
  Secret token;
  std::string token_hash{};                     // "sha256:" and the hex digest of the token, instead of it
  std::vector<std::string> certificates{};      // subjects of client certificates: exact or "prefix*"
  std::vector<std::string> identities;          // sender identities it may use (S-4)
  std::vector<std::string> applications{"*"};   // exact ids, "prefix*" or "*"
  Rate rate{100};                               // submissions; bursts of one second
  std::vector<std::string> content_types{"*"};  // media types: exact, "type/*" or "*"
  std::vector<std::string> recipients{"*"};     // canonical addresses; '*' stands for anything
  std::uint32_t daily_recipients = 0;           // a day (UTC); 0: no limit
  ByteSize stored_bytes{};                      // of contents kept as files; 0: no limit
  Priority max_priority = Priority::high;
  std::string digest{};                // of the token; from token or token_hash
  std::vector<std::string> callbacks;  // URL patterns for reports
  Secret callback_secret{};            // key of the signature of what is sent there; empty: not signed
  bool callbacks_private = false;      // they may lead to loopback and private addresses, whoever names them
};

// How many requests a second may go to users of a domain, on each shard.
struct DomainPace {
  std::string domain;  // "*": every one that is not named
  Rate rate{100};
};

enum class HssFailurePolicy : std::uint8_t {
  use_default,  // the application's defaults
  hold,         // try again until deliver_before
  reject,
};

// sip-push.md 9.
struct ConsentConfig {
  std::chrono::milliseconds reask_after{std::chrono::hours(24 * 30)};
  bool unsubscribe_revokes = false;
  bool subscribe_grants = true;
  bool polite_blocking = false;
  bool anonymous_subscribers = false;  // S-5
};

// The push event package. sip-push.md 6.
struct SubscriptionConfig {
  std::chrono::milliseconds default_expires{std::chrono::hours(1)};
  std::chrono::milliseconds min_expires{std::chrono::minutes(1)};
  std::chrono::milliseconds max_expires{std::chrono::hours(24)};
  double expiry_jitter = 0.1;
  std::uint32_t notify_max_bytes = 1300;  // PS-24
  std::uint32_t batch_max_items = 10;
  std::uint32_t max_subscriptions = 2000000;  // per shard
  std::chrono::milliseconds initial_wait{200};
};

// When to subscribe to somebody's presence (PS-102).
enum class PresenceWatch : std::uint8_t {
  never,
  unknown,  // only when nothing better tells which types he takes
  always,
};

// Where capabilities come from. sip-push.md 8.
struct CapabilityConfig {
  bool ask_options = true;                       // PS-104
  std::chrono::milliseconds options_wait{2000};  // a push waits that long for the answer
  PresenceWatch watch_presence = PresenceWatch::never;
  std::chrono::milliseconds watch_expires{std::chrono::hours(1)};
  std::uint32_t max_watches = 10000;  // of the node
  std::string oma_namespace = "urn:oma:xml:prs:pidf:oma-pres";
  std::chrono::milliseconds publish_expires{std::chrono::hours(1)};
  std::chrono::milliseconds publish_min_expires{std::chrono::minutes(1)};
  std::chrono::milliseconds publish_max_expires{std::chrono::hours(24)};
};

// sip-push.md 4.10.
struct InvitationConfig {
  bool invite_on_ask = true;
  std::vector<ReferVariant> variants{ReferVariant::nosub, ReferVariant::norefersub, ReferVariant::implicit};
  std::string subscribe_to;  // SIP URI; empty: the sender's identity
  bool referred_by = true;   // PS-91
  std::chrono::milliseconds subscription{std::chrono::hours(1)};
  std::chrono::milliseconds answer_within{std::chrono::hours(1)};
  std::chrono::milliseconds retry_after{std::chrono::hours(24)};  // an automatic one that failed
  std::chrono::milliseconds retention{std::chrono::hours(24 * 7)};
  std::uint32_t max_attempts = 3;  // of an automatic one, when the user is away
  std::uint32_t max_in_flight = 100;
  std::uint32_t max_open = 100000;
};

// Session mode. sip-push.md 4.5.
struct MsrpConfig {
  bool tls = false;                              // offer TCP/TLS/MSRP (S-8)
  std::uint32_t max_sessions = 500;              // of the node
  std::chrono::milliseconds answer_wait{60000};  // an INVITE without final answer is cancelled then
  std::chrono::milliseconds report_wait{60000};  // SM-17
  std::chrono::milliseconds linger{10000};       // PS-48
};

// How result notifications are sent (SM-3).
struct CallbackConfig {
  std::vector<std::chrono::milliseconds> retry{std::chrono::minutes(1), std::chrono::minutes(5), std::chrono::minutes(30),
                                               std::chrono::hours(1)};  // the last one again and again
  std::chrono::milliseconds give_up_after{std::chrono::hours(24)};
  std::chrono::milliseconds timeout{std::chrono::seconds(10)};
  std::uint32_t max_parallel = 64;
  std::uint32_t max_per_host = 8;
  std::string ca_file;  // trust anchors instead of the system's
};

// Server-sent events.
struct EventsConfig {
  std::uint32_t max_streams = 1000;
  std::chrono::milliseconds heartbeat{std::chrono::seconds(15)};
};

// One line for each finished delivery.
struct CdrConfig {
  std::string path;  // empty: none are written
  std::uint64_t rotate_bytes = 100 * 1024 * 1024;
  std::chrono::milliseconds rotate_after{std::chrono::hours(24)};
  std::uint32_t keep = 30;
  std::uint32_t queue = 100000;
  bool hash_addresses = false;
  Secret hash_key{};
  bool operator==(const CdrConfig&) const = default;
};

struct PushConfig {
  std::string sender_identity;
  std::string event_package = "oma-push";
  std::uint32_t pager_max_bytes = 1300;      // PS-21
  std::uint32_t reference_max_bytes = 2000;  // PS-21, PS-22: of a MESSAGE that only says where its content lies
  std::vector<Initiator> initiators;

  HssFailurePolicy on_hss_failure = HssFailurePolicy::use_default;
  bool ask_hss = true;  // off: registrations and application defaults alone decide
  std::string service_indication = "push-profile";
  std::chrono::milliseconds hss_deadline{2000};
  std::chrono::milliseconds hss_retry{30000};  // on_hss_failure: hold

  std::chrono::milliseconds max_lifetime{std::chrono::hours(24 * 7)};
  std::chrono::milliseconds default_lifetime{std::chrono::hours(72)};
  std::chrono::milliseconds report_timeout{std::chrono::hours(72)};  // PS-54
  std::chrono::milliseconds retention{std::chrono::hours(24 * 7)};   // of finished pushes, counted from their expiry
  std::chrono::milliseconds idempotency_retention{std::chrono::hours(24)};
  std::chrono::milliseconds repeat_window{std::chrono::seconds(60)};  // PAP-30
  std::chrono::milliseconds consent_recheck{std::chrono::minutes(5)};
  // After a crash the old client transaction is gone with its process and the receiver drops a repeated Content-ID (PS-6,
  // PR-9), so a repeat need not wait for the 32 s that a proxy's copy of the old one may live.
  std::chrono::milliseconds resend_after_restart{1000};

  std::uint32_t max_recipients = 100000;
  std::uint32_t max_content_bytes = 100 * 1024 * 1024;  // uploaded, or in a submission as far as that may be so large
  std::uint32_t inline_content_bytes = 65536;           // larger ones are kept as files
  std::uint32_t max_submission_bytes = 8 * 1024 * 1024;
  std::chrono::milliseconds upload_lifetime{std::chrono::hours(24)};  // of an upload that no push uses
  std::vector<DomainPace> domain_pace;
  std::uint32_t max_in_flight = 1000;   // deliveries being worked on, per shard
  std::uint32_t max_waiting = 2000000;  // not yet final on this node; beyond: 503
  RetryRules retry;
  ConsentConfig consent;
  InvitationConfig invitation;

  SubscriptionConfig subscriptions;
  PapConfig pap;
  CapabilityConfig capabilities;
  CallbackConfig callbacks;
  EventsConfig events;
  CdrConfig cdr;
  CdrConfig audit;  // its file: who asked for what
  MsrpConfig msrp;
  std::string content_base_url;  // of links to indirect content; empty: where http.listen is

  // Which way first (sip-push.md 8.4). A mode that is not named is not used.
  std::vector<DeliveryMode> mode_order{DeliveryMode::notify, DeliveryMode::pager, DeliveryMode::msrp, DeliveryMode::indirection};
};

}  // namespace herald::push
