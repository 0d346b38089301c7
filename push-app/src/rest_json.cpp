#include "rest_json.h"

#include <nlohmann/json.hpp>

#include "timestamps.h"

namespace herald::push {
namespace {

using Json = nlohmann::ordered_json;

// How well the outcome is proven (status-mapping.md 3): a 202 shows only that a relay took it.
Json evidence_of(const Delivery& delivery) {
  if (delivery.status != Status::delivered && delivery.status != Status::network_accepted) return nullptr;
  return delivery.cause == "sip:202" ? "network" : "receiver";
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

// An ordered object is a vector of members: room for all, else each growth copies what is there.
Json object(std::size_t members) {
  Json json = Json::object();
  json.get_ref<Json::object_t&>().reserve(members);
  return json;
}

Json delivery_json(const Delivery& delivery) {
  auto json = object(11);
  json["address"] = delivery.address;
  json["status"] = to_string(delivery.status);
  json["final"] = delivery.final();
  json["evidence"] = evidence_of(delivery);
  json["code"] = delivery.code;
  json["cause"] = text_or_null(delivery.cause);
  if (!delivery.detail.empty()) json["detail"] = delivery.detail;
  json["mode"] = delivery.mode ? Json(to_string(*delivery.mode)) : Json(nullptr);
  json["attempts"] = delivery.attempts;
  json["updated"] = to_rfc3339(delivery.updated);
  json["retry_at"] = delivery.retry_at ? Json(to_rfc3339(*delivery.retry_at)) : Json(nullptr);
  return json;
}

Json view_json(const PushView& view) {
  auto json = object(10);
  json["id"] = view.job.id;
  json["created"] = to_rfc3339(view.job.created);
  json["app"] = view.job.application;
  json["from"] = view.job.sender;
  json["priority"] = to_string(view.job.priority);
  if (view.job.deliver_after) json["deliver_after"] = to_rfc3339(*view.job.deliver_after);
  json["expires"] = to_rfc3339(view.job.expires);
  json["recipient_count"] = view.job.recipients;
  json["recipients"] = Json::array();
  for (const auto& delivery : view.deliveries) json["recipients"].push_back(delivery_json(delivery));
  if (!view.next.empty()) json["next"] = view.next;
  return json;
}

// Addresses and details come from outside: what is no UTF-8 is replaced rather than thrown at.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string to_json(const PushView& view) { return dump(view_json(view)); }

std::string to_json(const PushList& list) {
  Json json;
  json["pushes"] = Json::array();
  for (const auto& push : list.pushes) json["pushes"].push_back(view_json(push));
  if (!list.next.empty()) json["next"] = list.next;
  return dump(json);
}

}  // namespace herald::push
