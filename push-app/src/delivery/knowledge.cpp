#include "delivery/knowledge.h"

#include <utility>

#include "delivery/devices.h"
#include "push_catalog.h"

namespace herald::push {
namespace {

ShQuery query_for(const std::string& user, const std::string& trace, ShDataRef data) {
  ShQuery query;
  query.user = user;
  query.trace = trace;
  query.data = data;
  return query;
}

}  // namespace

HssAnswer read_repository(const ShReply& reply, std::string_view trace) {
  HssAnswer answer;
  switch (reply.result) {
    case ShResult::ok:
      break;
    case ShResult::no_data:
      return answer;
    case ShResult::user_unknown:
      answer.state = HssAnswer::State::user_unknown;
      return answer;
    default:
      answer.state = HssAnswer::State::failed;
      return answer;
  }
  if (!reply.data || !reply.data->repository || reply.data->repository->service_data.empty()) return answer;
  auto profile = parse_push_profile(reply.data->repository->service_data);
  if (profile) {
    answer.profile = std::move(*profile);
  } else {
    log::event(catalog::kBadProfile, {{"trace", trace}, {"cause", profile.error().text}});
  }
  return answer;
}

Reachability read_registration(const Registration* registration) {
  Reachability reach;
  if (registration == nullptr) {
    reach.state = Reachability::State::unregistered;
    return reach;
  }
  reach.state = Reachability::State::registered;
  reach.scscf = registration->scscf;
  reach.contacts_known = registration->contacts_known;
  reach.contacts = registration->contacts;
  return reach;
}

Reachability read_user_state(const ShReply& reply) {
  Reachability reach;
  reach.state = Reachability::State::unknown;
  if (!reply.ok() || !reply.data || !reply.data->state) return reach;
  reach.state =
      *reply.data->state == ImsUserState::registered ? Reachability::State::registered : Reachability::State::unregistered;
  return reach;
}

Capabilities read_capabilities(const CapabilityBook& book, const std::string& user, const HssAnswer& hss,
                               std::string_view application, std::string_view address) {
  const auto contact = is_device(address) ? std::string(address) : std::string();
  return book.capabilities(user, contact, std::string(application), hss.profile ? &*hss.profile : nullptr);
}

Task<HssAnswer> ask_profile(ServletContext* context, std::shared_ptr<const PushConfig> config, std::string user,
                            std::string trace, Deadline deadline) {
  auto repository = query_for(user, trace, ShDataRef::repository_data);
  repository.service_indication = config->service_indication;
  const auto profile = co_await context->sh().user_data(std::move(repository), deadline);
  co_return read_repository(profile.value_or(ShReply{}), trace);
}

namespace {

Task<Knowledge> ask_network(ServletContext* context, std::shared_ptr<const PushConfig> config,
                            std::shared_ptr<const bool> stopped, std::string user, std::string trace) {
  Knowledge known;
  if (!config->ask_hss) {
    known.reach = read_registration(context->registrations().find(user));
    co_return known;
  }
  const auto deadline = Deadline::after(context->clock(), config->hss_deadline);
  known.hss = co_await ask_profile(context, config, user, trace, deadline);
  if (*stopped) co_return known;

  // After the question: a registration may have come meanwhile.
  known.reach = read_registration(context->registrations().find(user));
  if (known.reach.state == Reachability::State::registered || known.hss.state == HssAnswer::State::user_unknown) co_return known;

  // The view knows only what third-party REGISTERs told this node. The HSS may know better; if it does not answer either, trying
  // is the way to find out: the S-CSCF says 480 when nobody is there.
  auto state_query = query_for(user, trace, ShDataRef::user_state);
  const auto state = co_await context->sh().user_data(std::move(state_query), deadline);
  if (*stopped) co_return known;
  const auto* registration = context->registrations().find(user);
  if (registration != nullptr) {
    known.reach = read_registration(registration);
    co_return known;
  }
  const auto state_reply = state.value_or(ShReply{});
  known.reach = read_user_state(state_reply);
  if (state_reply.result == ShResult::user_unknown) known.hss.state = HssAnswer::State::user_unknown;
  if (known.reach.state != Reachability::State::registered) co_return known;

  auto name_query = query_for(user, trace, ShDataRef::scscf_name);
  const auto name = co_await context->sh().user_data(std::move(name_query), deadline);
  if (name && name->ok() && name->data && name->data->scscf_name) known.reach.scscf = *name->data->scscf_name;
  co_return known;
}

}  // namespace

Task<Knowledge> gather_knowledge(ServletContext* context, std::shared_ptr<const PushConfig> config,
                                 std::shared_ptr<const bool> stopped, Books books, std::string user, std::string application,
                                 std::string trace) {
  auto known = co_await ask_network(context, std::move(config), stopped, user, std::move(trace));
  if (*stopped) co_return known;
  auto consent = co_await ConsentBook::look(books.consent, user, application);
  if (*stopped) co_return known;
  if (consent) {
    known.consent = std::move(*consent);
  } else {
    known.consent_unknown = true;
  }
  // Last, so that what a question above taught is in it.
  known.capabilities = read_capabilities(*books.capabilities, user, known.hss, application);
  co_return known;
}

}  // namespace herald::push
