#include "events.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "hashes.h"
#include "herald/log.h"

namespace herald::receiver {
namespace {

using Json = nlohmann::ordered_json;

std::string time_text(WallTime when) {
  const auto milliseconds = when.time_since_epoch().count();
  const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 24> day{};
  std::array<char, 40> whole{};
  std::strftime(day.data(), day.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(whole.data(), whole.size(), "%s.%03dZ", day.data(), static_cast<int>(milliseconds % 1000));
  return whole.data();
}

// Headers of a stranger may hold any bytes: what is not UTF-8 becomes U+FFFD, never an exception.
std::string line_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

bool is_utf8(const std::string& text) {
  try {
    (void)Json(text).dump();
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

bool is_text(const std::string& type) {
  return type.starts_with("text/") || type.ends_with("xml") || type.ends_with("json") || type == "message/cpim";
}

std::string base64(const std::string& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

std::string event_line(std::string_view event, WallTime when, const std::vector<EventField>& fields) {
  Json json{{"event", event}, {"time", time_text(when)}};
  for (const auto& field : fields) {
    auto value = field.literal ? Json::parse(field.value, nullptr, false) : Json(field.value);
    json[std::string(field.name)] = std::move(value);
  }
  return line_of(json);
}

namespace {

void add_content(Json& json, const std::string& type, const std::string& body) {
  if (is_text(type) && is_utf8(body))
    json["text"] = body;
  else
    json["base64"] = base64(body);
}

}  // namespace

std::string push_line(WallTime when, const std::string& user, const Push& push, const PushContent& content, bool duplicate) {
  Json json{{"event", "push"},   {"time", time_text(when)}, {"user", user},      {"app", push.app},
            {"mode", push.mode}, {"type", push.type},       {"from", push.from}, {"id", push.id}};
  if (!push.url.empty()) json["url"] = push.url;
  json["size"] = content.size();
  json["sha256"] = content.blob ? content.blob->sha256 : sha256_hex(content.bytes);
  if (!content.blob) add_content(json, push.type, content.bytes);
  if (!content.file.empty()) json["file"] = content.file;
  if (push.expired) json["expired"] = true;
  if (duplicate) json["duplicate"] = true;
  return line_of(json);
}

std::string push_document(const std::string& user, const Push& push, const std::string& body) {
  Json json{{"app", push.app}, {"type", push.type}, {"from", push.from}, {"id", push.id}, {"user", user}};
  add_content(json, push.type, body);
  return line_of(json);
}

void LogOutput::tell(std::string_view event, WallTime, const std::vector<EventField>& fields) {
  std::string text;
  for (const auto& field : fields) {
    if (field.name == "url") continue;  // whoever knows it may fetch
    const bool identity = field.name == "user" || field.name == "from" || field.name == "to";
    text.append(text.empty() ? "" : " ")
        .append(field.name)
        .append("=")
        .append(identity ? log::identity(field.value) : field.value);
  }
  log::info("receiver", {{"happened", event}, {"with", text}});
}

void LogOutput::push(WallTime, const std::string& user, const Push& push, const PushContent& content, bool duplicate) {
  log::info("receiver", {{"happened", "push"},
                         {"user", log::identity(user)},
                         {"app", push.app},
                         {"type", push.type},
                         {"bytes", content.size()},
                         {"duplicate", duplicate}});
}

}  // namespace herald::receiver
