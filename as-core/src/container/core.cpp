#include "container/core.h"

#include <algorithm>

#include "container/absent_services.h"
#include "container/container_events.h"
#include "container/dispatcher.h"
#include "container/registration_routes.h"
#include "container/servlet_context_impl.h"
#include "container/transactions.h"
#include "herald/metrics.h"

namespace herald::container {
namespace {

constexpr std::size_t kExceptionsToQuarantine = 5;
constexpr Duration kExceptionWindow = std::chrono::minutes(1);

std::string describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "not a std::exception";
  }
}

// Callid = word [ "@" word ]: RFC 3261 25.1.
std::string as_word(const std::string& name) {
  std::string text;
  for (const char c : name) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    text += good ? c : '-';
  }
  return text.empty() ? "herald" : text;
}

ims::RegistrationViewImpl::Options view_options(const ShardParts& parts) {
  ims::RegistrationViewImpl::Options options;
  options.max = (parts.limits.max_registrations + parts.count - 1) / parts.count;
  options.is_home = [index = parts.index, count = parts.count](std::string_view user) {
    return home_shard_of(user, count) == index;
  };
  return options;
}

}  // namespace

Core::Core(ShardParts shard_parts, Shards& all, const ModuleHost& host, std::shared_ptr<const Snapshot> first)
    : parts(std::move(shard_parts)),
      shards(all),
      snapshot(std::move(first)),
      router(profile_condition_test()),
      sessions(*this, parts.executor, parts.limits.session_timeout, parts.limits.max_sessions),
      invites(parts.executor.clock()),
      registrations(ims::RegistrationViewImpl::make(parts.executor, &parts.store, view_options(parts))),
      feed(*this),
      call_id_host(as_word(parts.node.name)) {
  if (parts.http_client == nullptr) parts.http_client = &no_http_client();
  if (parts.blobs == nullptr) parts.blobs = &no_blobs();
  if (parts.msrp == nullptr) parts.msrp = &no_msrp();
  notifier = make_notifier(*this);
  subscriber = make_subscriber(*this);
  event_state = make_event_state(*this);
  reg_event = std::make_unique<RegEventSubscriber>(*this);
  for (const auto& module : host.modules()) {
    auto hosted = std::make_unique<HostedServlet>();
    hosted->index = servlets.size();
    hosted->name = module.name;
    hosted->version = module.version;
    hosted->context = std::make_unique<ServletContextImpl>(*this, *hosted);
    const bool made = guarded(*hosted, "create_servlet", [&] {
      hosted->servlet = module.module->create_servlet();
      if (hosted->servlet) hosted->methods = hosted->servlet->methods();
    });
    if (!made || !hosted->servlet) start_error = "module " + module.name + " made no servlet";
    servlets.push_back(std::move(hosted));
  }
}

Core::~Core() = default;

Task<Expected<void>> Core::start() {
  const auto self = shared_from_this();
  if (!start_error.empty()) co_return fail(ErrorCode::internal, start_error);
  reconfigure(snapshot);
  own.build(parts.stack.listening(), parts.own_hosts, parts.node.name);
  if (auto loaded = co_await registrations->load(); !loaded) {
    co_return fail(loaded.error().code, "registrations could not be read: " + loaded.error().text);
  }
  if (parts.index == 0) add_registration_routes(*this);
  for (const auto& hosted : servlets) {
    std::exception_ptr error;
    try {
      auto init = hosted->servlet->init(*hosted->context);
      co_await std::move(init);
      hosted->initialised = true;
    } catch (...) {
      error = std::current_exception();
    }
    if (error) {
      hook_threw(*hosted, "init", error);
      co_return fail(ErrorCode::internal, "init of module " + hosted->name + ": " + describe(error));
    }
  }
  if (auto loaded = co_await notifier->load(); !loaded) {
    co_return fail(loaded.error().code, "subscriptions could not be read: " + loaded.error().text);
  }
  if (auto loaded = co_await event_state->load(); !loaded) {
    co_return fail(loaded.error().code, "publications could not be read: " + loaded.error().text);
  }
  // Only now: a request never meets a servlet that is not ready.
  parts.stack.on_request([weak = weak_from_this()](std::unique_ptr<sip::ServerTransaction> transaction) {
    const auto core = weak.lock();
    if (core && !core->stopped) dispatch(*core, std::move(transaction));
  });
  parts.stack.on_ack([weak = weak_from_this()](SipMessage ack) {
    const auto core = weak.lock();
    if (core && !core->stopped) dispatch_ack(*core, std::move(ack));
  });
  parts.stack.on_late_success([weak = weak_from_this()](const SipMessage& response) {
    const auto core = weak.lock();
    if (core && !core->stopped) take_late_success(*core, response);
  });
  reg_event->start();
  started = true;
  co_return Expected<void>();
}

