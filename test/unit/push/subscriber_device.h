// A receiver that subscribes to pushes in PushLab: one dialog, and the NOTIFYs that came in it.
#pragma once

#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "push_lab.h"

namespace herald::test {

class SubscriberDevice {
 public:
  explicit SubscriberDevice(PushLab& lab, std::string user = "sip:alice@ims.lab", std::string event = "oma-push;appid=news.ua")
      : lab_(lab), user_(std::move(user)), event_(std::move(event)), number_(std::to_string(++count())) {}

  std::string target;  // Request-URI of the first SUBSCRIBE; empty: the user's AoR
  std::vector<std::string> accept{"text/plain", "multipart/mixed"};
  std::string asserted{"="};  // "=": the user; empty: nobody
  int expires = 3600;

  // Its final status. In the dialog once there is one.
  int subscribe(std::vector<SipHeaderField> extra = {}, unsigned shard = 0) {
    ++cseq_;
    std::vector<SipHeaderField> headers{{"From", "<" + user_ + ">;tag=ue-" + number_},
                                        {"Call-ID", "sub-" + number_},
                                        {"CSeq", std::to_string(cseq_) + " SUBSCRIBE"},
                                        {"Contact", "<sip:ue" + number_ + "@127.0.0.1:6101>"},
                                        {"Event", event_},
                                        {"Expires", std::to_string(expires)}};
    const auto identity = asserted == "=" ? user_ : asserted;
    if (!identity.empty()) headers.push_back({"P-Asserted-Identity", "<" + identity + ">"});
    std::string ranges;
    for (const auto& range : accept) ranges += (ranges.empty() ? "" : ", ") + range;
    if (!ranges.empty()) headers.push_back({"Accept", ranges});
    if (to_.empty()) {
      headers.push_back({"Record-Route", "<sip:127.0.0.1:6060;lr>"});
    } else {
      headers.push_back({"To", to_});
    }
    for (auto& field : extra) {
      std::erase_if(headers, [&](const auto& known) { return known.name == field.name; });
      headers.push_back(std::move(field));
    }
    const auto uri = !contact_.empty() ? contact_ : target.empty() ? user_ : target;
    const auto call = lab_.stack(shard).receive(sip_request("SUBSCRIBE", uri, std::move(headers)));
    lab_.settle();
    REQUIRE(call->final() != 0);
    if (call->final() == 200 && to_.empty()) {
      to_ = std::string(call->last().headers.get("To").value_or(""));
      const auto address = NameAddr::parse(call->last().headers.get("Contact").value_or(""));
      REQUIRE(address.has_value());
      contact_ = address->uri;
    }
    return call->final();
  }

  [[nodiscard]] std::vector<std::shared_ptr<FakeSipStack::Sent>> notifies() const {
    std::vector<std::shared_ptr<FakeSipStack::Sent>> found;
    for (const auto& sent : lab_.messages("NOTIFY")) {
      if (sent->request.headers.get("Call-ID") == "sub-" + number_) found.push_back(sent);
    }
    return found;
  }
  [[nodiscard]] std::shared_ptr<FakeSipStack::Sent> last() const {
    const auto all = notifies();
    REQUIRE_FALSE(all.empty());
    return all.back();
  }
  [[nodiscard]] std::string header(std::string_view name) const {
    return std::string(last()->request.headers.get(name).value_or(""));
  }
  void answer(int status = 200, std::vector<SipHeaderField> headers = {}) { lab_.answer(last(), status, std::move(headers)); }
  // Answers whatever comes for that long.
  void answers_for(Duration span, int status = 200) {
    for (Duration passed{}; passed < span; passed += std::chrono::milliseconds(500)) {
      for (const auto& sent : notifies()) {
        if (!sent->done) lab_.answer(sent, status);
      }
      lab_.advance(std::chrono::milliseconds(500));
    }
  }
  // Subscribed, and the first NOTIFY answered.
  void begin() {
    REQUIRE(subscribe() == 200);
    answer();
  }

 private:
  static unsigned& count() {
    static unsigned number = 0;
    return number;
  }
  PushLab& lab_;
  std::string user_, event_, number_, to_, contact_;
  unsigned cseq_ = 0;
};

// Subscriptions without chance in their duration.
[[nodiscard]] inline PushLab::Options steady(std::string config = {}) {
  PushLab::Options options;
  options.config = "subscriptions: {expiry_jitter: 0}\n" + std::move(config);
  return options;
}

}  // namespace herald::test
