#include "container/notifier_impl.h"

#include "container/core.h"
#include "container/dispatcher.h"
#include "container/request_checks.h"
#include "container/transactions.h"
#include "dialog/dialog_state.h"
#include "event/event_field.h"
#include "event/notify_rules.h"
#include "event/subscription_manager.h"

namespace herald::container {
namespace {

using Request = std::shared_ptr<detail::RequestState>;
using Manager = std::shared_ptr<event::SubscriptionManager>;

constexpr std::string_view kDrainRetry = "10";

Refusal refusal_of(int status, std::string why, std::vector<SipHeaderField> headers = {}) {
  return Refusal{status, {}, std::move(headers), std::move(why)};
}

Refusal refusal_of(const Error& error) {
  auto refusal = refusal_of(status_of_error(error), error.text);
  if (refusal.status == 500) {
    const auto wait = error.retry_after ? std::chrono::ceil<std::chrono::seconds>(*error.retry_after) : std::chrono::seconds(5);
    refusal.headers.push_back({"Retry-After", std::to_string(std::max<std::int64_t>(1, wait.count()))});
  }
  return refusal;
}

// S-5: nobody but a trusted peer says who subscribes.
std::string subscriber_of(const IscContext& isc) {
  if (!isc.trusted || isc.asserted_identity.empty()) return {};
  return canonical_identity(isc.asserted_identity.front().uri);
}

event::Opening opening_of(const detail::RequestState& request, SubscribeRequest& wish, Grant grant, dialog::DialogState dialog) {
  event::Opening opening;
  opening.dialog = std::move(dialog);
  opening.transport = request.incoming->peer.transport;
  if (const auto uri = SipUri::parse(request.message.uri()); uri && uri->is_sip()) opening.contact_user = uri->user;
  opening.package = std::move(wish.package);
  opening.event_id = std::move(wish.event_id);
  opening.event_params = wish.event_params.text();
  opening.subscriber = std::move(wish.subscriber);
  opening.icid = request.incoming->isc.icid;
  opening.rates = wish.rates;
  opening.accept = std::move(wish.accept);
  opening.expires = wish.expires;
  opening.suppress_if_match = std::move(wish.suppress_if_match);
  opening.grant = std::move(grant);
  return opening;
}

class Impl final : public NotifierImpl {
 public:
  explicit Impl(Core& core) : core_(core) {
    event::NotifierParts parts{.executor = core.parts.executor,
                               .stack = core.parts.stack,
                               .store = core.parts.store,
                               .is_home = [index = core.parts.index, count = core.parts.count](std::string_view resource) {
                                 return home_shard_of(resource, count) == index;
                               }};
    manager_ = std::make_shared<event::SubscriptionManager>(std::move(parts));
  }

  void add_package(EventPackage& package) override { manager_->add_package(package); }
  std::optional<SubscribeRequest> read(const SipServletRequest& request) override;
  Future<SubscriptionInfo> accept(SubscribeRequest wish, Grant grant, int status) override;

  void changed(std::string_view package, std::string_view resource, std::string_view key) override {
    manager_->changed(package, resource, key);
  }
  bool changed(std::string_view id) override { return manager_->changed(id); }
  bool activate(std::string_view id) override { return manager_->activate(id); }
  bool end(std::string_view id, EndReason reason, std::optional<std::chrono::seconds> retry_after) override {
    return manager_->end(id, reason, retry_after);
  }
  std::optional<SubscriptionInfo> get(std::string_view id) const override { return manager_->get(id); }
  std::vector<SubscriptionInfo> find(std::string_view package, std::string_view resource, std::string_view key) const override {
    return manager_->find_all(package, resource, key);
  }
  bool has_active(std::string_view package, std::string_view resource, std::string_view key) const override {
    return manager_->has_active(package, resource, key);
  }
  std::vector<SubscriptionInfo> list(std::string_view package, std::string_view after, std::size_t limit) const override {
    return manager_->list(package, after, limit);
  }
  std::size_t size() const noexcept override { return manager_->size(); }

  Task<Expected<void>> load() override { return manager_->load(); }
  bool take(const Request& request) override;
  void drain() override { draining_ = true; }
  void stop() override { manager_->stop(); }
  std::size_t outstanding() const noexcept override { return manager_->outstanding(); }

  [[nodiscard]] const Manager& manager() const noexcept { return manager_; }

 private:
  std::optional<Refusal> check(const SipServletRequest& request, SubscribeRequest& wish) const;
  std::optional<Refusal> check_event(const SipServletRequest& request, SubscribeRequest& wish) const;

