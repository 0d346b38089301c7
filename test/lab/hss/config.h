// What herald-hss is told by its YAML file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "herald/expected.h"

namespace herald::lab {

// An application's opaque document about a user, TS 29.328 7.6.1.
struct RepositoryEntry {
  std::uint32_t sequence = 0;
  std::string xml;  // one element
};

struct SubscriberConfig {
  std::string private_id;
  std::string password;
  std::vector<std::string> public_ids;                // one implicit registration set
  std::string criteria_xml;                           // InitialFilterCriteria elements as they go into the profile
  bool psi = false;                                   // a public service identity: never registers
  std::map<std::string, RepositoryEntry> repository;  // by Service-Indication
};

struct PeerConfig {
  std::string identity;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
};

struct Config {
  std::string identity = "hss.ims.lab";
  std::string realm = "ims.lab";
  std::string listen_address = "127.0.0.1";
  std::uint16_t listen_port = 3868;
  std::vector<PeerConfig> peers;  // connected to from here; everybody else may connect
  std::string scscf;              // offered to an I-CSCF for who has none yet
  std::string control;            // path of the socket that takes fault switches; empty: none
  std::vector<SubscriberConfig> subscribers;
};

// Every error names file and line. Paths in the file are relative to it.
[[nodiscard]] Expected<Config> load_config(const std::filesystem::path& file);

}  // namespace herald::lab
