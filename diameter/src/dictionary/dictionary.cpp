#include "dictionary/dictionary.h"

#include <cstring>
#include <string>

#include "dictionary/library.h"

namespace herald::diameter {

namespace {

dictionary* dict() noexcept { return fd_g_config->cnf_dict; }

struct TypeNames {
  dict_avp_basetype base;
  const char* derived;  // null: the base type alone
};
TypeNames names_of(AvpType type) {
  switch (type) {
    case AvpType::octets:
      return {AVP_TYPE_OCTETSTRING, nullptr};
    case AvpType::utf8:
      return {AVP_TYPE_OCTETSTRING, "UTF8String"};
    case AvpType::identity:
      return {AVP_TYPE_OCTETSTRING, "DiameterIdentity"};
    case AvpType::uri:
      return {AVP_TYPE_OCTETSTRING, "DiameterURI"};
    case AvpType::address:
      return {AVP_TYPE_OCTETSTRING, "Address"};
    case AvpType::time:
      return {AVP_TYPE_OCTETSTRING, "Time"};
    case AvpType::integer32:
      return {AVP_TYPE_INTEGER32, nullptr};
    case AvpType::unsigned32:
      return {AVP_TYPE_UNSIGNED32, nullptr};
    case AvpType::unsigned64:
      return {AVP_TYPE_UNSIGNED64, nullptr};
    case AvpType::grouped:
      return {AVP_TYPE_GROUPED, nullptr};
  }
  return {AVP_TYPE_OCTETSTRING, nullptr};
}

// The library copies names but declares them char*.
char* mutable_name(const std::string& name) { return const_cast<char*>(name.c_str()); }

Expected<dict_object*> define(dict_object_type type, void* data, dict_object* parent, std::string_view what) {
  dict_object* object = nullptr;
  if (const int rc = fd_dict_new(dict(), type, data, parent, &object); rc != 0) {
    auto error = library_error("fd_dict_new", rc);
    error.text += ": " + std::string(what);
    return fail(std::move(error));
  }
  return object;
}

Expected<dict_object*> define_vendor(std::uint32_t id, std::string name) {
  dict_vendor_data data{};
  data.vendor_id = id;
  data.vendor_name = mutable_name(name);
  return define(DICT_VENDOR, &data, nullptr, name);
}

Expected<> define_application(std::uint32_t id, std::string name, dict_object* vendor) {
  dict_application_data data{};
  data.application_id = id;
  data.application_name = mutable_name(name);
  const auto done = define(DICT_APPLICATION, &data, vendor, name);
  if (!done) return fail(done.error());
  return {};
}

Expected<> define_avp(const AvpRow& row) {
  if (find_avp(row.code, row.vendor) != nullptr) return {};  // an extension or the library itself was first
  const auto type = names_of(row.type);
  dict_object* derived = nullptr;
  if (type.derived != nullptr) {
    if (const int rc = fd_dict_search(dict(), DICT_TYPE, TYPE_BY_NAME, type.derived, &derived, ENOENT); rc != 0)
      return fail(library_error("fd_dict_search", rc));
  }
  const std::string name(row.name);
  dict_avp_data data{};
  data.avp_code = row.code;
  data.avp_vendor = row.vendor;
  data.avp_name = mutable_name(name);
  data.avp_basetype = type.base;
  // Only V is enforced on receipt: peers differ in M (FD-21, SH-05).
  data.avp_flag_mask = AVP_FLAG_VENDOR;
  data.avp_flag_val =
      static_cast<std::uint8_t>((row.vendor != 0 ? AVP_FLAG_VENDOR : 0) | (row.mandatory ? AVP_FLAG_MANDATORY : 0));
  const auto done = define(DICT_AVP, &data, derived, name);
  if (!done) return fail(done.error());
  return {};
}

Expected<> add_rule(dict_object* parent, dict_object* avp, rule_position position) {
  if (avp == nullptr) return fail(ErrorCode::internal, "a rule names an AVP that is not defined");
  dict_rule_data data{};
  data.rule_avp = avp;
  data.rule_position = position;
  data.rule_order = position == RULE_FIXED_HEAD ? 1 : 0;
  data.rule_min = 1;
  data.rule_max = position == RULE_FIXED_HEAD ? 1 : -1;
  const auto done = define(DICT_RULE, &data, parent, "rule");
  if (!done) return fail(done.error());
  return {};
}

Expected<dict_object*> define_command(const CommandRow& row, bool request) {
  const std::string name(request ? row.request : row.answer);
  dict_cmd_data data{};
  data.cmd_code = row.code;
  data.cmd_name = mutable_name(name);
  data.cmd_flag_mask = CMD_FLAG_REQUEST | CMD_FLAG_PROXIABLE;
  if (request) data.cmd_flag_mask |= CMD_FLAG_ERROR;
  data.cmd_flag_val = static_cast<std::uint8_t>(CMD_FLAG_PROXIABLE | (request ? CMD_FLAG_REQUEST : 0));
  return define(DICT_COMMAND, &data, find_application(row.application), name);
}

Expected<> define_command_pair(const CommandRow& row) {
  if (find_request(row.code) != nullptr) return {};
  const auto request = define_command(row, true);
  if (!request) return fail(request.error());
  const auto answer = define_command(row, false);
  if (!answer) return fail(answer.error());

  if (auto done = add_rule(*request, find_avp(263), RULE_FIXED_HEAD); !done) return done;
  for (const std::uint32_t base : {264U, 296U}) {
    if (auto done = add_rule(*request, find_avp(base), RULE_REQUIRED); !done) return done;
  }
  for (const auto code : row.required_3gpp) {
    if (auto done = add_rule(*request, find_avp(code, kVendor3gpp), RULE_REQUIRED); !done) return done;
  }
  // No rule for the answer: one that breaks a rule vanishes without any callback (FD-22, D2). Its reader checks instead.
  return {};
}

}  // namespace

Error library_error(std::string_view where, int code) {
  return {ErrorCode::internal,
          std::string(where) + ": " + std::generic_category().message(code) + " (" + std::to_string(code) + ")"};
}

dict_object* find_avp(std::uint32_t code, std::uint32_t vendor) noexcept {
  dict_avp_request request{vendor, code, nullptr};
  dict_object* object = nullptr;
  return fd_dict_search(dict(), DICT_AVP, AVP_BY_CODE_AND_VENDOR, &request, &object, 0) == 0 ? object : nullptr;
}

dict_object* find_request(std::uint32_t command) noexcept {
  dict_object* object = nullptr;
  return fd_dict_search(dict(), DICT_COMMAND, CMD_BY_CODE_R, &command, &object, 0) == 0 ? object : nullptr;
}

dict_object* find_answer(std::uint32_t command) noexcept {
  dict_object* object = nullptr;
  return fd_dict_search(dict(), DICT_COMMAND, CMD_BY_CODE_A, &command, &object, 0) == 0 ? object : nullptr;
}

dict_object* find_application(std::uint32_t application) noexcept {
  dict_object* object = nullptr;
  return fd_dict_search(dict(), DICT_APPLICATION, APPLICATION_BY_ID, &application, &object, 0) == 0 ? object : nullptr;
}

Expected<> define_dictionary() {
  const auto tgpp = define_vendor(kVendor3gpp, "3GPP");  // the name Debian's extensions use too (FD-20)
  if (!tgpp) return fail(tgpp.error());
  if (const auto etsi = define_vendor(kVendorEtsi, "ETSI"); !etsi) return fail(etsi.error());
  for (const auto& [id, name] : {std::pair{kApplicationCx, "Cx"}, std::pair{kApplicationSh, "Sh"}}) {
    if (find_application(id) != nullptr) continue;
    if (auto done = define_application(id, name, *tgpp); !done) return done;
  }
  for (const auto& row : avp_table()) {
    if (auto done = define_avp(row); !done) return done;
  }
  for (const auto& row : command_table()) {
    if (auto done = define_command_pair(row); !done) return done;
  }
  return {};
}

Expected<> advertise(std::uint32_t application) {
  auto* object = find_application(application);
  std::uint32_t vendor_id = kVendor3gpp;
  dict_object* vendor = nullptr;
  if (const int rc = fd_dict_search(dict(), DICT_VENDOR, VENDOR_BY_ID, &vendor_id, &vendor, ENOENT); rc != 0)
    return fail(library_error("fd_dict_search", rc));
  if (object == nullptr) return fail(ErrorCode::not_found, "the dictionary does not define the application");
  if (const int rc = fd_disp_app_support(object, vendor, 1, 0); rc != 0) return fail(library_error("fd_disp_app_support", rc));
  return {};
}

}  // namespace herald::diameter
