#include "publication.h"

#include <charconv>

#include "pidf_document.h"
#include "registration_rules.h"

namespace herald::receiver {
namespace {

constexpr auto kPublishTime = std::chrono::seconds(40);  // beyond Timer F
constexpr int kMostCorrections = 3;                      // 412 and 423 in a row

std::optional<std::chrono::seconds> seconds_of(std::optional<std::string_view> text) {
  std::uint32_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return std::chrono::seconds(value);
}

}  // namespace

void Publications::begin(Account& account) {
  auto& publication = publications_[&account];
  if (publication) return;
  publication = std::make_unique<Publication>(
      Publication{account, {}, std::chrono::seconds(shared_.options->publish_expires), 0, false, {}});
  spawn(refresh(this, publication.get()));
}

void Publications::cancel() {
  for (const auto& [account, publication] : publications_) shared_.context->executor().timers().cancel(publication->timer);
}

void Publications::schedule(Publication& publication, Duration delay) {
  if (shared_.stopping) return;
  publication.timer = shared_.context->executor().timers().start_at(shared_.context->clock().now() + delay,
                                                                    [this, &publication] { spawn(refresh(this, &publication)); });
}

Task<void> Publications::refresh(Publications* self, Publication* publication) {
  auto& shared = self->shared_;
  publication->timer = {};
  if (shared.stopping || publication->busy) co_return;
  publication->busy = true;
  const bool first = publication->etag.empty();
  const auto deadline = Deadline::after(shared.context->clock(), kPublishTime);
  const auto outcome = co_await publish(self, publication, publication->expires, deadline);
  publication->busy = false;
  const auto& user = publication->account.user.identity;
  if (outcome.status == 200) {
    publication->failures = 0;
    std::vector<EventField> fields{{"user", user}, {"etag", outcome.etag}, number_field("expires", outcome.granted.count())};
    if (!first) fields.push_back({"refresh", "true", true});
    shared.tell("published", fields);
    self->schedule(*publication, refresh_after(outcome.granted));
    co_return;
  }
  const auto wait = retry_after_failure(++publication->failures + 2, outcome.retry_after);
  shared.tell("error", {{"user", user},
                        {"what", "publication"},
                        number_field("status", outcome.status),
                        {"reason", outcome.reason},
                        number_field("retry_in", std::chrono::ceil<std::chrono::seconds>(wait).count())});
  self->schedule(*publication, wait);
}

// With the entity-tag it has: a refresh without body. Without: the whole state.
Task<Publications::Outcome> Publications::publish(Publications* self, Publication* publication, std::chrono::seconds expires,
                                                  Deadline deadline) {
  Outcome outcome;
  for (int corrections = 0;;) {
    auto request = self->make_request(*publication, expires);
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
      outcome.etag = answer->header("SIP-ETag").value_or("");
      outcome.granted = seconds_of(answer->header("Expires")).value_or(expires);
      publication->etag = expires.count() > 0 ? outcome.etag : "";
      co_return outcome;
    }
    if (++corrections > kMostCorrections) co_return outcome;
    if (outcome.status == 412 && !publication->etag.empty() && expires.count() > 0) {
      publication->etag.clear();  // it is gone there: the whole state again
      continue;
    }
    const auto least = seconds_of(answer->header("Min-Expires"));
    if (outcome.status == 423 && least && *least > expires && expires.count() > 0) {
      publication->expires = expires = *least;
      continue;
    }
    co_return outcome;
  }
}

Expected<SipServletRequest> Publications::make_request(const Publication& publication, std::chrono::seconds expires) const {
  const auto& account = publication.account;
  auto request = originate(shared_, account, "PUBLISH", account.user.identity);
  if (!request) return request;
  if (auto set = request->set_header("Event", "presence"); !set) return fail(std::move(set.error()));
  if (auto set = request->set_header("Expires", std::to_string(expires.count())); !set) return fail(std::move(set.error()));
  if (!publication.etag.empty()) {
    if (auto set = request->set_header("SIP-If-Match", publication.etag); !set) return fail(std::move(set.error()));
  } else if (auto set = request->set_content("application/pidf+xml", document(account)); !set) {
    return fail(std::move(set.error()));
  }
  return request;
}

std::string Publications::document(const Account& account) const {
  const auto& options = *shared_.options;
  Capabilities capabilities;
  capabilities.entity = account.user.identity;
  capabilities.contact = contact_uri(options, account.user);
  capabilities.apps = account.user.policy.apps;
  // "Everything" is worth no list, unless content may be referred to.
  if (!account.user.policy.accept.empty() || account.user.policy.external_bodies)
    capabilities.types = accept_list(account.user.policy);
  capabilities.sessions = options.sessions.enabled;
  capabilities.methods = served_methods(options);
  capabilities.events = served_events(options);
  capabilities.extensions = served_extensions(options);
  return write_pidf(capabilities, shared_.context->clock().wall());
}

Task<void> Publications::remove(Publications* self, Publication* publication, Deadline deadline) {
  const auto outcome = co_await publish(self, publication, std::chrono::seconds(0), deadline);
  const auto& user = publication->account.user.identity;
  if (outcome.status == 200)
    self->shared_.tell("unpublished", {{"user", user}});
  else
    self->shared_.tell("error", {{"user", user},
                                 {"what", "removal of the publication"},
                                 number_field("status", outcome.status),
                                 {"reason", outcome.reason}});
  --self->ending_;
}

Task<void> Publications::end(Deadline deadline) {
  cancel();
  for (const auto& [account, publication] : publications_) {
    if (publication->etag.empty()) continue;
    ++ending_;
    spawn(remove(this, publication.get(), deadline));
  }
  co_await all_ended(&shared_, &ending_, deadline);
}

}  // namespace herald::receiver
