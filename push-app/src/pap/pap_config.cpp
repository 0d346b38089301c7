#include "pap/pap_config.h"

#include <algorithm>

namespace herald::push {
namespace {

std::string check_path(const std::string& path) {
  const bool clean = path.size() <= 200 && path.find_first_of(" ?#{}%") == std::string::npos;
  if (!path.starts_with('/') || path.starts_with("/v1") || !clean) return "must be a path like /pap, not below /v1";
  return "";
}

std::string check_host(const std::string& host) {
  const bool clean = !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
  return clean ? "" : "must be a host name like ppg.example";
}

ConfigSchema<PapConfig> make_schema() {
  return ConfigSchema<PapConfig>()
      .key("enabled", &PapConfig::enabled, {.help = "Serve the Push Access Protocol", .needs_restart = true})
      .key("path", &PapConfig::path, {.help = "Path of its URL on http.listen", .needs_restart = true, .check = check_path})
      .key("max_body", &PapConfig::max_body,
           {.help = "Largest request in bytes (PAP-02)", .needs_restart = true, .min = 4096, .max = 67108864})
      .list("names", &PapConfig::names,
            {.help = "Names of this gateway behind the @ of an address (PAP-51). None: the home domain and ppg.<home domain>",
             .max_items = 100,
             .check = check_host})
      .key("sender_name", &PapConfig::sender_name, {.help = "What answers say as sender-name"})
      .key("phone_domain", &PapConfig::phone_domain,
           {.help = "Telephone numbers (TYPE=PLMN) become sip:NUMBER@<this>;user=phone. Empty: tel URIs",
            .check = [](const std::string& host) { return host.empty() ? std::string() : check_host(host); }})
      .key("credentials_in_query", &PapConfig::credentials_in_query,
           {.help = "Take ?username=&password= in the URL too. Proxies and logs of others see them (PAP-01)"})
      .key("partial_acceptance", &PapConfig::partial_acceptance,
           {.help = "Accept a push when only some of its addresses are good, instead of refusing it with 2002 (PAP-32)"});
}

}  // namespace

const ConfigSchema<PapConfig>& pap_schema() {
  static const auto schema = make_schema();
  return schema;
}

}  // namespace herald::push
