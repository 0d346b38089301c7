#include "config/service_file.h"

#include <algorithm>
#include <array>

#include "config/portable_regex.h"
#include "herald/sip_message.h"

namespace herald {
namespace {

using File = ServiceFile;
using Handling = ServiceFile::Handling;

bool all_of_set(const std::string& text, std::string_view extra, bool capitals) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (capitals && c >= 'A' && c <= 'Z') ||
           extra.find(c) != std::string_view::npos;
  });
}

std::string check_id(const std::string& id) {
  return !id.empty() && id.size() <= 64 && all_of_set(id, "-", false) ? "" : "must be 1 to 64 of a-z, 0-9 and '-'";
}
std::string check_tag(const std::string& tag) {
  return !tag.empty() && tag.size() <= 16 && all_of_set(tag, "", false) ? "" : "must be 1 to 16 of a-z and 0-9";
}
std::string check_token(const std::string& token) {
  return !token.empty() && token.size() <= 255 && all_of_set(token, "-.%*_+`'~", true) ? "" : "must be a token";
}
std::string check_package(const std::string& name) {
  return !name.empty() && name.size() <= 64 && all_of_set(name, "-.%_+", true) ? "" : "must be a token";
}
std::string check_server_name(const std::string& text) {
  const auto uri = SipUri::parse(text);
  if (!uri || !uri->is_sip()) return "must be a sip: or sips: URI";
  if (!uri->headers.empty()) return "must not have a headers part";
  return uri->params.has("app") || uri->params.has("sess") ? "must not have app or sess: they are added" : "";
}
std::string check_service_info(const std::string& text) { return text.size() <= 1024 ? "" : "is over 1024 bytes"; }
std::string check_urn(const std::string& urn) {
  return urn.starts_with("urn:urn-7:3gpp-") && urn.size() <= 255 && all_of_set(urn, ":.-_%", true)
             ? ""
             : "must be a URN urn:urn-7:3gpp-…";
}
std::string check_media_type(const std::string& text) {
  const auto type = MediaType::parse(text);
  return type && type->params.empty() ? "" : "must be a media type such as text/plain";
}

const Choices<Handling> kHandling{{"continued", Handling::continued}, {"terminated", Handling::terminated}};

ConfigSchema<File::Service> service_schema() {
  using S = File::Service;
  return ConfigSchema<S>()
      .key("id", &S::id, {.help = "Name of the service", .required = true, .check = check_id})
      .key("application", &S::application, {.help = "The module that serves it", .required = true, .check = check_token})
      .key("server_name", &S::server_name,
           {.help = "Our SIP URI as the S-CSCF should use it; lr is added", .required = true, .check = check_server_name})
      .list("shared_ifc_sets", &S::shared_ifc_sets, {.help = "Sets the S-CSCF holds itself", .max_items = 64})
      .choice("emit", &S::emit, {{"inline", File::Emit::own}, {"shared", File::Emit::shared}},
              {.help = "shared: export the triggers as a shared set"})
      .key("shared_set_id", &S::shared_set_id, {.help = "Number of that set"})
      .check([](S& service, const ConfigScope& at) {
        if (service.emit == File::Emit::shared && !service.shared_set_id)
          at.error("shared_set_id", "is required with emit: shared");
      });
}

