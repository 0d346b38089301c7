#include "account.h"

#include "herald/sip_uri.h"

namespace herald::receiver {
namespace {

// Everything of a user goes the way he registered: what stands between knows him by that connection, whatever the size of the
// request (RFC 3261 18.1.1 would change to TCP in between).
std::string first_hop(const std::string& uri, bool over_tcp) {
  auto parsed = SipUri::parse(uri);
  if (!parsed) return uri;
  if (!parsed->params.has("lr")) parsed->params.set("lr");
  if (over_tcp && !parsed->params.has("transport")) parsed->params.set("transport", "tcp");
  return parsed->text();
}

bool over_tcp(const AgentOptions& options) { return options.contact.find(";transport=tcp") != std::string::npos; }

}  // namespace

std::vector<std::string> routes_of(const AgentShared& shared, const Account& account) {
  const auto& user = account.user;
  auto routes = account.service_route;
  if (routes.empty()) {
    const auto& hop = user.registers       ? shared.options->registrar
                      : user.route.empty() ? shared.context->node().next_hop
                                           : user.route;
    if (hop.empty()) return {};
    routes.push_back(hop);
  }
  routes.front() = first_hop(routes.front(), user.registers && over_tcp(*shared.options));
  return routes;
}

std::string registrar_of(const AgentOptions& options) { return first_hop(options.registrar, over_tcp(options)); }

SipHeaderField identity_field(const Account& account) {
  return {account.user.registers ? "P-Preferred-Identity" : "P-Asserted-Identity", "<" + account.user.identity + ">"};
}

Task<void> all_ended(const AgentShared* shared, const std::size_t* ending, Deadline deadline) {
  while (*ending > 0 && !deadline.passed(shared->context->clock())) (void)co_await sleep_for(std::chrono::milliseconds(10));
}

Expected<SipServletRequest> originate(const AgentShared& shared, const Account& account, std::string_view method,
                                      const std::string& to) {
  auto& factory = shared.context->sip_factory();
  const auto session = factory.create_application_session();
  if (auto set = session.set_expires(Duration::zero()); !set) return fail(std::move(set.error()));
  auto request = factory.create_request(session, method, "<" + account.user.identity + ">", "<" + to + ">");
  if (!request) return request;
  if (auto set = request->set_uri(to); !set) return fail(std::move(set.error()));
  const auto routes = routes_of(shared, account);
  for (auto route = routes.rbegin(); route != routes.rend(); ++route)
    if (auto set = request->push_route(*route); !set) return fail(std::move(set.error()));
  auto identity = identity_field(account);
  if (auto set = request->set_header(identity.name, std::move(identity.value)); !set) return fail(std::move(set.error()));
  return request;
}

std::vector<std::string> served_methods(const AgentOptions& options) {
  std::vector<std::string> methods{"MESSAGE", "OPTIONS", "NOTIFY"};
  if (options.sessions.enabled) methods.insert(methods.end(), {"INVITE", "ACK", "BYE", "CANCEL"});
  if (options.refer != ReferPolicy::deny) methods.emplace_back("REFER");
  return methods;
}

std::vector<std::string> served_events(const AgentOptions& options) {
  return options.subscribe.empty() && options.refer == ReferPolicy::deny ? std::vector<std::string>{}
                                                                         : std::vector<std::string>{options.package};
}

std::vector<std::string> served_extensions(const AgentOptions& options) {
  std::vector<std::string> tags{"path", "gruu"};
  if (options.refer != ReferPolicy::deny) tags.insert(tags.end(), {"norefersub", "nosub"});
  return tags;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : separator).append(word);
  return text;
}

}  // namespace herald::receiver
