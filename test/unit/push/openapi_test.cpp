// /openapi.json against the server: each route described, each described path served, examples and answers as the schemas say.
#include "rest/openapi.h"

#include <doctest/doctest.h>
#include <set>

#include "push_lab.h"

namespace herald::test {
namespace {

const json& document() {
  static const auto parsed = json::parse(push::openapi_document());
  return parsed;
}

const json& resolve(const json& value) {
  if (!value.is_object() || !value.contains("$ref")) return value;
  return resolve(document().at(json::json_pointer(value["$ref"].get<std::string>().substr(1))));
}

bool is_type(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

// As much of JSON Schema as the document uses; what it does not know is a failure, so that nothing passes unseen.
void check(const json& given, const json& value, const std::string& at, std::vector<std::string>& wrong) {
  const auto& schema = resolve(given);
  for (const auto& [key, rule] : schema.items()) {
    if (key == "type") {
      const auto types = rule.is_array() ? rule.get<std::vector<std::string>>() : std::vector{rule.get<std::string>()};
      if (std::none_of(types.begin(), types.end(), [&](const auto& type) { return is_type(value, type); })) {
        wrong.push_back(at + ": not " + rule.dump());
      }
    } else if (key == "enum") {
      if (std::find(rule.begin(), rule.end(), value) == rule.end()) wrong.push_back(at + ": none of " + rule.dump());
    } else if (key == "required") {
      for (const auto& name : rule) {
        if (!value.contains(name.get<std::string>())) wrong.push_back(at + ": " + name.get<std::string>() + " is missing");
      }
    } else if (key == "properties") {
      for (const auto& [name, member] : rule.items()) {
        if (value.is_object() && value.contains(name)) check(member, value[name], at + "/" + name, wrong);
      }
    } else if (key == "additionalProperties") {
      REQUIRE(rule == false);
      for (const auto& [name, unused] : value.items()) {
        if (!schema["properties"].contains(name)) wrong.push_back(at + ": " + name + " is not described");
      }
    } else if (key == "items") {
      for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
        check(rule, value[i], at + "/" + std::to_string(i), wrong);
    } else if (key == "oneOf") {
      int fit = 0;
      for (const auto& option : rule) {
        std::vector<std::string> misfit;
        check(option, value, at, misfit);
        fit += misfit.empty() ? 1 : 0;
      }
      if (fit != 1) wrong.push_back(at + ": fits " + std::to_string(fit) + " of oneOf");
    } else if (key == "allOf") {
      for (const auto& option : rule) check(option, value, at, wrong);
    } else if (key == "minItems") {
      if (value.is_array() && value.size() < rule.get<std::size_t>()) wrong.push_back(at + ": too few");
    } else if (key == "maxItems") {
      if (value.is_array() && value.size() > rule.get<std::size_t>()) wrong.push_back(at + ": too many");
    } else if (key == "maxLength" || key == "minLength") {
      if (value.is_string() && (key == "maxLength" ? value.get_ref<const std::string&>().size() > rule.get<std::size_t>()
                                                   : value.get_ref<const std::string&>().size() < rule.get<std::size_t>())) {
        wrong.push_back(at + ": length");
      }
    } else if (key == "minimum") {
      if (value.is_number() && value < rule) wrong.push_back(at + ": too small");
    } else if (key == "maximum") {
      if (value.is_number() && value > rule) wrong.push_back(at + ": too large");
    } else {
      REQUIRE_MESSAGE((key == "description" || key == "format" || key == "default" || key == "contentEncoding"), key);
    }
  }
}

std::string faults(const json& schema, const json& value) {
  std::vector<std::string> wrong;
  check(schema, value, "", wrong);
  std::string text;
  for (const auto& line : wrong) text += line + "\n";
  return text;
}

// "get /v1/pushes/{id}"
std::set<std::string> described() {
  static const std::set<std::string> kMethods{"get", "put", "post", "delete", "patch"};
  std::set<std::string> found;
  for (const auto& [path, item] : document()["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      if (kMethods.contains(method)) found.insert(method + " " + path);
    }
  }
  return found;
}

const json& operation(const std::string& method, const std::string& path) { return document()["paths"].at(path).at(method); }

// The answer is one that is described, and looks as described.
void check_answer(const std::string& method, const std::string& path, const Answer& answer) {
  CAPTURE(method);
  CAPTURE(path);
  CAPTURE(answer.status);
  const auto& responses = operation(method, path)["responses"];
  REQUIRE(responses.contains(std::to_string(answer.status)));
  const auto& response = resolve(responses[std::to_string(answer.status)]);
  if (answer.text.empty()) return;
  const auto type =
      answer.headers.count("Content-Type") != 0 ? answer.headers.at("Content-Type") : std::string("application/json");
  REQUIRE(response.contains("content"));
  REQUIRE_MESSAGE(response["content"].contains(type), type);
  if (response["content"][type].contains("schema") && !answer.body.is_discarded()) {
    CHECK(faults(response["content"][type]["schema"], answer.body) == "");
  }
}

TEST_CASE("F-2 each route of the initiators' listener is described, and each described one is served") {
  PushLab lab;
  std::set<std::string> served;
  for (const auto& route : lab.routes()) {
    auto text = route;
    std::transform(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find(' ')), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    served.insert(text);
  }
  CHECK(served == described());
}

TEST_CASE("the description is OpenAPI 3.1, its references resolve, its operations have names of their own") {
  CHECK(document()["openapi"] == "3.1.0");
  std::set<std::string> names;
  for (const auto& [path, item] : document()["paths"].items()) {
    std::set<std::string> placeholders;
    for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1)) {
      placeholders.insert(path.substr(at + 1, path.find('}', at) - at - 1));
    }
    std::set<std::string> given;
    for (const auto& parameter : item.value("parameters", json::array())) {
      if (parameter["in"] == "path") given.insert(parameter["name"]);
    }
    CAPTURE(path);
    CHECK(placeholders == given);
    for (const auto& [method, each] : item.items()) {
      if (method == "parameters") continue;
      CHECK(names.insert(each["operationId"]).second);
      CHECK_FALSE(each["responses"].empty());
      for (const auto& tag : each["tags"]) {
        const auto& tags = document()["tags"];
        CHECK(std::any_of(tags.begin(), tags.end(), [&](const json& known) { return known["name"] == tag; }));
      }
    }
  }
  const std::function<void(const json&)> walk = [&](const json& value) {
    if (value.is_object() && value.contains("$ref")) CHECK_NOTHROW(resolve(value));
    for (const auto& member : value) {
      if (member.is_structured()) walk(member);
    }
  };
  walk(document());
}

TEST_CASE("the examples of the description are what its schemas say") {
  int seen = 0;
  const std::function<void(const json&)> walk = [&](const json& value) {
    if (value.is_object() && value.contains("schema")) {
      if (value.contains("example") && value["schema"] != json{{"type", "string"}}) {
        ++seen;
        CHECK(faults(value["schema"], value["example"]) == "");
      }
      if (value.contains("examples")) {
        for (const auto& [name, example] : value["examples"].items()) {
          ++seen;
          CAPTURE(name);
          CHECK(faults(value["schema"], example["value"]) == "");
        }
      }
    }
    for (const auto& member : value) {
      if (member.is_structured()) walk(member);
    }
  };
  walk(document());
  CHECK(seen >= 8);
}

TEST_CASE("the examples of submissions are accepted by the server as they are") {
  PushLab lab;
  lab.registered("sip:alice@ims.lab");
  const auto& examples = operation("post", "/v1/pushes")["requestBody"]["content"]["application/json"]["examples"];
  for (const auto& [name, example] : examples.items()) {
    CAPTURE(name);
    auto body = example["value"];
    if (body.contains("replace")) body["replace"]["id"] = lab.push("sip:bob@ims.lab");
    const auto answer = lab.call("POST", "/v1/pushes", body);
    CHECK_MESSAGE(answer.status == 202, answer.text);
    check_answer("post", "/v1/pushes", answer);
  }
}

TEST_CASE("F-2 F-10 what the server answers is described: status, type and members") {
  PushLab lab;
  lab.http.rule = [](const HttpCall&) {
    HttpResponse response;
    response.status = 204;
    return std::optional<Expected<HttpResponse>>(response);
  };
  lab.registered("sip:alice@ims.lab");
  const auto id = lab.push("sip:alice@ims.lab", {{"callback", "https://hook.example/herald/x"}, {"priority", "high"}});
  check_answer("get", "/v1/pushes/{id}", lab.call("GET", "/v1/pushes/" + id));
  lab.answer(lab.last(), 200);
  const auto shown = lab.call("GET", "/v1/pushes/" + id);
  CHECK(shown.body["recipients"][0].contains("notification"));
  check_answer("get", "/v1/pushes/{id}", shown);
  check_answer("get", "/v1/pushes/{id}", lab.call("GET", "/v1/pushes/nosuch"));
  check_answer("get", "/v1/pushes/{id}", lab.call("GET", "/v1/pushes/" + id + "?limit=0"));
  check_answer("get", "/v1/pushes/{id}", lab.call("GET", "/v1/pushes/" + id, {}, {}));
  check_answer("delete", "/v1/pushes/{id}", lab.call("DELETE", "/v1/pushes/" + id));
  const auto waiting = lab.push("sip:bob@ims.lab");
  check_answer("delete", "/v1/pushes/{id}", lab.call("DELETE", "/v1/pushes/" + waiting));
  check_answer("get", "/v1/pushes", lab.call("GET", "/v1/pushes"));
  check_answer("get", "/v1/pushes", lab.call("GET", "/v1/pushes?status=nosuch"));
  check_answer("post", "/v1/pushes", lab.call("POST", "/v1/pushes", json{{"to", {"x"}}}));
  check_answer("post", "/v1/pushes", lab.call_raw("POST", "/v1/pushes", "x", {{"Authorization", "Bearer news-token"}}));
  check_answer("get", "/v1/subscriptions", lab.call("GET", "/v1/subscriptions"));
  check_answer("get", "/v1/subscriptions", lab.call("GET", "/v1/subscriptions?x=1"));
  check_answer("post", "/v1/invitations",
               lab.call("POST", "/v1/invitations", json{{"to", "sip:alice@ims.lab"}, {"app", "news.ua"}}));
  check_answer("post", "/v1/invitations", lab.call("POST", "/v1/invitations", json{{"to", "sip:alice@ims.lab"}}));
  check_answer("get", "/v1/invitations/{id}", lab.call("GET", "/v1/invitations/nosuch"));
  const auto consent = std::string("/v1/consent/sip%3Aalice%40ims.lab/news.ua");
  check_answer("get", "/v1/consent/{user}/{app}", lab.call("GET", consent));
  check_answer("put", "/v1/consent/{user}/{app}", lab.call("PUT", consent, json{{"state", "granted"}, {"expires", 60}}));
  check_answer("put", "/v1/consent/{user}/{app}", lab.call("PUT", consent, json{{"state", "maybe"}}));
  check_answer("get", "/v1/consent/{user}/{app}", lab.call("GET", consent));
  check_answer("delete", "/v1/consent/{user}/{app}", lab.call("DELETE", consent));
  check_answer("get", "/v1/capabilities/{user}", lab.call("GET", "/v1/capabilities/sip%3Aalice%40ims.lab"));
  check_answer("get", "/v1/registrations/{user}", lab.call("GET", "/v1/registrations/sip%3Aalice%40ims.lab"));
  check_answer("get", "/v1/registrations/{user}", lab.call("GET", "/v1/registrations/sip%3Anobody%40ims.lab"));
}

TEST_CASE("the result notification and the events of a push are as described") {
  PushLab lab;
  lab.registered("sip:alice@ims.lab");
  const auto id = lab.push("sip:alice@ims.lab", {{"callback", "https://hook.example/herald/x"}});
  const auto stream = lab.watch(id);
  lab.answer(lab.last(), 200);
  REQUIRE(lab.http.calls.size() == 1);
  CHECK(faults(json{{"$ref", "#/components/schemas/Callback"}}, json::parse(lab.http.calls[0]->call.body)) == "");
  const auto data = stream->text.rfind("data: ") + 6;
  const auto event = json::parse(stream->text.substr(data, stream->text.find('\n', data) - data));
  CHECK(faults(json{{"$ref", "#/components/schemas/Event"}}, event) == "");
}

TEST_CASE("the description needs no token and is what was compiled in") {
  PushLab lab;
  const auto answer = lab.call("GET", "/openapi.json", {}, {});
  CHECK(answer.status == 200);
  CHECK(answer.text == push::openapi_document());
}

}  // namespace
}  // namespace herald::test
