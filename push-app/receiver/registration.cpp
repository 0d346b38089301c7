#include "registration.h"

#include <utility>

#include "registration_rules.h"

namespace herald::receiver {
namespace {

// ims_auth of a well-known S-CSCF sends the 401 before it stores the vector: who answers within a millisecond is challenged
// again. After a pause it works; still, further challenges are answered, but not for ever (a wrong password looks the same).
constexpr auto kBeforeAnswer = std::chrono::milliseconds(100);
constexpr int kMostChallenges = 4;
constexpr int kMostRaises = 3;                            // 423 in a row
constexpr auto kRegisterTime = std::chrono::seconds(40);  // beyond Timer F

std::string number(std::int64_t value) { return std::to_string(value); }

}  // namespace

Expected<void> Registrations::add(Account& account, Duration delay) {
  auto application = shared_.context->sip_factory().create_application_session();
  if (auto kept = application.set_expires(Duration::zero()); !kept) return kept;
  application.set_invalidate_when_ready(false);
  registrations_.push_back(std::make_unique<Registration>(
      Registration{account, std::move(application), {}, {}, 0, shared_.options->expires, 0, false, {}}));
  schedule(*registrations_.back(), delay);
  return {};
}

void Registrations::cancel() {
  for (const auto& registration : registrations_) shared_.context->executor().timers().cancel(registration->timer);
}

// Where requests of ours go from now on (RFC 3608), and by which address this one device is known (RFC 5627).
void Registrations::learn(Account& account, const SipMessage& response) const {
  account.service_route.clear();
  for (const auto value : response.headers.list("Service-Route"))
    if (const auto route = NameAddr::parse(value)) account.service_route.push_back(route->uri);
  account.gruu.clear();
  const auto own = SipUri::parse(contact_uri(*shared_.options, account.user));
  for (const auto value : response.headers.list("Contact")) {
    const auto contact = NameAddr::parse(value);
    const auto uri = contact ? SipUri::parse(contact->uri) : Expected<SipUri>(fail(ErrorCode::invalid, ""));
    if (!uri || !own || !uri->equals(*own)) continue;
    auto gruu = std::string(contact->params.get("pub-gruu").value_or(""));
    if (gruu.size() >= 2 && gruu.front() == '"') gruu = gruu.substr(1, gruu.size() - 2);
    account.gruu = std::move(gruu);
  }
}

void Registrations::schedule(Registration& registration, Duration delay) {
  if (shared_.stopping) return;
  const auto due = shared_.context->clock().now() + delay;
  registration.timer =
      shared_.context->executor().timers().start_at(due, [this, &registration] { spawn(refresh(&registration)); });
}

Task<void> Registrations::refresh(Registration* registration) {
  registration->timer = {};
  if (shared_.stopping || registration->busy) co_return;
  registration->busy = true;
  const auto deadline = Deadline::after(shared_.context->clock(), kRegisterTime);
  const auto outcome = co_await register_once(registration, registration->expires, deadline);
  registration->busy = false;
  if (outcome.status == 200) {
    registration->failures = 0;
    std::vector<EventField> fields{{"user", registration->account.user.identity},
                                   {"contact", contact_uri(*shared_.options, registration->account.user)},
                                   {"expires", number(outcome.granted.count()), true}};
    if (registration->account.registered) fields.push_back({"refresh", "true", true});
    registration->account.registered = ever_registered_ = true;
    shared_.tell("registered", fields);
    on_registered_(registration->account);
    schedule(*registration, refresh_after(outcome.granted));
    co_return;
  }
  // What the registrar had is valid until it expires; after a refusal nobody knows, so it is told as an error either way.
  const auto wait = retry_after_failure(++registration->failures, outcome.retry_after);
  shared_.tell("error", {{"user", registration->account.user.identity},
                         {"what", "registration"},
                         number_field("status", outcome.status),
                         {"reason", outcome.reason},
                         number_field("retry_in", std::chrono::ceil<std::chrono::seconds>(wait).count())});
  schedule(*registration, wait);
}

Task<Registrations::Outcome> Registrations::register_once(Registration* registration, std::chrono::seconds expires,
                                                          Deadline deadline) {
  Outcome outcome;
  for (int challenges = 0, raises = 0;;) {
    auto request = make_register(*registration, expires);
    if (!request) {
      outcome.reason = request.error().text;
      co_return outcome;
    }
    const auto answer = co_await request->send(deadline);
    if (!answer) {
      outcome.reason = answer.error().text;
      co_return outcome;
    }
    outcome.status = answer->status();
    outcome.reason = answer->reason();
    outcome.retry_after = answer->retry_after();
    if (outcome.status == 200) {
      learn(registration->account, answer->message());
      outcome.granted = granted_expires(answer->message(), contact_uri(*shared_.options, registration->account.user), expires);
      co_return outcome;
    }
    if (const auto least = min_expires(answer->message());
        outcome.status == 423 && least && *least > expires && ++raises <= kMostRaises) {
      registration->expires = expires = *least;  // RFC 3261 10.2.8
      continue;
    }
    if (outcome.status != 401 && outcome.status != 407) co_return outcome;
    auto challenge =
        DigestChallenge::parse(answer->header(outcome.status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate").value_or(""));
    if (!challenge) {
      outcome.reason = challenge.error().text;
      co_return outcome;
    }
    if (++challenges > kMostChallenges) {
      outcome.reason = "challenged " + number(challenges) + " times: is the password right?";
      co_return outcome;
    }
    registration->challenge = std::move(*challenge);
    registration->nonce_count = 0;
    (void)co_await sleep_for(kBeforeAnswer);
  }
}

Expected<SipServletRequest> Registrations::make_register(Registration& registration, std::chrono::seconds expires) {
  const auto identity = "<" + registration.account.user.identity + ">";
  auto request = registration.session && registration.session->valid()
                     ? registration.session->create_request("REGISTER")
                     : shared_.context->sip_factory().create_request(registration.application, "REGISTER", identity, identity);
  if (!request) return request;
  registration.session = request->session();
  const auto uri = "sip:" + registration.account.user.domain;
  const std::pair<const char*, std::string> headers[] = {
      {"Contact", contact_header(*shared_.options, registration.account.user)},
      {"Expires", number(expires.count())},
      {"Supported", joined(served_extensions(*shared_.options))},
      {"Allow", joined(served_methods(*shared_.options))},
      {"Authorization", authorization(registration, uri)},
  };
  if (auto set = request->set_uri(uri); !set) return fail(std::move(set.error()));
  if (auto set = request->push_route(registrar_of(*shared_.options)); !set) return fail(std::move(set.error()));
  for (const auto& [name, value] : headers)
    if (auto set = request->set_header(name, value); !set) return fail(std::move(set.error()));
  return request;
}

std::string Registrations::authorization(Registration& registration, const std::string& uri) {
  const auto& user = registration.account.user;
  if (!registration.challenge) return empty_authorization(user.private_identity, user.domain, uri);
  DigestRequest request{"REGISTER", uri, random_token(16), ++registration.nonce_count};
  return digest_authorization(*registration.challenge, {user.private_identity, user.password}, request);
}

Task<void> Registrations::deregister(Registration* registration, Deadline deadline) {
  const auto outcome = co_await register_once(registration, std::chrono::seconds(0), deadline);
  registration->account.registered = false;
  if (outcome.status == 200)
    shared_.tell("unregistered", {{"user", registration->account.user.identity}});
  else
    shared_.tell("error", {{"user", registration->account.user.identity},
                           {"what", "de-registration"},
                           number_field("status", outcome.status),
                           {"reason", outcome.reason}});
  --ending_;
}

Task<void> Registrations::end(Deadline deadline) {
  for (const auto& registration : registrations_) {
    shared_.context->executor().timers().cancel(registration->timer);
    // A REGISTER under way may still make a registration: it is taken back as well.
    if (!registration->account.registered && !registration->busy) continue;
    ++ending_;
    spawn(deregister(registration.get(), deadline));
  }
  co_await all_ended(&shared_, &ending_, deadline);
}

}  // namespace herald::receiver
