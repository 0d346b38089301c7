// The worked examples of config/examples: well-known applications through submission and MESSAGE, byte for byte.
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

#include "push_lab.h"
#include "text/base64.h"

namespace herald::test {
namespace {

namespace fs = std::filesystem;

PushLab::Options any_application() {
  PushLab::Options options;
  for (const auto* app : {"news.ua", "wml.ua", "mms.ua", "ulp.ua"})
    options.apps.push_back(application(app, ConsentDefault::open));
  options.config = "capabilities: {ask_options: false}\n";  // or each device would be asked first what it takes
  return options;
}

std::map<std::string, json> examples() {
  std::map<std::string, json> found;
  for (const auto& entry : fs::directory_iterator("../config/examples")) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    found[entry.path().filename().string()] = json::parse(file);
  }
  return found;
}

std::string bytes_of(const json& content) {
  return content.contains("text") ? content["text"].get<std::string>()
                                  : *push::decode_base64(content["base64"].get<std::string>());
}

TEST_CASE(
    "F-1 F-5 F-6 PS-12 the worked examples (SI, SL, CO, MMS, SUPL) reach the receiver byte for byte under their application "
    "ids") {
  const std::map<std::string, std::pair<std::string, std::string>> expected{
      {"service-indication.json", {"text/vnd.wap.si", "wml.ua"}},
      {"service-indication-binary.json", {"application/vnd.wap.sic", "wml.ua"}},
      {"service-loading.json", {"text/vnd.wap.sl", "wml.ua"}},
      {"cache-operation.json", {"text/vnd.wap.co", "wml.ua"}},
      {"mms-notification.json", {"application/vnd.wap.mms-message", "mms.ua"}},
      {"supl-init.json", {"application/vnd.omaloc-supl-init", "ulp.ua"}},
  };
  const auto found = examples();
  CHECK(found.size() == expected.size());
  for (const auto& [name, example] : found) {
    CAPTURE(name);
    REQUIRE(expected.contains(name));
    const auto& [type, app] = expected.at(name);
    PushLab lab(any_application());
    lab.registered("sip:alice@ims.lab", 600, "wml.ua,mms.ua,ulp.ua");
    const auto answer = lab.call("POST", "/v1/pushes", example);
    REQUIRE_MESSAGE(answer.status == 202, answer.text);
    REQUIRE(lab.messages().size() == 1);
    const auto& sent = lab.last()->request;
    const auto bytes = bytes_of(example["content"]);
    if (example.value("report", "network") == "network") {
      CHECK(sent.headers.get("Content-Type") == type);
      CHECK(sent.body == bytes);
    } else {  // within a message/cpim that asks for the report
      CHECK(sent.body.find(type) != std::string::npos);
      CHECK(sent.body.ends_with(bytes));
    }
    CHECK(std::string(sent.headers.get("Accept-Contact").value_or("")).find("\"" + app + "\"") != std::string::npos);
    lab.answer(lab.last(), 200);
  }
}

TEST_CASE("F-6 every byte value passes through a submission and its MESSAGE as it is") {
  std::string bytes;
  for (int round = 0; round < 2; ++round) {
    for (int value = 0; value < 256; ++value) bytes += static_cast<char>(value);
  }
  bytes += "\r\n\r\n--boundary--\r\n.\r\n";
  bytes += '\0';
  PushLab lab(any_application());
  lab.registered("sip:alice@ims.lab");
  lab.push("sip:alice@ims.lab", {{"content", {{"type", "application/octet-stream"}, {"base64", push::encode_base64(bytes)}}}});
  REQUIRE(lab.messages().size() == 1);
  CHECK(lab.last()->request.body == bytes);
  CHECK(lab.last()->request.headers.get("Content-Type") == "application/octet-stream");
  lab.answer(lab.last(), 200);
}

}  // namespace
}  // namespace herald::test
