#include "result/cdr.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "herald/sip_uri.h"
#include "result/callback_message.h"
#include "text/timestamps.h"

namespace herald::push {

std::string hashed_identity(const std::string& address, const Secret& key) {
  return "hmac:" + hmac_hex(key.value, canonical_identity(address)).substr(0, 32);
}

std::optional<std::string> cdr_line(const PushJob& job, const Delivery& delivery, std::optional<Status> before,
                                    const CdrConfig& config) {
  if (!delivery.final()) return std::nullopt;
  const bool ended_before = before && is_final(*before);
  const bool displayed = ended_before && delivery.status == Status::displayed && *before != Status::displayed;
  if (ended_before && !displayed) return std::nullopt;

  const auto identity = [&config](const std::string& address) {
    return config.hash_addresses ? hashed_identity(address, config.hash_key) : address;
  };
  nlohmann::ordered_json line;
  line["event"] = displayed ? "displayed" : "final";
  line["push"] = job.id;
  line["index"] = delivery.index;
  if (!job.external_id.empty()) line["external_id"] = job.external_id;
  line["initiator"] = job.initiator.empty() ? "@operator" : job.initiator;
  line["from"] = identity(job.sender);
  line["to"] = identity(delivery.address);
  line["app"] = job.application;
  if (!job.contents.empty()) {
    const auto& content = job.contents[std::min<std::size_t>(delivery.content, job.contents.size() - 1)];
    line["type"] = content.type;
    line["size"] = content.size();
  }
  line["mode"] = delivery.mode ? nlohmann::ordered_json(std::string(to_string(*delivery.mode))) : nlohmann::ordered_json();
  line["report"] = std::string(to_string(job.report));
  line["priority"] = std::string(to_string(job.priority));
  line["attempts"] = delivery.attempts;
  line["accepted"] = to_rfc3339(delivery.created);
  if (delivery.attempts > 0) line["started"] = to_rfc3339(delivery.started);  // of the last attempt
  line["finished"] = to_rfc3339(delivery.updated);
  line["status"] = std::string(to_string(delivery.status));
  line["code"] = delivery.code;
  line["cause"] = delivery.cause;
  line["evidence"] = std::string(to_string(delivery.evidence));
  line["trace"] = job.trace;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace herald::push
