#include "hss/config.h"

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <yaml-cpp/yaml.h>

#include "hss/profile.h"
#include "hss/uri.h"

namespace herald::lab {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const YAML::Mark& where, const std::string& why) {
  throw std::runtime_error(std::to_string(where.line + 1) + ":" + std::to_string(where.column + 1) + ": " + why);
}

void only_keys(const YAML::Node& map, std::initializer_list<std::string_view> known) {
  if (!map.IsMap()) refuse(map.Mark(), "a map is expected here");
  for (const auto& item : map) {
    const auto key = item.first.as<std::string>();
    if (std::find(known.begin(), known.end(), key) == known.end()) refuse(item.first.Mark(), "unknown key '" + key + "'");
  }
}

std::string text(const YAML::Node& map, const char* key, const std::string& fallback = {}) {
  return map[key] ? map[key].as<std::string>() : fallback;
}

std::string required(const YAML::Node& map, const char* key) {
  if (!map[key]) refuse(map.Mark(), std::string("'") + key + "' is missing");
  return map[key].as<std::string>();
}

std::string file_text(const YAML::Node& node, const fs::path& base) {
  const auto path = base / node.as<std::string>();
  std::ifstream in(path);
  if (!in) refuse(node.Mark(), "cannot read " + path.string());
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::map<std::string, RepositoryEntry> repository(const YAML::Node& list, const fs::path& base) {
  std::map<std::string, RepositoryEntry> entries;
  for (const auto& item : list) {
    only_keys(item, {"service_indication", "sequence", "file", "xml"});
    RepositoryEntry entry;
    entry.sequence = item["sequence"] ? item["sequence"].as<std::uint32_t>() : 0;
    entry.xml = item["file"] ? file_text(item["file"], base) : required(item, "xml");
    // Kept as written when it does not parse: a broken document is a test of the client.
    if (auto element = first_element(entry.xml)) entry.xml = *element;
    entries[required(item, "service_indication")] = std::move(entry);
  }
  return entries;
}

// Where the profile's application server really listens in this run.
struct ServerRewrite {
  std::string authority;  // empty: criteria go out as they are
};

std::string criteria(const YAML::Node& node, const fs::path& base, const SubscriberConfig& user, const ServerRewrite& rewrite) {
  std::string all;
  auto add = [&](const YAML::Node& file) {
    const auto found = filter_criteria(file_text(file, base), user, rewrite.authority);
    if (!found) refuse(file.Mark(), found.error().text);
    all += *found;
  };
  if (node.IsSequence()) {
    for (const auto& file : node) add(file);
  } else if (node) {
    add(node);
  }
  return all;
}

SubscriberConfig subscriber(const YAML::Node& item, const fs::path& base, const ServerRewrite& for_all) {
  only_keys(item, {"private", "public", "password", "ifc", "application_server", "psi", "repository"});
  const ServerRewrite rewrite{text(item, "application_server", for_all.authority)};
  SubscriberConfig user;
  user.psi = item["psi"] && item["psi"].as<bool>();
  user.private_id = required(item, "private");
  if (!user.psi) user.password = required(item, "password");
  for (const auto& id : item["public"]) user.public_ids.push_back(canonical_identity(id.as<std::string>()));
  if (user.public_ids.empty()) refuse(item.Mark(), "'public' needs at least one identity");
  if (item["ifc"]) user.criteria_xml = criteria(item["ifc"], base, user, rewrite);
  if (item["repository"]) user.repository = repository(item["repository"], base);
  return user;
}

void endpoint(const YAML::Node& node, std::string& address, std::uint16_t& port) {
  const auto value = node.as<std::string>();
  const auto colon = value.rfind(':');
  if (colon == std::string::npos) refuse(node.Mark(), "ADDRESS:PORT is expected here");
  address = value.substr(0, colon);
  unsigned number = 0;
  std::istringstream digits(value.substr(colon + 1));
  if (!(digits >> number) || number == 0 || number > 65535) refuse(node.Mark(), "a port from 1 to 65535 is expected here");
  port = static_cast<std::uint16_t>(number);
}

Config parse(const YAML::Node& root, const fs::path& base) {
  only_keys(root, {"identity", "realm", "listen", "peers", "scscf", "control", "application_server", "subscribers"});
  Config config;
  config.identity = text(root, "identity", config.identity);
  config.realm = text(root, "realm", config.realm);
  config.scscf = text(root, "scscf");
  if (root["control"]) config.control = (base / root["control"].as<std::string>()).string();
  if (root["listen"]) endpoint(root["listen"], config.listen_address, config.listen_port);
  for (const auto& item : root["peers"]) {
    only_keys(item, {"identity", "address", "port"});
    PeerConfig peer;
    peer.identity = required(item, "identity");
    peer.address = text(item, "address", peer.address);
    peer.port = item["port"] ? item["port"].as<std::uint16_t>() : std::uint16_t{3868};
    config.peers.push_back(std::move(peer));
  }
  const ServerRewrite rewrite{text(root, "application_server")};
  for (const auto& item : root["subscribers"]) config.subscribers.push_back(subscriber(item, base, rewrite));
  return config;
}

}  // namespace

Expected<Config> load_config(const fs::path& file) {
  try {
    return parse(YAML::LoadFile(file.string()), file.parent_path());
  } catch (const YAML::BadFile&) {
    return fail(ErrorCode::not_found, file.string() + ": cannot be read");
  } catch (const YAML::Exception& error) {
    return fail(ErrorCode::invalid, file.string() + ":" + std::to_string(error.mark.line + 1) + ":" +
                                        std::to_string(error.mark.column + 1) + ": " + error.msg);
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid, file.string() + ":" + error.what());
  }
}

}  // namespace herald::lab
