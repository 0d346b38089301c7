#include "text/request_headers.h"

#include <algorithm>

#include "herald/sip_uri.h"
#include "herald/trace.h"

namespace herald::push {
namespace {
// RFC 7989 6: the other side's half is nil while it is unknown.
constexpr const char* kNoRemoteSession = ";remote=00000000000000000000000000000000";
}  // namespace

std::vector<SipHeaderField> identity_headers(std::string_view sender, std::string_view domain) {
  return identity_headers(sender, domain, random_token(20));
}

std::vector<SipHeaderField> identity_headers(std::string_view sender, std::string_view domain, std::string_view icid) {
  std::vector<SipHeaderField> headers;
  headers.push_back({"P-Asserted-Identity", "<" + std::string(sender) + ">"});
  headers.push_back({"P-Charging-Vector", "icid-value=" + std::string(icid) + ";orig-ioi=" + std::string(domain)});
  return headers;
}

SipHeaderField accept_contact(std::string_view application) {
  return {"Accept-Contact", "*;+g.oma.pusheventapp=\"" + std::string(application) + "\";require;explicit"};
}

std::optional<SipHeaderField> reject_contact(const std::vector<std::string>& features) {
  std::string value;
  for (const auto& feature : features) {
    const bool plain = !feature.empty() && std::all_of(feature.begin(), feature.end(),
                                                       [](char c) { return c > 0x20 && c < 0x7f && c != ',' && c != ';'; });
    // One value a class: a device is left out when it matches any of the values, each of which is matched as a whole.
    if (plain) value += (value.empty() ? "*;" : ", *;") + feature;
  }
  if (value.empty()) return std::nullopt;
  return SipHeaderField{"Reject-Contact", std::move(value)};
}

std::string loose_route(const std::string& uri) {
  const auto parsed = SipUri::parse(uri);
  if (!parsed || parsed->params.has("lr")) return uri;
  auto route = *parsed;
  route.params.set("lr");
  return route.text();
}

Expected<SipServletRequest> originate(SipFactory& factory, const Origination& wish) {
  const auto session = factory.create_application_session();
  // The transaction says when it is over; waiting behind a slow hop must not end its session first.
  if (auto set = session.set_expires(Duration::zero()); !set) return fail(set.error());
  auto request = factory.create_request(session, wish.method, wish.from, wish.to);
  if (!request) return request;
  // One id from the submission through the S-CSCF to the receiver: RFC 7989 has the header for it, 32 hexadecimal digits like
  // ours.
  const auto trace = wish.trace.empty() ? TraceId::create() : TraceId::from_text(wish.trace);
  if (auto set = request->set_trace(trace); !set) return fail(set.error());
  if (auto set = request->set_header("Session-ID", trace.text() + kNoRemoteSession); !set) return fail(set.error());
  if (auto set = request->set_uri(wish.uri); !set) return fail(set.error());
  if (!wish.route.empty()) {
    if (auto set = request->push_route(wish.route); !set) return fail(set.error());
  }
  for (const auto& [name, value] : wish.headers) {
    if (auto set = request->set_header(name, value); !set) return fail(set.error());
  }
  return request;
}

}  // namespace herald::push
