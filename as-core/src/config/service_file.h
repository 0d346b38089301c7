// The service profile as its file has it, before the rules that join keys. Private to config/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "herald/config_schema.h"
#include "herald/service_profile.h"

namespace herald {

struct ServiceFile {
  enum class Handling { inherit, continued, terminated };
  enum class Emit { own, shared };
  enum class Absent { hold, fail };

  struct Service {
    std::string id, application, server_name;
    std::vector<std::uint32_t> shared_ifc_sets;
    Emit emit = Emit::own;
    std::optional<std::uint32_t> shared_set_id;
  };
  struct Defaults {
    Handling default_handling = Handling::continued;
    std::uint32_t max_body = 65536;
  };
  struct Register {
    bool include_request = false;
    bool include_response = false;
  };
  struct Trigger {
    std::string name;
    std::uint32_t priority = 0;
    ConfigNode when;
    ServiceTrigger::Form form = ServiceTrigger::Form::automatic;
    ServiceTrigger::ProfilePart profile_part = ServiceTrigger::ProfilePart::both;
    Handling default_handling = Handling::inherit;
    std::string service_info;
    Register registration;
    std::string tag, servlet;
    bool enabled = true;
  };
  struct Unconditional {
    std::string servlet, tag;
    std::uint32_t priority = 0;
    Handling default_handling = Handling::inherit;
  };
  struct Identity {
    std::string uri;
    ServiceIdentity::Type type = ServiceIdentity::Type::public_user;
    bool barred = false;
    std::optional<Unconditional> unconditional;
  };
  struct Application {
    std::string id;
    ConsentDefault consent = ConsentDefault::closed;
    bool bypass_consent = false;
    std::vector<DeliveryMode> modes{DeliveryMode::notify, DeliveryMode::pager, DeliveryMode::indirection};
    std::uint32_t pager_max_bytes = 1300;
    std::vector<std::string> types{"text/plain"};
    Absent deliver_unregistered = Absent::hold;
    double max_rate = 1.0;
    ReportLevel report = ReportLevel::network;
    std::string icsi, iari;
  };
  struct Package {
    std::string name = "oma-push";
    std::string appid_param = "appid";
  };

  std::uint32_t version = 0;
  Service service;
  Defaults defaults;
  std::vector<Trigger> triggers;
  std::vector<Identity> identities;
  std::vector<Application> apps;
  Package package;
};

const ConfigSchema<ServiceFile>& service_file_schema();

// "triggers[2].tag" -> "SPF-E17"; the code of a wrong value.
[[nodiscard]] const char* spf_code_of(const std::string& path);

}  // namespace herald
