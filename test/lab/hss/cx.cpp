#include "hss/cx.h"

#include "dictionary/avp.h"
#include "dictionary/dictionary.h"
#include "hss/digest.h"
#include "hss/profile.h"

namespace herald::lab {

namespace {

using namespace diameter;

// TS 29.229 6.2, in Experimental-Result
constexpr std::uint32_t kFirstRegistration = 2001;
constexpr std::uint32_t kSubsequentRegistration = 2002;
constexpr std::uint32_t kUnregisteredService = 2003;
constexpr std::uint32_t kUserUnknown = 5001;
constexpr std::uint32_t kIdentitiesDontMatch = 5002;
constexpr std::uint32_t kIdentityNotRegistered = 5003;
constexpr std::uint32_t kAuthSchemeNotSupported = 5006;
constexpr std::uint32_t kInAssignmentType = 5007;

constexpr std::uint32_t kDeRegistration = 1;  // User-Authorization-Type

std::string text_at(msg* request, std::uint32_t code, std::uint32_t vendor) {
  return std::string(text_of(find_child(request, code, vendor)).value_or(""));
}

struct Identities {
  std::string private_id;
  std::string public_id;
};

Identities identities_of(msg* request) { return {text_at(request, 1, 0), text_at(request, 601, kVendor3gpp)}; }

Reply about(const Identities& who) {
  Reply reply;
  if (!who.private_id.empty()) reply.note["private"] = who.private_id;
  if (!who.public_id.empty()) reply.note["public"] = who.public_id;
  return reply;
}

Reply refuse(Reply reply, std::uint32_t code) {
  reply.code = code;
  reply.experimental = true;
  return reply;
}

std::function<bool(msg*)> server_name(std::string name) {
  return [name = std::move(name)](msg* answer) { return add_text(answer, 602, kVendor3gpp, name); };
}

// An I-CSCF without a server yet matches capabilities; a name among them is enough for Kamailio's (CX-04).
std::function<bool(msg*)> capabilities(std::string name) {
  return [name = std::move(name)](msg* answer) {
    auto* group = add_group(answer, 603, kVendor3gpp);
    return group != nullptr && add_text(group, 602, kVendor3gpp, name);
  };
}

std::function<bool(msg*)> echo(const Identities& who) {
  return
      [who](msg* answer) { return add_text(answer, 1, 0, who.private_id) && add_text(answer, 601, kVendor3gpp, who.public_id); };
}

// CX-11, CX-12
bool add_digest(avp* item, const std::string& ha1, const std::string& realm) {
  auto* digest = add_group(item, 635, kVendor3gpp);
  return digest != nullptr && add_text(digest, 104, 0, realm) && add_text(digest, 111, 0, "MD5") &&
         add_text(digest, 110, 0, "auth") && add_text(digest, 121, 0, ha1);
}

// Exactly one item: Kamailio keeps the last only (CX-02).
std::function<bool(msg*)> auth_item(std::string scheme, std::function<bool(avp*)> fill) {
  return [scheme = std::move(scheme), fill = std::move(fill)](msg* answer) {
    if (!add_u32(answer, 607, kVendor3gpp, 1)) return false;
    auto* item = add_group(answer, 612, kVendor3gpp);
    return item != nullptr && add_u32(item, 613, kVendor3gpp, 1) && add_text(item, 608, kVendor3gpp, scheme) && fill(item);
  };
}

}  // namespace

void Cx::serve(Server& server) {
  server.handle(300, kApplicationCx, "UAR", [this](msg* request) { return user_authorization(request); });
  server.handle(301, kApplicationCx, "SAR", [this](msg* request) { return server_assignment(request); });
  server.handle(302, kApplicationCx, "LIR", [this](msg* request) { return location_info(request); });
  server.handle(303, kApplicationCx, "MAR", [this](msg* request) { return multimedia_auth(request); });
}

Reply Cx::user_authorization(msg* request) {
  const auto who = identities_of(request);
  auto reply = about(who);
  const auto user = users_.by_public(who.public_id);
  if (!user) return refuse(std::move(reply), kUserUnknown);
  if (user->profile.private_id != who.private_id) return refuse(std::move(reply), kIdentitiesDontMatch);
  const bool leaving = u32_of(find_child(request, 623, kVendor3gpp)).value_or(0) == kDeRegistration;
  if (leaving) {
    if (user->state == ImsState::not_registered) return refuse(std::move(reply), kIdentityNotRegistered);
    reply.payload = server_name(user->scscf);
    return reply;
  }
  if (user->scscf.empty()) {
    reply.payload = capabilities(config_.scscf);
    return refuse(std::move(reply), kFirstRegistration);
  }
  reply.payload = server_name(user->scscf);
  return refuse(std::move(reply), kSubsequentRegistration);
}

Reply Cx::multimedia_auth(msg* request) {
  const auto who = identities_of(request);
  auto reply = about(who);
  reply.always = echo(who);
  const auto user = users_.by_public(who.public_id);
  if (!user || user->profile.psi) return refuse(std::move(reply), kUserUnknown);
  if (user->profile.private_id != who.private_id) return refuse(std::move(reply), kIdentitiesDontMatch);

  auto* item = find_child(request, 612, kVendor3gpp);
  const std::string scheme(item == nullptr ? "" : text_of(find_child(item, 608, kVendor3gpp)).value_or(""));
  reply.note["scheme"] = scheme;
  if (scheme == "SIP Digest" || scheme == "Unknown") {
    auto ha1 = digest_ha1(user->profile.private_id, config_.realm, user->profile.password);
    reply.payload = auth_item(
        "SIP Digest", [ha1 = std::move(ha1), realm = config_.realm](avp* group) { return add_digest(group, ha1, realm); });
  } else if (scheme == "Digest-MD5") {
    reply.payload = auth_item(scheme, [nonce = random_octets(16), password = user->profile.password](avp* group) {
      return add_text(group, 609, kVendor3gpp, nonce) && add_text(group, 610, kVendor3gpp, password);
    });
  } else {
    return refuse(std::move(reply), kAuthSchemeNotSupported);
  }

  const auto scscf = text_at(request, 602, kVendor3gpp);
  users_.change(user->profile.private_id, [&scscf](Subscriber& changed) {
    if (!scscf.empty()) changed.scscf = scscf;
    if (changed.state == ImsState::registered || changed.state == ImsState::auth_pending) return;
    changed.before_authentication = changed.state;
    changed.state = ImsState::auth_pending;
  });
  return reply;
}

Reply Cx::server_assignment(msg* request) {
  const auto who = identities_of(request);
  auto reply = about(who);
  const auto user = who.public_id.empty() ? users_.by_private(who.private_id) : users_.by_public(who.public_id);
  if (!user) return refuse(std::move(reply), kUserUnknown);
  if (!who.private_id.empty() && user->profile.private_id != who.private_id && !user->profile.psi)
    return refuse(std::move(reply), kIdentitiesDontMatch);

  const auto type = u32_of(find_child(request, 614, kVendor3gpp)).value_or(~0U);
  reply.note["assignment"] = type;
  const auto result = assign(*user, static_cast<AssignmentType>(type));
  if (!result) return refuse(std::move(reply), kInAssignmentType);
  const auto scscf = text_at(request, 602, kVendor3gpp);
  users_.change(user->profile.private_id, [&](Subscriber& changed) {
    changed.state = result->state;
    if (!result->keep_scscf) {
      changed.scscf.clear();
    } else if (!scscf.empty()) {
      changed.scscf = scscf;
    }
  });
  reply.note["state"] = to_string(result->state);
  const auto profile = result->send_profile ? ims_subscription(user->profile) : std::string();
  reply.payload = [profile, private_id = user->profile.private_id](msg* answer) {
    return add_text(answer, 1, 0, private_id) && (profile.empty() || add_text(answer, 606, kVendor3gpp, profile));
  };
  return reply;
}

Reply Cx::location_info(msg* request) {
  const auto who = identities_of(request);
  auto reply = about(who);
  const auto user = users_.by_public(who.public_id);
  if (!user) return refuse(std::move(reply), kUserUnknown);
  if (user->state == ImsState::registered) {
    reply.payload = server_name(user->scscf);
    return reply;
  }
  if (user->profile.criteria_xml.empty() && user->state != ImsState::unregistered_services)
    return refuse(std::move(reply), kIdentityNotRegistered);
  reply.payload = user->scscf.empty() ? capabilities(config_.scscf) : server_name(user->scscf);
  return refuse(std::move(reply), kUnregisteredService);
}

}  // namespace herald::lab
