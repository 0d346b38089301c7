#include "ims/isc_reader.h"

#include <algorithm>

#include "ims/p_headers.h"

namespace herald::ims {
namespace {

void pop_own_route(SipMessage& request, IscContext& context, const IsOwnUri& is_own_uri) {
  std::vector<std::string> routes;
  for (const auto value : request.headers.list("Route")) routes.emplace_back(value);
  if (routes.empty()) return;
  if (const auto first = NameAddr::parse(routes.front())) {
    auto uri = SipUri::parse(first->uri);
    if (uri && is_own_uri(*uri)) {
      context.popped_route = std::move(*uri);
      routes.erase(routes.begin());
    }
  }
  request.headers.remove("Route");
  for (const auto& route : routes) request.headers.add("Route", route);
  context.onward_route = std::move(routes);
}

// AS-31. The S-CSCF's own URI may carry `orig` (RFC 5502 and TS 24.229); nothing else of it is looked at (AS-40).
SessionCase guessed_case(const IscContext& context) {
  if (context.popped_route) {
    const auto hint = context.popped_route->params.get("sess").value_or("");
    if (hint == "orig") return SessionCase::originating;
    if (hint == "term") return SessionCase::terminating_registered;
    if (hint == "unreg") return SessionCase::terminating_unregistered;
    if (context.popped_route->params.has("orig")) return SessionCase::originating;
  }
  if (context.has_onward_route()) {
    if (const auto next = NameAddr::parse(context.onward_route.front())) {
      const auto uri = SipUri::parse(next->uri);
      if (uri && uri->params.has("orig")) return SessionCase::originating;
    }
  }
  return SessionCase::terminating_registered;
}

bool is_originating(SessionCase value) {
  return value == SessionCase::originating || value == SessionCase::originating_unregistered ||
         value == SessionCase::originating_cdiv;
}

std::string first_of(const SipHeaders& headers, std::string_view name) { return std::string(headers.get(name).value_or("")); }

}  // namespace

IscContext read_isc_context(SipMessage& request, bool trusted, const IsOwnUri& is_own_uri) {
  IscContext context;
  context.trusted = trusted;
  if (!trusted) strip_trusted_headers(request.headers);
  pop_own_route(request, context, is_own_uri);

  const auto& headers = request.headers;
  context.wants_privacy_of_id = wants_privacy(headers, "id");
  context.session_case = guessed_case(context);
  if (trusted) {
    context.asserted_identity = asserted_identity(headers);
    auto charging = charging_vector(headers);
    context.icid = std::move(charging.icid);
    context.orig_ioi = std::move(charging.orig_ioi);
    context.access_network_info = first_of(headers, "P-Access-Network-Info");
    context.visited_network = first_of(headers, "P-Visited-Network-ID");
    context.charging_addresses = first_of(headers, "P-Charging-Function-Addresses");
    const auto services = headers.list("P-Asserted-Service");
    if (!services.empty()) context.asserted_service = std::string(services.front());
    if (auto served = served_user(headers)) {
      context.served_user = std::move(served->uri);
      if (served->session_case) context.session_case = *served->session_case;
      return context;
    }
  } else if (is_originating(context.session_case)) {
    context.session_case = SessionCase::terminating_registered;  // AS-2: no `orig` handling
  }
  if (is_originating(context.session_case)) {
    if (!context.asserted_identity.empty()) context.served_user = context.asserted_identity.front().uri;
  } else if (trusted && context.has_onward_route()) {
    // Without an onward route this came straight to us, for a PSI: nobody is served (AS-48).
    context.served_user = request.uri();
  }
  return context;
}

bool is_own_request(const IscContext& context, std::span<const std::string> identities) {
  if (!context.trusted) return false;
  return std::any_of(context.asserted_identity.begin(), context.asserted_identity.end(), [&](const NameAddr& asserted) {
    return std::find(identities.begin(), identities.end(), canonical_identity(asserted.uri)) != identities.end();
  });
}

}  // namespace herald::ims
