#include "pap/pap_info.h"

#include <nlohmann/json.hpp>

namespace herald::push::pap {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& from, const char* name) {
  const auto found = from.find(name);
  return found != from.end() && found->is_string() ? found->get<std::string>() : std::string();
}
bool flag_of(const Json& from, const char* name) {
  const auto found = from.find(name);
  return found != from.end() && found->is_boolean() && found->get<bool>();
}
void put(Json& to, const char* name, const std::string& value) {
  if (!value.empty()) to[name] = value;
}

Json to_json(const Quality& quality) {
  Json out = Json::object();
  out["priority"] = to_string(quality.priority);
  out["method"] = to_string(quality.method);
  put(out, "network", quality.network);
  put(out, "bearer", quality.bearer);
  if (quality.network_required) out["network_required"] = true;
  if (quality.bearer_required) out["bearer_required"] = true;
  return out;
}

Quality quality_of(const Json& from) {
  Quality out;
  out.priority = parse_priority(text_of(from, "priority")).value_or(Priority::medium);
  out.method = parse_delivery_method(text_of(from, "method")).value_or(DeliveryMethod::not_specified);
  out.network = text_of(from, "network");
  out.bearer = text_of(from, "bearer");
  out.network_required = flag_of(from, "network_required");
  out.bearer_required = flag_of(from, "bearer_required");
  return out;
}

}  // namespace

std::string to_text(const Info& info) {
  Json out = Json::object();
  out["version"] = to_string(info.version);
  if (info.quality) out["quality"] = to_json(*info.quality);
  put(out, "source", info.source_reference);
  put(out, "sender_address", info.sender_address);
  put(out, "sender_name", info.sender_name);
  if (!info.refused.empty()) out["refused"] = info.refused;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Info parse_info(std::string_view text) {
  Info out;
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return out;
  out.version = parse_version(text_of(json, "version")).value_or(out.version);
  if (const auto quality = json.find("quality"); quality != json.end() && quality->is_object())
    out.quality = quality_of(*quality);
  out.source_reference = text_of(json, "source");
  out.sender_address = text_of(json, "sender_address");
  out.sender_name = text_of(json, "sender_name");
  if (const auto refused = json.find("refused"); refused != json.end() && refused->is_array()) {
    for (const auto& one : *refused) {
      if (one.is_string()) out.refused.push_back(one.get<std::string>());
    }
  }
  return out;
}

}  // namespace herald::push::pap