ConfigSchema<File::Trigger> trigger_schema() {
  using T = File::Trigger;
  using R = File::Register;
  using Form = ServiceTrigger::Form;
  using Part = ServiceTrigger::ProfilePart;
  auto registration = ConfigSchema<R>()
                          .key("include_request", &R::include_request, {.help = "Ask for the UE's REGISTER in the body"})
                          .key("include_response", &R::include_response, {.help = "Ask for the 200 in the body"});
  return ConfigSchema<T>()
      .key("name", &T::name, {.help = "Name of the trigger", .required = true, .check = check_id})
      .key("priority", &T::priority, {.help = "Lower numbers are looked at first", .required = true, .max = 2147483647})
      .raw("when", &T::when, {.help = "Condition; none: always"})
      .choice("form", &T::form, {{"auto", Form::automatic}, {"cnf", Form::cnf}, {"dnf", Form::dnf}},
              {.help = "Form of the exported trigger point; auto: the smaller"})
      .choice("profile_part", &T::profile_part, {{"registered", Part::registered}, {"unregistered", Part::unregistered}},
              {.help = "Only for users in that state; none: both"})
      .choice("default_handling", &T::default_handling, kHandling, {.help = "What the S-CSCF does when we are silent"})
      .key("service_info", &T::service_info, {.help = "Text the S-CSCF sends with REGISTER", .check = check_service_info})
      .section("register", &T::registration, std::move(registration), {.help = "What the third-party REGISTER should carry"})
      .key("tag", &T::tag, {.help = "Becomes ;sess= of the server name", .check = check_tag})
      .key("servlet", &T::servlet, {.help = "Hint to the module", .check = check_token})
      .key("enabled", &T::enabled, {.help = "false: neither exported nor used"});
}

ConfigSchema<File::Identity> identity_schema() {
  using I = File::Identity;
  using U = File::Unconditional;
  using Type = ServiceIdentity::Type;
  auto unconditional =
      ConfigSchema<U>()
          .key("servlet", &U::servlet, {.help = "Hint to the module", .check = check_token})
          .key("tag", &U::tag, {.help = "Becomes ;sess= of the server name", .required = true, .check = check_tag})
          .key("priority", &U::priority, {.help = "Priority of its iFC", .max = 2147483647})
          .choice("default_handling", &U::default_handling, kHandling, {.help = "What the S-CSCF does when we are silent"});
  return ConfigSchema<I>()
      .key("uri", &I::uri, {.help = "sip: or tel: URI", .required = true})
      .choice(
          "type", &I::type,
          {{"public_user", Type::public_user}, {"distinct_psi", Type::distinct_psi}, {"wildcarded_psi", Type::wildcarded_psi}},
          {.help = "A wildcarded PSI has a pattern between ! in its user part"})
      .key("barred", &I::barred, {.help = "Not to be used by anybody"})
      .section("unconditional", &I::unconditional, std::move(unconditional), {.help = "Every request to it is ours"});
}

ConfigSchema<File::Application> application_schema() {
  using A = File::Application;
  return ConfigSchema<A>()
      .key("id", &A::id, {.help = "Application id; \"*\": all that are not named", .required = true, .check = check_token})
      .choice("consent", &A::consent,
              {{"open", ConsentDefault::open}, {"ask", ConsentDefault::ask}, {"closed", ConsentDefault::closed}},
              {.help = "While the user has said nothing"})
      .key("bypass_consent", &A::bypass_consent,
           {.help = "Send whatever the user said. For emergency and legal services only (PA-3)"})
      .choices("modes", &A::modes,
               {{"notify", DeliveryMode::notify},
                {"pager", DeliveryMode::pager},
                {"msrp", DeliveryMode::msrp},
                {"indirection", DeliveryMode::indirection}},
               {.help = "Ways of delivery, the best first", .min_items = 1, .max_items = 4})
      .key("pager_max_bytes", &A::pager_max_bytes, {.help = "Largest body in a MESSAGE", .min = 200, .max = 65535})
      .list("types", &A::types, {.help = "Media types it may send", .min_items = 1, .max_items = 100, .check = check_media_type})
      .choice("deliver_unregistered", &A::deliver_unregistered, {{"hold", File::Absent::hold}, {"fail", File::Absent::fail}},
              {.help = "While the user is absent"})
      .key("max_rate", &A::max_rate,
           {.help = "Messages a second to one user",
            .check = [](const double& rate) { return rate > 0 && rate < 100 ? "" : "must be over 0 and under 100"; }})
      .choice("report", &A::report,
              {{"none", ReportLevel::none},
               {"network", ReportLevel::network},
               {"delivery", ReportLevel::delivery},
               {"display", ReportLevel::display}},
              {.help = "Report asked for when the initiator does not say"})
      .key("icsi", &A::icsi, {.help = "Communication service identifier", .check = check_urn})
      .key("iari", &A::iari, {.help = "Application reference identifier", .check = check_urn});
}

}  // namespace

