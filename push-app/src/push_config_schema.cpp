#include "push_config_schema.h"

#include <algorithm>
#include <set>

#include "herald/sip_uri.h"
#include "job/push_records.h"
#include "result/callback_url.h"

namespace herald::push {
namespace {

using std::chrono::milliseconds;

std::string check_identity(const std::string& text) {
  const auto uri = SipUri::parse(text);
  return uri && uri->is_sip() && !uri->user.empty() ? "" : "must be a SIP URI with a user, like sip:push@ims.lab";
}

std::string check_name(const std::string& text) {
  if (text.empty() || text.size() > 64 || text.find(':') != std::string::npos || text.front() == '@') {
    return "must be 1 to 64 characters without ':' and not begin with '@'";
  }
  return "";
}

std::string check_token_hash(const std::string& text) {
  constexpr std::string_view kPrefix = "sha256:";
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  const auto digits = std::string_view(text).substr(std::min(text.size(), kPrefix.size()));
  const bool good =
      text.empty() || (text.starts_with(kPrefix) && digits.size() == 64 && std::all_of(digits.begin(), digits.end(), hex));
  return good ? "" : "must be sha256: and 64 hexadecimal digits in lower case";
}

// What requests are compared with.
void settle_credentials(Initiator& initiator, const ConfigScope& at) {
  const auto who = "\"" + initiator.name + "\"";
  if (!initiator.token_hash.empty()) {
    initiator.digest = initiator.token_hash.substr(initiator.token_hash.find(':') + 1);
    if (!initiator.token.empty()) at.error("initiators", who + " has both token and token_hash");
  } else if (!initiator.token.empty()) {
    initiator.digest = digest(initiator.token.value);
  } else if (initiator.certificates.empty()) {
    at.error("initiators", who + " needs token_hash, token or certificates");
  }
}

ConfigSchema<DomainPace> pace_schema() {
  return ConfigSchema<DomainPace>()
      .key("domain", &DomainPace::domain,
           {.help = "Domain of the recipients; \"*\": every other", .required = true, .sample = "ims.lab"})
      .key("rate", &DomainPace::rate, {.help = "Requests to them, on each shard", .required = true, .sample = "100/s"});
}

ConfigSchema<Initiator> initiator_schema() {
  return ConfigSchema<Initiator>()
      .key("name", &Initiator::name,
           {.help = "Name of the account; the user of HTTP Basic", .required = true, .check = check_name, .sample = "news"})
      .key("token", &Initiator::token,
           {.help = "Bearer token, or password of HTTP Basic, in clear; rather give token_hash",
            .check =
                [](const Secret& token) {
                  return !token.empty() && token.value.size() < 8 ? std::string("must have at least 8 characters")
                                                                  : std::string();
                },
            .sample = "change-this-token"})
      .key("token_hash", &Initiator::token_hash,
           {.help = "Instead of token: what `heraldctl hash-token` prints for it", .check = check_token_hash})
      .list("certificates", &Initiator::certificates,
            {.help = "Subjects of client certificates that need no token: exact or \"prefix*\"", .max_items = 20})
      .list("identities", &Initiator::identities,
            {.help = "Sender identities it may use as `from`; the first is its default. None: sender_identity only",
             .max_items = 100,
             .check = check_identity,
             .sample = "[sip:push-news@ims.lab]"})
      .list("applications", &Initiator::applications,
            {.help = "Applications it may push to: ids, \"prefix*\" or \"*\"", .max_items = 100, .sample = "[\"*\"]"})
      .list("content_types", &Initiator::content_types,
            {.help = "Media types it may push: exact, \"type/*\" or \"*\"", .max_items = 100})
      .list("recipients", &Initiator::recipients,
            {.help = "Addresses it may push to; '*' stands for anything: \"sip:*@ims.lab\", \"tel:+358*\"", .max_items = 1000})
      .key("rate", &Initiator::rate, {.help = "Submissions it may make; bursts of one second", .sample = "100/s"})
      .key("daily_recipients", &Initiator::daily_recipients,
           {.help = "Recipients of all its pushes in a day (UTC); 0: as many as it likes"})
      .key("stored_bytes", &Initiator::stored_bytes, {.help = "Bytes of contents kept as files for it; 0: as many as it likes"})
      .choice("max_priority", &Initiator::max_priority,
              {{"low", Priority::low}, {"medium", Priority::medium}, {"high", Priority::high}},
              {.help = "Highest priority it may use"})
      .list("callbacks", &Initiator::callbacks,
            {.help = "Where its result notifications may be sent (PAP-37): scheme, host, port and beginning of the path; "
                     "\"https://*.news.example/\" is any host below",
             .max_items = 100,
             .check =
                 [](const std::string& text) {
                   const auto pattern = CallbackPattern::parse(text);
                   return pattern ? std::string() : pattern.error().text;
                 },
             .sample = "[\"https://news.example/herald/\"]"})
      .key("callback_secret", &Initiator::callback_secret,
           {.help = "Key of the Herald-Signature (HMAC-SHA256) on what is sent there; none: not signed",
            .check =
                [](const Secret& secret) {
                  return secret.value.empty() || secret.value.size() >= 16 ? std::string()
                                                                           : std::string("must have at least 16 characters");
                }})
      .key("callbacks_private", &Initiator::callbacks_private,
           {.help = "Hosts that a pattern does not name itself may have loopback and private addresses too"});
}

ConfigSchema<RetryRules> retry_schema() {
  return ConfigSchema<RetryRules>()
      .key("max_attempts", &RetryRules::max_attempts, {.help = "Requests sent for one delivery at most", .min = 1, .max = 100})
      .key("negotiation_retries", &RetryRules::negotiation_retries,
           {.help = "Other contents tried after a receiver refused one as unfit", .max = 10})
      .key("first_delay", &RetryRules::first_delay,
           {.help = "Before the second attempt; doubled for each further one",
            .min = milliseconds(1),
            .max = milliseconds(3600000)})
      .key("max_delay", &RetryRules::max_delay,
           {.help = "Longest pause between attempts", .min = milliseconds(1), .max = milliseconds(86400000)})
      .key("jitter", &RetryRules::jitter, {.help = "Part of a pause that is left to chance, both ways", .min = 0.0, .max = 0.9})
      .key("unknown_delay", &RetryRules::unknown_delay,
           {.help = "Before the one repeat of a push whose outcome is unknown",
            .min = milliseconds(0),
            .max = milliseconds(3600000)})
      .key("receivers_deduplicate", &RetryRules::receivers_deduplicate,
           {.help = "Receivers drop a repeated Content-ID. false: a push of unknown outcome is never repeated"});
}

ConfigSchema<ConsentConfig> consent_schema() {
  return ConfigSchema<ConsentConfig>()
      .key("reask_after", &ConsentConfig::reask_after,
           {.help = "A user who refused an invitation, or left it unanswered, is not asked again before",
            .min = milliseconds(60000),
            .max = milliseconds(std::chrono::hours(24 * 3660))})
      .key("unsubscribe_revokes", &ConsentConfig::unsubscribe_revokes,
           {.help = "Ending the last subscription to an application revokes the consent to it"})
      .key("subscribe_grants", &ConsentConfig::subscribe_grants,
           {.help = "A user's own SUBSCRIBE is his consent. false: applications with consent `ask` stay pending until "
                    "PUT /v1/consent decides"})
      .key("polite_blocking", &ConsentConfig::polite_blocking,
           {.help = "Accept a SUBSCRIBE that consent forbids and never send anything, instead of answering 403 (PS-63)"})
      .key("anonymous_subscribers", &ConsentConfig::anonymous_subscribers,
           {.help = "Keep a SUBSCRIBE without asserted identity pending instead of answering 403 (S-5)"});
}

ConfigSchema<SubscriptionConfig> subscription_schema() {
  constexpr milliseconds kSecond(1000);
  constexpr milliseconds kYear(std::chrono::hours(24 * 365));
  return ConfigSchema<SubscriptionConfig>()
      .key("default_expires", &SubscriptionConfig::default_expires,
           {.help = "Duration of a subscription whose SUBSCRIBE names none", .min = kSecond, .max = kYear})
      .key("min_expires", &SubscriptionConfig::min_expires,
           {.help = "Shortest duration accepted; shorter ones are refused with 423 (PS-64)",
            .min = kSecond,
            .max = kSecond * 3600})
      .key("max_expires", &SubscriptionConfig::max_expires,
           {.help = "Longest duration granted; longer ones are shortened", .min = kSecond, .max = kYear})
      .key("expiry_jitter", &SubscriptionConfig::expiry_jitter,
           {.help = "Part of a duration that is left to chance, so that refreshes do not come all at once",
            .min = 0.0,
            .max = 0.5})
      .key("notify_max_bytes", &SubscriptionConfig::notify_max_bytes,
           {.help = "Largest NOTIFY as a whole (PS-24)", .min = 500, .max = 65535})
      .key("batch_max_items", &SubscriptionConfig::batch_max_items,
           {.help = "Pushes that one NOTIFY carries at most", .min = 1, .max = 32})
      .key("max_subscriptions", &SubscriptionConfig::max_subscriptions,
           {.help = "Live subscriptions, per shard; more are refused with 500", .min = 1})
      .key("initial_wait", &SubscriptionConfig::initial_wait,
           {.help = "The first NOTIFY of a subscription waits this long for pushes that are about to be ready",
            .max = milliseconds(5000)});
}

std::string check_base_url(const std::string& url) {
  if (url.empty()) return "";
  const bool scheme = url.starts_with("https://") || url.starts_with("http://");
  const bool clean = url.size() <= 200 && url.find_first_of(" \t\"<>?#") == std::string::npos && !url.ends_with('/');
  return scheme && clean ? "" : "must be an http or https URL without query and closing slash, like https://push.example";
}

ConfigSchema<CapabilityConfig> capability_schema() {
  constexpr milliseconds kDay(86400000);
  return ConfigSchema<CapabilityConfig>()
      .key("ask_options", &CapabilityConfig::ask_options,
           {.help = "Ask a receiver by OPTIONS, once in a registration, before it gets content that nobody knows it takes"})
      .key("options_wait", &CapabilityConfig::options_wait,
           {.help = "How long a push waits for that answer", .min = milliseconds(100), .max = milliseconds(32000)})
      .choice("watch_presence", &CapabilityConfig::watch_presence,
              {{"never", PresenceWatch::never}, {"unknown", PresenceWatch::unknown}, {"always", PresenceWatch::always}},
              {.help = "Subscribe to the presence of registered users who get pushes: never, when it is unknown what they take, "
                       "or always"})
      .key("watch_expires", &CapabilityConfig::watch_expires,
           {.help = "Duration of such a subscription", .min = milliseconds(60000), .max = kDay})
      .key("max_watches", &CapabilityConfig::max_watches,
           {.help = "Users whose presence is watched at a time", .min = 1, .max = 1000000})
      .key("oma_namespace", &CapabilityConfig::oma_namespace, {.help = "XML namespace of OMA's service-description in PIDF"})
      .key("publish_expires", &CapabilityConfig::publish_expires,
           {.help = "Lifetime of published presence when a PUBLISH names none", .min = milliseconds(1000), .max = kDay})
      .key("publish_min_expires", &CapabilityConfig::publish_min_expires,
           {.help = "Less is refused with 423", .min = milliseconds(0), .max = kDay})
      .key("publish_max_expires", &CapabilityConfig::publish_max_expires,
           {.help = "More is cut to this", .min = milliseconds(1000), .max = kDay * 30})
      .check([](CapabilityConfig& config, const ConfigScope& at) {
        if (config.publish_min_expires > config.publish_max_expires) {
          at.error("publish_min_expires", "must not exceed publish_max_expires");
        }
      });
}

ConfigSchema<MsrpConfig> msrp_schema() {
  return ConfigSchema<MsrpConfig>()
      .key("tls", &MsrpConfig::tls, {.help = "Offer sessions over TLS (TCP/TLS/MSRP); the node needs msrp.tls for it"})
      .key("max_sessions", &MsrpConfig::max_sessions,
           {.help = "Pushes of this node that use a session at a time; the next ones wait", .min = 1, .max = 100000})
      .key("answer_wait", &MsrpConfig::answer_wait,
           {.help = "An INVITE without final answer is cancelled after this",
            .min = milliseconds(1000),
            .max = milliseconds(180000)})
      .key("report_wait", &MsrpConfig::report_wait,
           {.help = "How long a session waits for success reports after the last byte was acknowledged (SM-17)",
            .max = milliseconds(600000)})
      .key("linger", &MsrpConfig::linger,
           {.help = "A session through a relay stays open this long for failure reports when no report was asked for (PS-48)",
            .max = milliseconds(60000)});
}

ConfigSchema<InvitationConfig> invitation_schema() {
  constexpr milliseconds kDay(86400000);
  return ConfigSchema<InvitationConfig>()
      .key("invite_on_ask", &InvitationConfig::invite_on_ask, {.help = "Ask the user by REFER when a push waits for his consent"})
      .choices("variants", &InvitationConfig::variants,
               {{"nosub", ReferVariant::nosub},
                {"norefersub", ReferVariant::norefersub},
                {"explicitsub", ReferVariant::explicitsub},
                {"implicit", ReferVariant::implicit}},
               {.help = "Kinds of REFER in the order they are tried (PS-92 to PS-94); explicitsub only to a GRUU",
                .min_items = 1,
                .max_items = 4})
      .key("subscribe_to", &InvitationConfig::subscribe_to,
           {.help = "URI that invited users subscribe to. Empty: the identity that the invitation is sent as",
            .check = [](const std::string& text) { return text.empty() ? std::string() : check_identity(text); }})
      .key("referred_by", &InvitationConfig::referred_by, {.help = "Say in Referred-By who invites (PS-91)"})
      .key("subscription", &InvitationConfig::subscription,
           {.help = "Duration of the subscription that is proposed", .min = milliseconds(60000), .max = kDay})
      .key("answer_within", &InvitationConfig::answer_within,
           {.help = "An invitation without SUBSCRIBE has failed after this", .min = milliseconds(1000), .max = kDay * 30})
      .key("retry_after", &InvitationConfig::retry_after,
           {.help = "Pause before a user is asked again by itself after an invitation failed",
            .min = milliseconds(1000),
            .max = kDay * 366})
      .key("retention", &InvitationConfig::retention, {.help = "Records are kept this long after their end", .max = kDay * 366})
      .key("max_attempts", &InvitationConfig::max_attempts,
           {.help = "REFERs of one automatic invitation while the user comes and goes", .min = 1, .max = 20})
      .key("max_in_flight", &InvitationConfig::max_in_flight, {.help = "REFERs out at a time, per shard", .min = 1, .max = 10000})
      .key("max_open", &InvitationConfig::max_open, {.help = "Open invitations, per shard; more are refused with 503", .min = 1});
}

ConfigSchema<CallbackConfig> callback_schema() {
  constexpr milliseconds kDay(86400000);
  return ConfigSchema<CallbackConfig>()
      .list("retry", &CallbackConfig::retry,
            {.help = "Pauses before a result notification is sent again; the last one repeats (SM-3)",
             .min_items = 1,
             .max_items = 20,
             .check =
                 [](const milliseconds& pause) {
                   return pause >= milliseconds(100) && pause <= milliseconds(86400000) ? std::string()
                                                                                        : std::string("must be 100ms to 24h");
                 }})
      .key("give_up_after", &CallbackConfig::give_up_after,
           {.help = "Then it is dropped, counted and logged", .min = milliseconds(1000), .max = kDay * 30})
      .key("timeout", &CallbackConfig::timeout,
           {.help = "For one attempt", .min = milliseconds(100), .max = milliseconds(120000)})
      .key("max_parallel", &CallbackConfig::max_parallel, {.help = "Attempts at a time", .min = 1, .max = 1000})
      .key("max_per_host", &CallbackConfig::max_per_host, {.help = "Of them to one host and port", .min = 1, .max = 1000})
      .key("ca_file", &CallbackConfig::ca_file, {.help = "Trust anchors (PEM) instead of the system's"});
}

ConfigSchema<EventsConfig> events_schema() {
  return ConfigSchema<EventsConfig>()
      .key("max_streams", &EventsConfig::max_streams,
           {.help = "Clients that read GET /v1/pushes/{id}/events at a time; more are answered 503", .min = 1, .max = 100000})
      .key("heartbeat", &EventsConfig::heartbeat,
           {.help = "A comment line goes out this often", .min = milliseconds(1000), .max = milliseconds(600000)});
}

ConfigSchema<CdrConfig> audit_schema() {
  constexpr milliseconds kDay(86400000);
  return ConfigSchema<CdrConfig>()
      .key("path", &CdrConfig::path,
           {.help = "File that gets one JSON line for each request that changes something or is refused; empty: none is written",
            .sample = "/var/log/herald/audit.jsonl"})
      .key("rotate_bytes", &CdrConfig::rotate_bytes,
           {.help = "The file is closed and numbered when it is larger", .min = 4096, .max = 1ULL << 40U})
      .key("rotate_after", &CdrConfig::rotate_after, {.help = "Or older", .min = milliseconds(60000), .max = kDay * 366})
      .key("keep", &CdrConfig::keep, {.help = "Closed files kept", .min = 1, .max = 10000})
      .key("queue", &CdrConfig::queue,
           {.help = "Lines that wait for a slow disk; more are dropped and counted", .min = 100, .max = 10000000});
}

ConfigSchema<CdrConfig> cdr_schema() {
  constexpr milliseconds kDay(86400000);
  return ConfigSchema<CdrConfig>()
      .key("path", &CdrConfig::path,
           {.help = "File that gets one JSON line for each finished delivery; empty: none is written",
            .sample = "/var/log/herald/cdr.jsonl"})
      .key("rotate_bytes", &CdrConfig::rotate_bytes,
           {.help = "The file is closed and numbered when it is larger", .min = 4096, .max = 1ULL << 40U})
      .key("rotate_after", &CdrConfig::rotate_after, {.help = "Or older", .min = milliseconds(60000), .max = kDay * 366})
      .key("keep", &CdrConfig::keep, {.help = "Closed files kept", .min = 1, .max = 10000})
      .key("queue", &CdrConfig::queue,
           {.help = "Lines that wait for a slow disk; more are dropped and counted", .min = 100, .max = 10000000})
      .key("hash_addresses", &CdrConfig::hash_addresses, {.help = "Recipients and senders as keyed hashes instead of addresses"})
      .key("hash_key", &CdrConfig::hash_key, {.help = "Key of those hashes; the same key gives the same hash"})
      .check([](CdrConfig& config, const ConfigScope& at) {
        if (config.hash_addresses && config.hash_key.value.size() < 16) {
          at.error("hash_key", "hash_addresses needs a key of at least 16 characters");
        }
      });
}

ConfigSchema<PushConfig> make_schema() {
  constexpr milliseconds kDay(86400000);
  return ConfigSchema<PushConfig>()
      .key("sender_identity", &PushConfig::sender_identity,
           {.help = "Identity that pushes are sent as when the initiator has none",
            .required = true,
            .check = check_identity,
            .sample = "sip:push@ims.lab"})
      .key("event_package", &PushConfig::event_package, {.help = "Name of the push event package", .needs_restart = true})
      .key("pager_max_bytes", &PushConfig::pager_max_bytes,
           {.help = "Largest MESSAGE as a whole (PS-21); more than 1300 only if every hop is congestion-safe",
            .min = 200,
            .max = 65535})
      .key("reference_max_bytes", &PushConfig::reference_max_bytes,
           {.help = "Largest MESSAGE that only says where its content lies; over 1300 it goes by TCP, which 3GPP TS 24.229 4.2A "
                    "demands of every hop",
            .min = 200,
            .max = 65535})
      .sections("initiators", &PushConfig::initiators, initiator_schema(), {.help = "Who may submit pushes"})
      .choice(
          "on_hss_failure", &PushConfig::on_hss_failure,
          {{"default", HssFailurePolicy::use_default}, {"hold", HssFailurePolicy::hold}, {"reject", HssFailurePolicy::reject}},
          {.help = "When the HSS fails or is silent: go on with the application's defaults, wait for it, or reject"})
      .key("ask_hss", &PushConfig::ask_hss, {.help = "Ask the HSS for push profile and user state before sending"})
      .key("service_indication", &PushConfig::service_indication, {.help = "Service-Indication of the push profile"})
      .key("hss_deadline", &PushConfig::hss_deadline,
           {.help = "For all questions about one delivery together", .min = milliseconds(10), .max = milliseconds(60000)})
      .key("hss_retry", &PushConfig::hss_retry,
           {.help = "Pause between questions with on_hss_failure: hold", .min = milliseconds(1000), .max = kDay})
      .key("max_lifetime", &PushConfig::max_lifetime,
           {.help = "A push ends after this at the latest", .min = milliseconds(1000), .max = kDay * 90})
      .key("default_lifetime", &PushConfig::default_lifetime,
           {.help = "Lifetime of a push without deliver_before", .min = milliseconds(1000), .max = kDay * 90})
      .key("report_timeout", &PushConfig::report_timeout,
           {.help = "How long the delivery or display report of a push that was sent is awaited",
            .min = milliseconds(1000),
            .max = kDay * 90})
      .key("retention", &PushConfig::retention, {.help = "Records are kept this long after a push expired", .max = kDay * 366})
      .key("idempotency_retention", &PushConfig::idempotency_retention,
           {.help = "How long an Idempotency-Key is remembered", .max = kDay * 30})
      .key("repeat_window", &PushConfig::repeat_window,
           {.help = "A push that repeats another byte for byte, with its push-id, within this gets the first one's answer; "
                    "later, or with 0, it is refused (PAP-30)",
            .max = kDay})
      .key("consent_recheck", &PushConfig::consent_recheck,
           {.help = "How often a push that waits for consent looks again", .min = milliseconds(1000), .max = kDay})
      .key("resend_after_restart", &PushConfig::resend_after_restart,
           {.help =
                "Pause before a push that was being sent when the process died is sent again; 32s rules out that the first one "
                "is still on its way",
            .max = milliseconds(64000)})
      .key("max_recipients", &PushConfig::max_recipients, {.help = "Addresses of one push", .min = 1, .max = 999999})
      .key("max_content_bytes", &PushConfig::max_content_bytes,
           {.help = "Of one content, decoded or uploaded", .min = 1, .max = 2000000000})
      .key("inline_content_bytes", &PushConfig::inline_content_bytes,
           {.help = "A larger content is kept as a file, not in the push's record", .min = 1024, .max = 131072})
      .key("max_submission_bytes", &PushConfig::max_submission_bytes,
           {.help = "Body of one submission; what is larger is uploaded to /v1/contents",
            .needs_restart = true,
            .min = 4096,
            .max = 268435456})
      .key("upload_lifetime", &PushConfig::upload_lifetime,
           {.help = "An upload that no push uses is removed after this", .min = milliseconds(60000), .max = kDay * 30})
      .sections("domain_pace", &PushConfig::domain_pace, pace_schema(), {.help = "How fast pushes go to the users of a domain"})
      .key("max_in_flight", &PushConfig::max_in_flight,
           {.help = "Deliveries worked on at a time, per shard", .min = 1, .max = 100000})
      .key("max_waiting", &PushConfig::max_waiting,
           {.help = "Unfinished deliveries on this node; more are refused with 503", .min = 1})
      .choices("mode_order", &PushConfig::mode_order,
               {{"notify", DeliveryMode::notify},
                {"pager", DeliveryMode::pager},
                {"msrp", DeliveryMode::msrp},
                {"indirection", DeliveryMode::indirection}},
               {.help = "The way of a push: the first that can carry it (PS-81); one that is not named is not used"})
      .section("subscriptions", &PushConfig::subscriptions, subscription_schema(), {.help = "Subscriptions to pushes"})
      .key("content_base_url", &PushConfig::content_base_url,
           {.help = "What links to indirect content begin with (PS-30); empty: http.listen's address",
            .check = check_base_url,
            .sample = "https://push.example"})
      .section("capabilities", &PushConfig::capabilities, capability_schema(), {.help = "What receivers can take"})
      .section("msrp", &PushConfig::msrp, msrp_schema(), {.help = "Pushes in sessions (MSRP)"})
      .section("pap", &PushConfig::pap, pap_schema(), {.help = "The Push Access Protocol"})
      .section("callbacks", &PushConfig::callbacks, callback_schema(), {.help = "How result notifications are sent"})
      .section("events", &PushConfig::events, events_schema(), {.help = "Server-sent events of a push"})
      .section("audit", &PushConfig::audit, audit_schema(), {.help = "Who asked for what", .in_sample = false})
      .section("cdr", &PushConfig::cdr, cdr_schema(), {.help = "Charging records", .in_sample = false})
      .section("retry", &PushConfig::retry, retry_schema(), {.help = "When a delivery is tried again"})
      .section("consent", &PushConfig::consent, consent_schema(), {.help = "What users decide about pushes"})
      .section("invitation", &PushConfig::invitation, invitation_schema(), {.help = "Users are asked to subscribe by REFER"})
      .check([](PushConfig& config, const ConfigScope& at) {
        std::set<std::string> names;
        std::set<std::string> tokens;
        for (auto& initiator : config.initiators) {
          settle_credentials(initiator, at);
          if (!names.insert(initiator.name).second) at.error("initiators", "two accounts are called \"" + initiator.name + "\"");
          if (!initiator.digest.empty() && !tokens.insert(initiator.digest).second)
            at.error("initiators", "two accounts have the same token");
        }
        if (config.default_lifetime > config.max_lifetime) at.error("default_lifetime", "must not exceed max_lifetime");
        if (config.retry.first_delay > config.retry.max_delay) at.error("retry", "first_delay must not exceed max_delay");
        if (config.subscriptions.min_expires > config.subscriptions.max_expires) {
          at.error("subscriptions", "min_expires must not exceed max_expires");
        }
        if (config.content_base_url.starts_with("http:")) {  // at the start it is an event as well, PU0111
          at.warning("content_base_url", "links without TLS can be read and changed on the way (S-8)");
        }
        if (config.pager_max_bytes > 1300) {
          at.warning("pager_max_bytes", "more than 1300 needs congestion-safe transport on every hop (RFC 3428 8)");
        }
      });
}

}  // namespace

const ConfigSchema<PushConfig>& push_schema() {
  static const auto schema = make_schema();
  return schema;
}

}  // namespace herald::push