  Core& core_;
  Manager manager_;
  bool draining_ = false;
};

Manager manager_of(Core& core) { return static_cast<Impl&>(*core.notifier).manager(); }

// -- reading

std::optional<Refusal> Impl::check_event(const SipServletRequest& request, SubscribeRequest& wish) const {
  if (request.method() == "REFER") {  // RFC 3515 2.4.6: its CSeq is the id
    const auto cseq = dialog::CSeq::parse(request.header("CSeq").value_or(""));
    if (!cseq) return refusal_of(400, "CSeq");
    wish.package = "refer";
    wish.event_id = std::to_string(cseq->number);
    if (manager_->package("refer") == nullptr) return refusal_of(405, "nobody takes REFER");
    if (request.message().headers.list("Refer-To").size() != 1) return refusal_of(400, "Refer-To");
    return std::nullopt;
  }
  const auto text = request.header("Event");
  auto field = text ? event::parse_event(*text) : Expected<event::EventField>(fail(ErrorCode::invalid, "no Event"));
  if (!field && text) return refusal_of(400, field.error().text);
  if (!field || manager_->package(field->package) == nullptr) {  // PS-61
    std::vector<SipHeaderField> headers;
    headers.push_back({"Allow-Events", manager_->allow_events()});
    return refusal_of(489, field ? "unknown event package" : "no Event", std::move(headers));
  }
  wish.package = std::move(field->package);
  wish.event_id = std::move(field->id);
  wish.event_params = std::move(field->params);
  wish.rates = field->rates;
  return std::nullopt;
}

// Order: isc-as.md 11.
std::optional<Refusal> Impl::check(const SipServletRequest& request, SubscribeRequest& wish) const {
  if (draining_ || core_.draining) {
    std::vector<SipHeaderField> headers;
    headers.push_back({"Retry-After", std::string(kDrainRetry)});
    return refusal_of(503, "the node drains", std::move(headers));
  }
  if (auto refusal = check_event(request, wish)) return refusal;
  const bool refer = request.method() == "REFER";
  const auto& headers = request.message().headers;
  if (!refer && event::body_must_be_understood(request.message())) {
    std::vector<SipHeaderField> extra;
    extra.push_back({"Accept", ""});
    return refusal_of(415, "a body that must be understood", std::move(extra));
  }
  auto& package = *manager_->package(wish.package);
  const auto rules = package.rules();
  if (!refer) {
    wish.accept = event::accept_ranges(headers);
    // An Accept without a range allows nothing at all (RFC 3261 20.1).
    const bool none = wish.accept.empty() && headers.has("Accept");
    if (none || !package.acceptable(wish.accept)) {  // PS-67
      std::vector<SipHeaderField> extra;
      extra.push_back({"Accept", event::list_text(rules.body_types)});
      return refusal_of(406, "Accept", std::move(extra));
    }
    auto expires = event::expires_of(headers);
    if (!expires) return refusal_of(400, expires.error().text);
    wish.expires = *expires;
    if (!event::granted_expires(wish.expires, rules, 0)) {  // PS-64
      std::vector<SipHeaderField> extra;
      extra.push_back({"Min-Expires", std::to_string(rules.min_expires.count())});
      return refusal_of(423, "Expires", std::move(extra));
    }
    wish.suppress_if_match = event::suppress_if_match(headers);
  }
  const auto contacts = headers.list("Contact");
  if (contacts.size() != 1 || !NameAddr::parse(contacts.front())) return refusal_of(400, "Contact");
  return std::nullopt;
}

std::optional<SubscribeRequest> Impl::read(const SipServletRequest& request) {
  SubscribeRequest wish{request, {}, {}, {}, {}, {}, {}, {}, {}};
  wish.subscriber = subscriber_of(request.isc());
  if (const auto refusal = check(request, wish)) {
    refuse(core_, *request.state(), *refusal);
    return std::nullopt;
  }
  return wish;
}

// -- accepting

// The call on the resource's home shard, its result on ours.
Future<event::Begun> begin_at(Core& home, bool here, event::Opening opening) {
  auto promise = std::make_shared<Promise<event::Begun>>();
  auto future = promise->future();
  struct Run {
    static Task<void> begin(Manager manager, event::Opening opening, std::shared_ptr<Promise<event::Begun>> promise) {
      auto beginning = manager->begin(std::move(opening));
      auto begun = co_await std::move(beginning);
      promise->set(std::move(begun));
    }
  };
  if (here) {
    spawn(Run::begin(manager_of(home), std::move(opening), promise));
    return future;
  }
  const bool posted =
      home.parts.executor.execute([weak = home.weak_from_this(), opening = std::move(opening), promise]() mutable {
        const auto core = weak.lock();
        if (!core || core->stopped) return;
        spawn(Run::begin(manager_of(*core), std::move(opening), promise));
      });
  if (!posted) promise->set(fail(Error{ErrorCode::busy, "the home shard is overloaded", std::chrono::seconds(1)}));
  return future;
}

void tell_home(Core& here, Core& home, event::EntryHandle handle, bool accepted) {
  const auto tell = [](event::SubscriptionManager& manager, event::EntryHandle which, bool sent) {
    if (sent) {
      manager.answered(which);
    } else {
      manager.discard(which);
    }
  };
  if (&here == &home) return tell(*manager_of(home), handle, accepted);
  home.parts.executor.complete([weak = home.weak_from_this(), handle, accepted, tell] {
    if (const auto core = weak.lock()) tell(*manager_of(*core), handle, accepted);
  });
}

SipMessage success(const SubscribeRequest& wish, const event::Begun& begun, int status, const std::string& allow_events) {
  auto response = make_response(status);
  auto& headers = response.headers;
  headers.add("Contact", "<" + begun.local_contact + ">");
  if (wish.request.method() == "SUBSCRIBE") {
    headers.add("Expires", std::to_string(begun.expires.count()));
    headers.add("Allow-Events", allow_events);
  }
  return response;
}

Task<void> run_accept(std::weak_ptr<Core> weak, SubscribeRequest wish, Grant grant, int status,
                      std::shared_ptr<Promise<SubscriptionInfo>> promise) {
  auto core = weak.lock();
  if (!core) co_return;
  const auto state = wish.request.state();
  const auto give_up = [&](const Error& error) {
    refuse(*core, *state, refusal_of(error));
    promise->set(fail(error));
  };
  if (!state->incoming || !state->incoming->transaction || state->incoming->final_sent) {
    promise->set(fail(ErrorCode::gone, "the request has its answer"));
    co_return;
  }
  auto dialog = dialog::uas_dialog(state->message, state->incoming->transaction->local_tag(), {});
  if (!dialog) co_return give_up(dialog.error());
  auto* const home = core->shards.core(home_shard_of(grant.resource, core->parts.count));
  if (home == nullptr) co_return give_up(Error{ErrorCode::unavailable, "no such shard"});
  auto opening = opening_of(*state, wish, std::move(grant), std::move(*dialog));
  auto beginning = begin_at(*home, home == core.get(), std::move(opening));
  core.reset();
  auto begun = co_await beginning;
  core = weak.lock();
  if (!core || core->stopped) co_return;
  if (!begun) co_return give_up(begun.error());
  state->incoming->own_dialog = true;
  const auto sent = respond(*core, *state, success(wish, *begun, status, manager_of(*core)->allow_events()));
  tell_home(*core, *home, begun->handle, sent.has_value());
  if (sent) {
    promise->set(std::move(begun->info));
  } else {
    promise->set(fail(sent.error()));
  }
}

Future<SubscriptionInfo> Impl::accept(SubscribeRequest wish, Grant grant, int status) {
  auto promise = std::make_shared<Promise<SubscriptionInfo>>();
  auto future = promise->future();
  spawn(run_accept(core_.weak_from_this(), std::move(wish), std::move(grant), status, promise));
  return future;
}

// -- in the dialog

Task<void> run_take(std::weak_ptr<Core> weak, Manager manager, Request request, event::EntryHandle handle) {
  auto message = std::shared_ptr<const SipMessage>(request, &request->message);
  auto serving = manager->subscribe(handle, std::move(message));
  const auto answer = co_await std::move(serving);
  const auto core = weak.lock();
  if (!core || core->stopped) co_return;
  if (answer.status >= 300) {
    refuse(*core, *request, refusal_of(answer.status, answer.why, answer.headers));
  } else {
    auto response = make_response(answer.status);
    for (const auto& header : answer.headers) response.headers.add(header.name, header.value);
    static_cast<void>(respond(*core, *request, std::move(response)));
  }
  manager->answered(handle, answer);
}

bool Impl::take(const Request& request) {
  const auto& headers = request->message.headers;
  const auto handle = manager_->find(headers.get("Call-ID").value_or(""), dialog::tag_of(headers.get("To").value_or("")),
                                     dialog::tag_of(headers.get("From").value_or("")));
  if (handle.generation == 0) return false;
  if (const auto refusal = check_require(request->message, "Require")) {
    refuse(core_, *request, *refusal);
    return true;
  }
  spawn(run_take(core_.weak_from_this(), manager_, request, handle));
  return true;
}

}  // namespace

std::unique_ptr<NotifierImpl> make_notifier(Core& core) { return std::make_unique<Impl>(core); }

}  // namespace herald::container