const ConfigSchema<ServiceFile>& service_file_schema() {
  using D = File::Defaults;
  using P = File::Package;
  static const auto schema =
      ConfigSchema<File>()
          .key("version", &File::version,
               {.help = "Version of this format",
                .required = true,
                .check = [](const std::uint32_t& version) { return version == 1 ? "" : "must be 1"; }})
          .section("service", &File::service, service_schema(), {.help = "The service", .required = true})
          .section("defaults", &File::defaults,
                   ConfigSchema<D>()
                       .choice("default_handling", &D::default_handling, kHandling, {.help = "For triggers that do not say"})
                       .key("max_body", &D::max_body, {.help = "Largest body it takes", .min = 1, .max = 1048576}),
                   {.help = "Defaults for the triggers"})
          .sections("triggers", &File::triggers, trigger_schema(), {.help = "Which requests it gets", .max_items = 256})
          .sections("identities", &File::identities, identity_schema(), {.help = "Identities it stands for", .max_items = 256})
          .sections("apps", &File::apps, application_schema(), {.help = "Applications it carries", .max_items = 1000})
          .section(
              "package", &File::package,
              ConfigSchema<P>()
                  .key("name", &P::name, {.help = "Event package", .check = check_package})
                  .key("appid_param", &P::appid_param, {.help = "Its parameter with the application", .check = check_package}),
              {.help = "Event package for subscriptions"});
  return schema;
}

const char* spf_code_of(const std::string& path) {
  std::string key;
  bool skip = false;
  for (const char c : path) {
    if (c == '[') skip = true;
    if (!skip) key += c;
    if (c == ']') skip = false;
  }
  struct Row {
    std::string_view key;
    const char* code;
  };
  static constexpr std::array<Row, 39> kRows{{{"version", "SPF-E01"},
                                              {"service", "SPF-E02"},
                                              {"service.id", "SPF-E02"},
                                              {"service.application", "SPF-E03"},
                                              {"service.server_name", "SPF-E04"},
                                              {"service.shared_ifc_sets", "SPF-E05"},
                                              {"service.emit", "SPF-E06"},
                                              {"service.shared_set_id", "SPF-E06"},
                                              {"defaults.default_handling", "SPF-E07"},
                                              {"defaults.max_body", "SPF-E08"},
                                              {"triggers", "SPF-E09"},
                                              {"triggers.name", "SPF-E10"},
                                              {"triggers.priority", "SPF-E11"},
                                              {"triggers.when", "SPF-E12"},
                                              {"triggers.form", "SPF-E13"},
                                              {"triggers.profile_part", "SPF-E14"},
                                              {"triggers.default_handling", "SPF-E07"},
                                              {"triggers.service_info", "SPF-E15"},
                                              {"triggers.register", "SPF-E16"},
                                              {"triggers.register.include_request", "SPF-E16"},
                                              {"triggers.register.include_response", "SPF-E16"},
                                              {"triggers.tag", "SPF-E17"},
                                              {"triggers.servlet", "SPF-E18"},
                                              {"identities.uri", "SPF-E19"},
                                              {"identities.type", "SPF-E20"},
                                              {"identities.unconditional.tag", "SPF-E17"},
                                              {"identities.unconditional.servlet", "SPF-E18"},
                                              {"identities.unconditional.priority", "SPF-E11"},
                                              {"identities.unconditional.default_handling", "SPF-E07"},
                                              {"apps.id", "SPF-E23"},
                                              {"apps.consent", "SPF-E24"},
                                              {"apps.modes", "SPF-E25"},
                                              {"apps.types", "SPF-E26"},
                                              {"apps.max_rate", "SPF-E27"},
                                              {"apps.icsi", "SPF-E28"},
                                              {"apps.iari", "SPF-E28"},
                                              {"package.name", "SPF-E29"},
                                              {"package.appid_param", "SPF-E29"},
                                              {"apps.pager_max_bytes", "SPF-W03"}}};
  for (const auto& row : kRows) {
    if (row.key == key) return row.code;
  }
  return "SPF-E30";  // wrong in its shape, like an unknown key
}

}  // namespace herald
