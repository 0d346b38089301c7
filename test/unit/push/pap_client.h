// A PAP initiator against the module's own route.
#pragma once

#include <doctest/doctest.h>

#include "pap/pap_parser.h"
#include "push_lab.h"

namespace herald::test {

class PapClient {
 public:
  explicit PapClient(PushLab& lab) : lab_(lab) {}

  // POST of a body as it is; HTTP's status is in `http`.
  const Answer& post(const std::string& body, const std::string& type, std::vector<HttpField> more = {},
                     const std::string& path = "/pap") {
    auto headers = credentials;
    headers.push_back({"Content-Type", type});
    for (auto& field : more) headers.push_back(std::move(field));
    http = lab_.call_raw("POST", path, body, std::move(headers));
    return http;
  }
  // The control entity alone.
  template <class T>
  T ask(const std::string& xml) {
    post(xml, "application/xml");
    return read<T>();
  }
  template <class T>
  T ask(push::pap::Body operation, push::pap::Version in = push::pap::Version::v2_1) {
    return ask<T>(push::pap::to_xml({in, std::move(operation)}));
  }
  // Control and content.
  template <class T = push::pap::PushAnswer>
  T push_xml(const std::string& xml, const std::string& content_headers = kPlain, const std::string& content = "Goal!",
             const std::string& profile = "") {
    std::string body =
        "--pp7\r\nContent-Type: application/xml\r\n\r\n" + xml + "\r\n--pp7\r\n" + content_headers + "\r\n" + content;
    if (!profile.empty()) body += "\r\n--pp7\r\nContent-Type: application/xml\r\n\r\n" + profile;
    post(body + "\r\n--pp7--\r\n", kMultipart);
    return read<T>();
  }
  template <class T = push::pap::PushAnswer>
  T push(push::pap::Push wanted, push::pap::Version in = push::pap::Version::v2_1, const std::string& content_headers = kPlain,
         const std::string& profile = "") {
    return push_xml<T>(push::pap::to_xml({in, std::move(wanted)}), content_headers, "Goal!", profile);
  }
  push::pap::StatusAnswer::Result status(const std::string& push_id, const std::string& address) {
    const auto answer = ask<push::pap::StatusAnswer>(push::pap::StatusQuery{push_id, {address}});
    REQUIRE(answer.results.size() == 1);
    return answer.results.front();
  }

  template <class T>
  T read() {
    REQUIRE_MESSAGE(http.status == 202, http.status << " " << http.text);
    REQUIRE(http.headers["Content-Type"].starts_with("application/xml"));
    const auto document = push::pap::parse_document(http.text);
    REQUIRE_MESSAGE(document.has_value(), http.text);
    version = document->version;
    REQUIRE_MESSAGE(std::holds_alternative<T>(document->body), http.text);
    return std::get<T>(document->body);
  }

  static constexpr const char* kMultipart = "multipart/related; boundary=pp7; type=\"application/xml\"";
  static constexpr const char* kPlain = "Content-Type: text/plain\r\nX-Wap-Application-Id: x-wap-application:news.ua\r\n";

  std::vector<HttpField> credentials{{"Authorization", "Basic bmV3czpuZXdzLXRva2Vu"}};  // news:news-token
  Answer http;
  push::pap::Version version = push::pap::kNewest;  // of the last answer

 private:
  PushLab& lab_;
};

inline PushLab::Options pap_options(std::string config, std::vector<ServiceApplication> apps = {}) {
  PushLab::Options out;
  out.config = std::move(config);
  out.apps = std::move(apps);
  return out;
}

inline push::pap::Push pap_push(const std::string& id, std::vector<std::string> addresses = {"sip:alice@ims.lab"}) {
  push::pap::Push out;
  out.push_id = id;
  out.addresses = std::move(addresses);
  return out;
}

}  // namespace herald::test
