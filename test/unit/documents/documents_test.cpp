#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "config/generated_documents.h"
#include "config/node_config.h"
#include "config/service_profile_loader.h"
#include "config/yaml_loader.h"
#include "herald/module.h"
#include "ims/ifc_exporter.h"
#include "push/push_module.h"
#include "receiver_module.h"

using namespace herald;

namespace {

std::vector<ModuleDocumentation> modules() {
  const auto* entry = push::module_entry((std::uint32_t{kModuleAbiMajor} << 16U) | kModuleAbiMinor);
  REQUIRE(entry != nullptr);
  const std::unique_ptr<Module> module(entry->create());
  REQUIRE(module != nullptr);
  return {{"push", "push.so", module->documentation()}};
}

// The reference and the schema know every module; the sample shows the one that a node is for.
std::vector<ModuleDocumentation> all_modules() {
  auto all = modules();
  const auto* entry = receiver::hosted_entry((std::uint32_t{kModuleAbiMajor} << 16U) | kModuleAbiMinor);
  REQUIRE(entry != nullptr);
  const std::unique_ptr<Module> module(entry->create());
  all.push_back({"receiver", "builtin", module->documentation()});
  return all;
}

// With HERALD_UPDATE=1 in the environment the files are written instead: the way to renew them.
void check_file(const char* path, const std::string& generated) {
  if (std::getenv("HERALD_UPDATE") != nullptr) std::ofstream(path, std::ios::binary) << generated;
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in, path);
  const std::string there{std::istreambuf_iterator<char>(in), {}};
  INFO("renew it with HERALD_UPDATE=1 unit_documents");
  CHECK_MESSAGE(there == generated, path);
}

std::string lines(const ConfigIssues& issues) {
  std::string out;
  for (const auto& issue : issues.all()) out += issue.line() + '\n';
  return out;
}

}  // namespace

TEST_CASE("the files in config/ are what the schemas say") {
  check_file("../config/herald.yaml", sample_yaml(modules()));
  check_file("../config/reference.md", reference_markdown(all_modules()));
  check_file("../config/schema.json", json_schema(all_modules()));
  ConfigIssues issues;
  const auto profiles = load_service_profiles({"../config/services/push.yaml"}, {}, issues);
  REQUIRE_MESSAGE(profiles, lines(issues));
  check_file("../config/ifc/push.xml", *ims::export_ifc(*profiles));
}

TEST_CASE("the receiver's service profile is valid and makes initial filter criteria") {
  ConfigIssues issues;
  const auto profiles = load_service_profiles({"../config/services/receiver.yaml"}, {}, issues);
  REQUIRE_MESSAGE(profiles, lines(issues));
  CHECK(lines(issues) == "");
  const auto criteria = ims::export_ifc(*profiles);
  REQUIRE(criteria);
  CHECK(criteria->find("MESSAGE") != std::string::npos);
}

TEST_CASE("the sample configuration works: node, services and module") {
  ConfigIssues issues;
  const auto config = load_node_config("../config/herald.yaml", issues);
  REQUIRE_MESSAGE(config, lines(issues));
  CHECK(lines(issues) == "");
  CHECK(config->sip.listen.size() == 2);
  CHECK(config->sip.listen[0].text() == "udp:127.0.0.1:5065");
  CHECK(config->sip.next_hop == "sip:127.0.0.1:6060;lr");
  CHECK(config->diameter.enabled);
  CHECK(config->diameter.peers.at(0).identity == "hss.ims.lab");
  CHECK(config->http.listen.text() == "127.0.0.1:8080");
  CHECK(config->admin.listen.text() == "127.0.0.1:9090");
  const auto services = load_service_profiles(config->services, {{"push"}}, issues);
  REQUIRE_MESSAGE(services, lines(issues));
  const auto* entry = push::module_entry((std::uint32_t{kModuleAbiMajor} << 16U) | kModuleAbiMinor);
  const std::unique_ptr<Module> module(entry->create());
  CHECK(module->prepare(config->modules.at("push").section, issues) != nullptr);
  CHECK(lines(issues) == "");
}

TEST_CASE("keys of the sample that are comments show values that are accepted") {
  // Uncommented, every default must parse. Secrets and files have none.
  std::string aligned;
  std::string source = sample_yaml(modules());
  for (std::size_t from = 0; from < source.size();) {
    const auto end = source.find('\n', from);
    auto line = source.substr(from, end - from);
    const auto mark = line.find_first_not_of(' ');
    if (mark != std::string::npos && line[mark] == '#' && line[mark + 1] != ' ') {
      line.erase(mark, 1);
      // The dash of a commented item takes the place of its indentation.
      if (line.compare(mark, 2, "- ") == 0 && mark >= 2) line.erase(mark - 2, 2);
    }
    aligned += line + '\n';
    from = end + 1;
  }
  ConfigIssues issues;
  const auto root = parse_yaml(aligned, "sample", issues);
  const auto what_is_wrong = lines(issues) + aligned;
  REQUIRE_MESSAGE(root, what_is_wrong);
  // Empty optional parts ask for their required keys; everything else must be right.
  (void)node_schema().parse(*root, issues);
  for (const auto& issue : issues.all()) {
    const bool needs_value =
        issue.text.find("is required") != std::string::npos || issue.text.find("go together") != std::string::npos;
    CHECK_MESSAGE(needs_value, issue.line());
  }
}

TEST_CASE("schema.json is JSON and knows the keys") {
  const auto schema = nlohmann::json::parse(json_schema(all_modules()));
  CHECK(schema["properties"].contains("sip"));
  CHECK(schema["properties"].contains("modules"));
  CHECK(schema["additionalProperties"] == false);
}