void Core::reconfigure(std::shared_ptr<const Snapshot> next) {
  snapshot = std::move(next);
  std::vector<std::string> names;
  for (const auto& hosted : servlets) names.push_back(hosted->name);
  router.use(snapshot, names);
  own_identities = router.service_identities();
  for (const auto& identity : parts.own_identities) own_identities.push_back(canonical_identity(identity));
  for (const auto& hosted : servlets) {  // an operator's reload is a new chance
    hosted->quarantined = false;
    hosted->exceptions.clear();
  }
}

void Core::drain() {
  if (draining) return;
  draining = true;
  notifier->drain();
  parts.stack.stop_listening();
}

bool Core::idle() const noexcept {
  return server_transactions == 0 && client_transactions == 0 && hooks == 0 && notifier->outstanding() == 0;
}

void Core::stop() {
  if (stopped) return;
  stopped = true;
  draining = true;
  for (const auto& hosted : servlets) {
    if (hosted->initialised && hosted->servlet) hosted->servlet->destroy();
  }
  notifier->stop();
  reg_event->stop();
  subscriber->stop();
  event_state->stop();
  for (const auto& request : proxying) destroy_later(std::move(request->incoming->forwarded));
  proxying.clear();
  for (auto& [number, farewell] : farewells) destroy_later(std::move(farewell));
  farewells.clear();
  sessions.invalidate_all();
}

void Core::abandon_later(std::vector<std::shared_ptr<detail::RequestState>> clients) {
  client_transactions -= std::min(client_transactions, clients.size());
  parts.executor.complete([kept = std::move(clients)] {
    for (const auto& request : kept) {
      request->outgoing->transaction.reset();
      request->outgoing->promise.reset();  // the awaiter gets Error{gone}
    }
  });
}

void Core::hook_threw(HostedServlet& hosted, std::string_view what, const std::exception_ptr& error) noexcept {
  try {
    static const auto counter =
        metrics::counter("herald_container_hook_exceptions_total", "Exceptions that modules let out of their hooks");
    counter.add();
    ++hosted.exception_count;
    log::event(events::kHookThrew, {{"module", hosted.name}, {"hook", what}, {"cause", describe(error)}});
    const auto now = parts.executor.clock().now();
    auto& recent = hosted.exceptions;
    recent.push_back(now);
    while (now - recent.front() > kExceptionWindow) recent.pop_front();
    if (recent.size() >= kExceptionsToQuarantine && !hosted.quarantined) {
      hosted.quarantined = true;
      log::event(events::kQuarantined, {{"module", hosted.name}});
    }
  } catch (...) {  // out of memory while reporting: the request is answered all the same
    hosted.quarantined = true;
  }
}

ContainerStatus Core::status() const {
  ContainerStatus status;
  status.shard = parts.index;
  status.started = started;
  status.draining = draining;
  status.application_sessions = sessions.applications();
  status.sessions = sessions.sessions();
  status.dialogs = sessions.dialogs();
  status.server_transactions = server_transactions;
  status.client_transactions = client_transactions;
  status.registrations = registrations->size();
  for (const auto& hosted : servlets) {
    ModuleStatus module;
    module.name = hosted->name;
    module.version = hosted->version;
    module.quarantined = hosted->quarantined;
    module.exceptions = hosted->exception_count;
    module.unanswered = hosted->unanswered_count;
    status.modules.push_back(std::move(module));
  }
  status.hops = parts.stack.hops();
  return status;
}

}  // namespace herald::container
