#include "delivery/devices.h"

#include <algorithm>
#include <utility>

#include "capability/capability_sources.h"
#include "herald/sip_uri.h"
#include "initiator/initiator_auth.h"

namespace herald::push {
namespace {
constexpr std::size_t kMostDevices = 32;  // of one user
}

std::vector<std::string> device_addresses(const Registration& registration, std::string_view application) {
  std::vector<std::string> found;
  for (const auto& contact : registration.contacts) {
    const bool serves = std::any_of(contact.applications.begin(), contact.applications.end(),
                                    [&](const auto& id) { return matches_pattern(id, application); });
    if (!serves || found.size() >= kMostDevices) continue;
    // The public one: a temporary GRUU would hide the user from himself, and does not outlive the registration.
    auto address = gruu_of(contact, "pub-gruu");
    const auto uri = SipUri::parse(address);
    if (!uri || !uri->is_sip() || !uri->params.has("gr")) continue;
    if (std::find(found.begin(), found.end(), address) == found.end()) found.push_back(std::move(address));
  }
  return found;
}

bool is_device(std::string_view address) {
  const auto uri = SipUri::parse(address);
  return uri && uri->is_sip() && uri->params.has("gr");
}

Task<Checked<void>> expand_devices(ServletContext* context, std::shared_ptr<const bool> stopped, std::vector<Recipient>* to,
                                   std::string application, std::size_t most) {
  std::vector<Recipient> devices;
  const auto too_many = [&] { return devices.size() > most; };
  for (auto& recipient : *to) {
    if (too_many()) break;
    if (is_device(recipient.address)) {  // the initiator chose
      devices.push_back(std::move(recipient));
      continue;
    }
    auto user = recipient.user;
    auto asked = context->find_registration(std::move(user));
    const auto registration = co_await asked;
    if (*stopped) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
    if (!registration) co_return tl::unexpected(problem_of(registration.error()));
    const auto addresses = *registration ? device_addresses(**registration, application) : std::vector<std::string>();
    if (addresses.empty()) {
      devices.push_back(std::move(recipient));
      continue;
    }
    for (const auto& address : addresses) {
      Recipient device;
      device.address = address;
      device.user = recipient.user;
      device.given = recipient.given.empty() ? recipient.address : recipient.given;
      devices.push_back(std::move(device));
    }
  }
  if (too_many()) co_return refuse(400, 2000, "to: with all devices there are too many recipients");
  *to = std::move(devices);
  co_return Checked<void>();
}

}  // namespace herald::push
