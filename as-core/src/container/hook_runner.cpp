#include "container/hook_runner.h"

#include "container/container_events.h"
#include "container/core.h"
#include "container/request_checks.h"
#include "container/transactions.h"
#include "herald/metrics.h"

namespace herald::container {
namespace {

using Request = std::shared_ptr<detail::RequestState>;

Task<void> hook_of(SipServlet& servlet, SipServletRequest request) {
  const auto method = request.method();
  if (method == "INVITE") return servlet.do_invite(std::move(request));
  if (method == "ACK") return servlet.do_ack(std::move(request));
  if (method == "BYE") return servlet.do_bye(std::move(request));
  if (method == "OPTIONS") return servlet.do_options(std::move(request));
  if (method == "PRACK") return servlet.do_prack(std::move(request));
  if (method == "SUBSCRIBE") return servlet.do_subscribe(std::move(request));
  if (method == "NOTIFY") return servlet.do_notify(std::move(request));
  if (method == "MESSAGE") return servlet.do_message(std::move(request));
  if (method == "INFO") return servlet.do_info(std::move(request));
  if (method == "UPDATE") return servlet.do_update(std::move(request));
  if (method == "REFER") return servlet.do_refer(std::move(request));
  if (method == "PUBLISH") return servlet.do_publish(std::move(request));
  if (method == "REGISTER") return servlet.do_register(std::move(request));
  return servlet.do_request(std::move(request));
}

void count_unanswered() {
  static const auto counter =
      metrics::counter("herald_container_requests_unanswered_total", "Hooks that ended without an answer");
  counter.add();
}

bool unanswered(const detail::RequestState& request) {
  return request.incoming && !request.incoming->final_sent && !request.incoming->proxied && request.incoming->transaction;
}

// After a hook: whatever became of it, the request has an answer now.
void settle(Core& core, HostedServlet& hosted, const Request& request, bool threw) {
  if (!unanswered(*request)) return;
  if (!threw) {
    ++hosted.unanswered_count;
    count_unanswered();
    log::event(events::kUnanswered,
               {{"module", hosted.name}, {"method", request->message.method()}, {"trace", request->trace.text()}});
  }
  static_cast<void>(respond(core, *request, make_response(500)));
}

void hook_ended(Core& core, const Request& request) {
  --core.hooks;
  if (const auto application = request->application.lock()) {
    --application->hooks;
    core.sessions.check_later(application);
  }
}

Task<void> run(std::weak_ptr<Core> weak, HostedServlet* hosted, Request request) {
  std::exception_ptr error;
  try {
    auto task = hook_of(*hosted->servlet, SipServletRequest(request));
    co_await std::move(task);
  } catch (...) {
    error = std::current_exception();
  }
  const auto core = weak.lock();
  if (!core) co_return;  // stopped meanwhile; nobody is left to answer to
  if (error) core->hook_threw(*hosted, request->message.method(), error);
  settle(*core, *hosted, request, error != nullptr);
  hook_ended(*core, request);
}

Task<void> run_cancel(std::weak_ptr<Core> weak, HostedServlet* hosted, Request request) {
  std::exception_ptr error;
  try {
    auto task = hosted->servlet->do_cancel(SipServletRequest(request));
    co_await std::move(task);
  } catch (...) {
    error = std::current_exception();
  }
  const auto core = weak.lock();
  if (!core) co_return;
  if (error) core->hook_threw(*hosted, "CANCEL", error);
  hook_ended(*core, request);
}

Task<void> run_provisional(std::weak_ptr<Core> weak, HostedServlet* hosted, std::shared_ptr<detail::ResponseState> response) {
  std::exception_ptr error;
  try {
    auto task = hosted->servlet->do_provisional_response(SipServletResponse(response));
    co_await std::move(task);
  } catch (...) {
    error = std::current_exception();
  }
  const auto core = weak.lock();
  if (!core) co_return;
  if (error) core->hook_threw(*hosted, "provisional response", error);
  hook_ended(*core, response->request);
}

void hook_begins(Core& core, const Request& request) {
  ++core.hooks;
  if (const auto application = request->application.lock()) ++application->hooks;
}

}  // namespace

void run_request_hook(Core& core, HostedServlet& hosted, const Request& request) {
  hook_begins(core, request);
  spawn(run(core.weak_from_this(), &hosted, request));
}

void run_cancel_hook(Core& core, HostedServlet& hosted, const Request& request) {
  hook_begins(core, request);
  spawn(run_cancel(core.weak_from_this(), &hosted, request));
}

void run_provisional_hook(Core& core, HostedServlet& hosted, const std::shared_ptr<detail::ResponseState>& response) {
  hook_begins(core, response->request);
  spawn(run_provisional(core.weak_from_this(), &hosted, response));
}

}  // namespace herald::container
