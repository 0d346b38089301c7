// A service profile: which requests a service gets, and what its applications may do. service-profile-ifc.md 7.
// One file is the truth for what we accept and for what the HSS must send (IfcExporter).
// Thread: immutable after loading.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "herald/isc_context.h"

namespace herald {

enum class RegistrationType { initial, re_registration, de_registration };

// The condition tree of `when`.
struct Condition {
  struct Method {
    std::string name;
  };
  struct RequestUri {
    std::string regex;
  };
  struct Header {
    std::string name_regex;            // anchored, compact form included, unless name_regex was given
    std::optional<std::string> value;  // regex
  };
  struct Case {
    SessionCase value;
  };
  struct Sdp {
    char line;
    std::optional<std::string> value;
  };
  struct Registration {
    RegistrationType value;
  };
  struct All {
    std::vector<Condition> of;
  };
  struct Any {
    std::vector<Condition> of;
  };
  struct Not {
    std::vector<Condition> of;  // exactly one
  };
  std::variant<Method, RequestUri, Header, Case, Sdp, Registration, All, Any, Not> test;
};

struct ServiceTrigger {
  enum class Form { automatic, cnf, dnf };
  enum class ProfilePart { both, registered, unregistered };
  std::string name;
  int priority = 0;
  std::optional<Condition> when;  // none: always
  Form form = Form::automatic;
  ProfilePart profile_part = ProfilePart::both;
  bool terminate_on_failure = false;  // DefaultHandling
  std::string service_info;
  bool include_register_request = false;
  bool include_register_response = false;
  std::string tag;      // ;sess=
  std::string servlet;  // hint to the module
  bool enabled = true;
};

struct ServiceIdentity {
  enum class Type { public_user, distinct_psi, wildcarded_psi };
  std::string uri;
  Type type = Type::public_user;
  bool barred = false;
  struct Unconditional {
    std::string servlet;
    std::string tag;
    int priority = 0;
    bool terminate_on_failure = false;
  };
  std::optional<Unconditional> unconditional;
};

enum class ConsentDefault { open, ask, closed };
enum class DeliveryMode { notify, pager, msrp, indirection };
enum class ReportLevel { none, network, delivery, display };

struct ServiceApplication {
  std::string id;  // "*": every application that is not named
  ConsentDefault consent = ConsentDefault::closed;
  bool bypass_consent = false;  // emergency and legal services only: sent whatever the user said (PA-3)
  std::vector<DeliveryMode> modes{DeliveryMode::notify, DeliveryMode::pager, DeliveryMode::indirection};
  std::uint32_t pager_max_bytes = 1300;
  std::vector<std::string> types{"text/plain"};
  bool hold_unregistered = true;  // deliver_unregistered: hold | fail
  double max_rate = 1.0;
  ReportLevel report = ReportLevel::network;
  std::string icsi;
  std::string iari;
};

struct ServiceProfile {
  std::string id;
  std::string application;  // the module that serves it
  std::string server_name;  // SIP URI
  std::vector<std::uint32_t> shared_ifc_sets;
  std::optional<std::uint32_t> emit_shared_set;
  bool terminate_on_failure = false;
  std::uint32_t max_body = 65536;
  std::vector<ServiceTrigger> triggers;
  std::vector<ServiceIdentity> identities;
  std::vector<ServiceApplication> apps;
  std::string package_name = "oma-push";
  std::string appid_parameter = "appid";
  std::string file;  // where it was read from

  // The application of that id, else the one for all others ("*"), else null.
  [[nodiscard]] const ServiceApplication* find_application(std::string_view wanted) const noexcept {
    const ServiceApplication* others = nullptr;
    for (const auto& app : apps) {
      if (app.id == wanted) return &app;
      if (app.id == "*") others = &app;
    }
    return others;
  }
};

}  // namespace herald
