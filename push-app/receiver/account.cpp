#include "account.h"

#include "herald/sip_uri.h"

namespace herald::receiver {
namespace {

std::string loose(const std::string& uri) {
  auto parsed = SipUri::parse(uri);
  if (!parsed || parsed->params.has("lr")) return uri;
  parsed->params.set("lr");
  return parsed->text();
}

}  // namespace

std::vector<std::string> routes_of(const AgentShared& shared, const Account& account) {
  if (!account.service_route.empty()) return account.service_route;
  const auto& hop = account.user.registers        ? shared.options->registrar
                    : !account.user.route.empty() ? account.user.route
                                                  : shared.context->node().next_hop;
  if (hop.empty()) return {};
  return {loose(hop)};
}

SipHeaderField identity_field(const Account& account) {
  return {account.user.registers ? "P-Preferred-Identity" : "P-Asserted-Identity", "<" + account.user.identity + ">"};
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
  std::vector<std::string> methods{"MESSAGE", "OPTIONS"};
  if (!options.subscribe.empty() || options.refer != ReferPolicy::deny) methods.emplace_back("NOTIFY");
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
