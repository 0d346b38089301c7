#include "result/callback_message.h"

#include <array>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <utility>

#include "job/push_records.h"
#include "pap/pap_result.h"
#include "rest/rest_json.h"

namespace herald::push {

std::string hmac_hex(std::string_view key, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(bytes.data()),
           bytes.size(), sum.data(), &size) == nullptr) {
    return {};
  }
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += hex[sum.at(i) >> 4U];
    text += hex[sum.at(i) & 15U];
  }
  return text;
}

std::string callback_signature(std::string_view secret, std::string_view body, WallTime now) {
  const auto seconds = std::to_string(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  return "t=" + seconds + ",v1=" + hmac_hex(secret, seconds + "." + std::string(body));
}

std::string callback_json(const PushJob& job, const Delivery& delivery, const ResultNotice& notice) {
  using Json = nlohmann::json;
  const auto quoted = [](std::string_view text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); };
  std::string body = "{\"id\":" + quoted(job.id);
  if (!job.external_id.empty()) body += ",\"external_id\":" + quoted(job.external_id);
  body += ",\"event\":" + quoted(notice.event_id()) + ",\"attempt\":" + std::to_string(notice.attempts);
  body += ",\"recipient\":" + to_json(told(notice, delivery)) + "}";
  return body;
}

HttpCall callback_call(const PushJob& job, const Delivery& delivery, const ResultNotice& notice, const CallbackPermit& permit,
                       const Secret& secret, WallTime now) {
  const bool pap = job.callback_form == CallbackForm::pap;
  HttpCall call;
  call.method = "POST";
  call.url = permit.url.text();
  call.public_only = permit.public_only;
  call.body = pap ? pap_result_notification(job, told(notice, delivery)) : callback_json(job, delivery, notice);
  call.headers.push_back({"Content-Type", pap ? "application/xml" : "application/json"});
  call.headers.push_back({"User-Agent", "herald"});
  call.headers.push_back({"Herald-Event-Id", notice.event_id()});
  if (!secret.empty()) call.headers.push_back({"Herald-Signature", callback_signature(secret.value, call.body, now)});
  if (job.trace.size() == 32) {
    const auto span = digest(notice.event_id() + "/" + std::to_string(notice.attempts)).substr(0, 16);
    call.headers.push_back({"traceparent", "00-" + job.trace + "-" + span + "-01"});
  }
  return call;
}

}  // namespace herald::push
