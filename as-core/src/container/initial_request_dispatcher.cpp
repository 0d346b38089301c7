#include <algorithm>

#include "container/container_events.h"
#include "container/core.h"
#include "container/dispatcher.h"
#include "container/hook_runner.h"
#include "container/request_checks.h"
#include "container/transactions.h"
#include "herald/metrics.h"
#include "ims/ims_events.h"

namespace herald::container {
namespace {

using Request = std::shared_ptr<detail::RequestState>;

bool has_method(const HostedServlet& hosted, std::string_view method) {
  return std::find(hosted.methods.begin(), hosted.methods.end(), method) != hosted.methods.end();
}

// Everything any module offers; what an OPTIONS gets and a 501 adds.
std::string allow_of_all(const Core& core) {
  std::vector<std::string_view> methods{"OPTIONS", "ACK", "CANCEL", "REGISTER"};
  for (const auto& hosted : core.servlets) {
    for (const auto method : hosted->methods) {
      if (std::find(methods.begin(), methods.end(), method) == methods.end()) methods.push_back(method);
    }
  }
  return allow_list(methods);
}

// RFC 3261 11.2, isc-as.md 11.
void answer_options(Core& core, const Request& request) {
  auto response = make_response(200);
  response.headers.add("Allow", allow_of_all(core));
  response.headers.add("Accept", "*/*");
  response.headers.add("Accept-Encoding", "identity");
  response.headers.add("Supported", "");
  std::string events;
  for (const auto& profile : core.snapshot->profiles) {
    if (!profile.package_name.empty() && events.find(profile.package_name) == std::string::npos) {
      events.append(events.empty() ? "" : ", ").append(profile.package_name);
    }
  }
  if (!events.empty()) response.headers.add("Allow-Events", events);
  static_cast<void>(respond(core, *request, std::move(response)));
}

std::optional<RegistrationType> registration_type(const Core& core, const SipMessage& request) {
  if (request.method() != "REGISTER") return std::nullopt;
  if (request.headers.get("Expires").value_or("") == "0") return RegistrationType::de_registration;
  const auto to = NameAddr::parse(request.headers.get("To").value_or(""));
  const bool known = to && core.registrations->find(canonical_identity(to->uri)) != nullptr;
  return known ? RegistrationType::re_registration : RegistrationType::initial;
}

// True when the request is done with.
bool refuse_merged(Core& core, const Request& request) {
  auto& incoming = *request->incoming;
  auto key = merge_key(request->message, incoming.isc.popped_route ? incoming.isc.popped_route->text() : "");
  auto& running = core.initial_in_progress[key];
  if (running > 0) {
    refuse(core, *request, Refusal{482, {}, {}, "merged request"});
    return true;
  }
  running = 1;
  incoming.merge_key = std::move(key);
  return false;
}

// REGISTER is answered at once, whatever a module does with it (AS-11).
bool feed_registrations(Core& core, const Request& request, bool answer) {
  if (!request->incoming->isc.trusted) {  // AS-10
    log::event(ims::events::kRegisterRefused, {{"cause", "untrusted peer"}, {"peer", request->incoming->peer.host}});
    refuse(core, *request, Refusal{403, {}, {}, "REGISTER from an untrusted peer"});
    return false;
  }
  auto response = core.feed.take(request->message, request->trace.text());
  const bool accepted = response.status() == 200;
  if (answer || !accepted) static_cast<void>(respond(core, *request, std::move(response)));
  return accepted;
}

void pass_by(Core& core, const Request& request, bool skippable) {
  if (skippable && request->incoming->isc.has_onward_route()) {
    static_cast<void>(proxy_onward(core, request));
  } else {
    refuse(core, *request, Refusal{500, {}, {}, "module in quarantine"});
  }
}

void run_module(Core& core, const Request& request, const Selection& selection) {
  auto& hosted = *core.servlets[selection.module];
  auto& incoming = *request->incoming;
  if (hosted.quarantined || !hosted.initialised) return pass_by(core, request, selection.skippable);
  if (const auto refusal = check_require(request->message, "Require", hosted.servlet->option_tags()))
    return refuse(core, *request, *refusal);
  if (refuse_merged(core, request)) return;
  const auto application = core.sessions.create_application(hosted);
  if (!application) {
    log::event(events::kSessionLimit, {{"limit", core.parts.limits.max_sessions}});
    return refuse(core, *request, Refusal{500, {}, {{"Retry-After", "5"}}, "too many sessions"});
  }
  const auto session = core.sessions.create_session(*application);
  session->dialog.call_id = std::string(request->message.headers.get("Call-ID").value_or(""));
  bind_to_session(core, request, *session);
  incoming.initial = true;
  incoming.trigger = selection.trigger;
  incoming.service = selection.service;
  incoming.skippable = selection.skippable;
  if (request->message.method() == "INVITE" && incoming.transaction) {
    incoming.transaction->on_cancel([weak_core = core.weak_from_this(), weak = std::weak_ptr(request)] {
      const auto alive = weak_core.lock();
      const auto cancelled = weak.lock();
      if (alive && cancelled) dispatch_cancel(*alive, cancelled);
    });
  }
  log::debug("request dispatched", {{"service", selection.service},
                                    {"trigger", selection.trigger},
                                    {"module", hosted.name},
                                    {"method", request->message.method()},
                                    {"trace", request->trace.text()}});
  run_request_hook(core, hosted, request);
}

}  // namespace

void dispatch_initial(Core& core, const Request& request) {
  const auto& message = request->message;
  const auto& isc = request->incoming->isc;
  const auto& method = message.method();
  if (method == "ACK") return;  // belongs to nothing; never answered
  const bool options_for_us = method == "OPTIONS" && !isc.has_onward_route();
  if (max_forwards(message) == 0 && !options_for_us) return refuse(core, *request, Refusal{483, {}, {}, "Max-Forwards is 0"});

  const auto selection = core.router.select(message, isc, registration_type(core, message));
  if (selection.profile_mismatch) {
    log::event(events::kProfileMismatch, {{"route", isc.popped_route ? isc.popped_route->text() : ""}});
  }
  const bool module_wants = selection.to == Selection::To::module && has_method(*core.servlets[selection.module], method);
  if (method == "REGISTER") {
    if (feed_registrations(core, request, !module_wants) && module_wants) run_module(core, request, selection);
    return;
  }
  if (method == "OPTIONS" && !module_wants && !isc.has_onward_route()) return answer_options(core, request);
  switch (selection.to) {
    case Selection::To::module:
      return run_module(core, request, selection);
    case Selection::To::onward:
      static_cast<void>(proxy_onward(core, request));
      return;
    case Selection::To::registration_feed:
    case Selection::To::nobody:
      break;
  }
  if (method == "BYE" || method == "NOTIFY" || method == "PRACK" || method == "UPDATE" || method == "INFO") {
    return refuse(core, *request, Refusal{481, {}, {}, "no such dialog"});
  }
  if (!is_known_method(method)) {
    return refuse(core, *request, Refusal{501, {}, {{"Allow", allow_of_all(core)}}, "unknown method"});
  }
  refuse(core, *request, Refusal{404, {}, {}, "no service wants it and it has no way on"});
}

}  // namespace herald::container
