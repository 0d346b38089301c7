#include "config/node_config.h"

#include <algorithm>
#include <array>
#include <openssl/evp.h>
#include <system_error>

#include "config/yaml_loader.h"

namespace herald {
namespace {

// One text for all layouts of the same content.
void append_canonical(const ConfigNode& node, std::string& out) {
  const auto text = [&out](const std::string& value) {
    out += std::to_string(value.size());
    out += ':';
    out += value;
  };
  switch (node.kind) {
    case ConfigNode::Kind::null:
      out += 'n';
      break;
    case ConfigNode::Kind::scalar:
      out += 's';
      text(node.scalar);
      break;
    case ConfigNode::Kind::list:
      out += '[';
      for (const auto& item : node.items) append_canonical(item, out);
      out += ']';
      break;
    case ConfigNode::Kind::map: {
      std::vector<const ConfigNode::Entry*> sorted;
      for (const auto& entry : node.entries) sorted.push_back(&entry);
      std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
      out += '{';
      for (const auto* entry : sorted) {
        text(entry->key);
        append_canonical(entry->value, out);
      }
      out += '}';
      break;
    }
  }
}

void check_file(const std::string& path, const ConfigNode* section, const char* key, const std::string& dotted,
                ConfigIssues& issues) {
  std::error_code error;
  if (path.empty() || std::filesystem::is_regular_file(path, error)) return;
  const auto* node = section != nullptr ? section->find(key) : nullptr;
  issues.error(node != nullptr ? node->mark : ConfigMark{}, dotted + '.' + key, "file " + path + " cannot be read");
}

void check_tls(const TlsConfig& tls, const ConfigNode& root, const char* part, ConfigIssues& issues) {
  const auto* outer = root.find(part);
  const auto* section = outer != nullptr ? outer->find("tls") : nullptr;
  const auto dotted = std::string(part) + ".tls";
  check_file(tls.certificate, section, "certificate", dotted, issues);
  check_file(tls.key, section, "key", dotted, issues);
  check_file(tls.ca, section, "ca", dotted, issues);
}

void check_tls(const HttpTlsConfig& tls, const ConfigNode& root, const char* part, ConfigIssues& issues) {
  check_tls(TlsConfig{tls.certificate, tls.key, {}}, root, part, issues);
  const auto* outer = root.find(part);
  check_file(tls.client_ca, outer != nullptr ? outer->find("tls") : nullptr, "client_ca", std::string(part) + ".tls", issues);
}

void resolve_paths(NodeConfig& config, const std::filesystem::path& folder) {
  const auto resolve = [&folder](std::string& path) {
    if (!path.empty() && std::filesystem::path(path).is_relative()) path = (folder / path).lexically_normal().string();
  };
  const auto resolve_tls = [&resolve](TlsConfig& tls) {
    resolve(tls.certificate);
    resolve(tls.key);
    resolve(tls.ca);
  };
  resolve_tls(config.sip.tls);
  resolve_tls(config.diameter.tls);
  if (config.http.tls) {
    resolve(config.http.tls->certificate);
    resolve(config.http.tls->key);
    resolve(config.http.tls->client_ca);
  }
  if (config.admin.tls) resolve_tls(*config.admin.tls);
  if (config.msrp) resolve_tls(config.msrp->tls);
  resolve(config.admin.socket);
  resolve(config.store.path);
  resolve(config.store.blobs);
  for (auto& service : config.services) resolve(service);
}

}  // namespace

std::string configuration_hash(const ConfigNode& root) {
  std::string text;
  append_canonical(root, text);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) return {};
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    out += kHex[digest[i] >> 4U];
    out += kHex[digest[i] & 15U];
  }
  return out;
}

std::optional<NodeConfig> parse_node_config(const ConfigNode& root, ConfigIssues& issues) {
  const auto before = issues.error_count();
  auto config = node_schema().parse(root, issues);
  if (issues.error_count() != before) return std::nullopt;
  config.file = root.mark.file;
  config.hash = configuration_hash(root);
  resolve_paths(config, std::filesystem::path(config.file).parent_path());
  check_tls(config.sip.tls, root, "sip", issues);
  check_tls(config.diameter.tls, root, "diameter", issues);
  if (config.http.tls) check_tls(*config.http.tls, root, "http", issues);
  if (config.admin.tls) check_tls(*config.admin.tls, root, "admin", issues);
  if (config.msrp) check_tls(config.msrp->tls, root, "msrp", issues);
  if (issues.error_count() != before) return std::nullopt;
  return config;
}

std::optional<NodeConfig> load_node_config(const std::filesystem::path& path, ConfigIssues& issues) {
  const auto root = load_yaml(path, issues);
  return root ? parse_node_config(*root, issues) : std::nullopt;
}

ConfigDiff diff(const NodeConfig& before, const NodeConfig& after) {
  ConfigDiff out;
  for (auto& change : node_schema().diff(before, after)) {
    if (change.needs_restart) out.needs_restart.push_back(change.path);
    out.changed.push_back(std::move(change.path));
  }
  return out;
}

}  // namespace herald
