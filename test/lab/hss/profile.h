// The XML an HSS hands out: the service profile of Cx (TS 29.228 Annex E) and Sh-Data of Sh (TS 29.328 Annex D).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/expected.h"
#include "hss/config.h"

namespace herald::lab {

// The criteria a document has for one user: of the service profiles that name one of his identities, and, unless he is a public
// service identity, of those that name none (what every subscriber gets). A non-empty authority (HOST:PORT) replaces the one of
// every ServerName, so that one file serves any port.
[[nodiscard]] Expected<std::string> filter_criteria(const std::string& document, const SubscriberConfig& user,
                                                    const std::string& authority);

// The root element without declaration and comments; nothing when the text is not XML.
[[nodiscard]] std::optional<std::string> first_element(const std::string& document);

// Cx User-Data.
[[nodiscard]] std::string ims_subscription(const SubscriberConfig& user);

// What one Sh-Pull asks for; absent parts are left out.
struct ShView {
  std::vector<std::string> public_ids;  // 10
  bool with_identities = false;
  std::optional<unsigned> ims_user_state;         // 11
  std::optional<std::string> scscf_name;          // 12
  std::optional<std::string> criteria;            // 13
  std::optional<std::string> repository_service;  // 0
  RepositoryEntry repository;
};
[[nodiscard]] std::string sh_data(const ShView& view);

// The criteria of one application server, for Data-Reference 13: keyed by Server-Name without parameters.
[[nodiscard]] std::string criteria_of_server(const std::string& criteria, std::string_view server_name);

// What a PUR carries. TS 29.328 6.1.2
struct RepositoryUpdate {
  std::string service;
  std::uint32_t sequence = 0;
  std::optional<std::string> xml;  // absent: delete
};
[[nodiscard]] Expected<RepositoryUpdate> parse_repository_update(const std::string& document);

}  // namespace herald::lab
