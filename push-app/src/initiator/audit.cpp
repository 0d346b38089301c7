#include "initiator/audit.h"

#include <nlohmann/json.hpp>

#include "herald/log.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

bool is_refusal(int status) { return status == 401 || status == 403 || status == 429; }
bool changes(const AuditEntry& entry) { return entry.method != "GET" && entry.method != "HEAD"; }

std::string_view proof_of(const HttpRequest& request) {
  if (const auto header = request.header("Authorization")) {
    return !header->empty() && (header->front() | 0x20) == 'b' && header->size() > 1 && ((*header)[1] | 0x20) == 'a' ? "basic"
                                                                                                                     : "bearer";
  }
  return request.client_certificate_name.empty() ? "none" : "certificate";
}

}  // namespace

AuditEntry Audit::entry_of(const HttpRequest& request) {
  return {{}, proof_of(request), request.peer, request.method, request.path, request.trace.text()};
}

void Audit::note(const std::shared_ptr<const PushConfig>& config, const AuditEntry& entry, int status, std::string_view object,
                 int code) {
  if (!is_refusal(status) && !changes(entry)) return;
  if (config->audit.path.empty()) {
    if (is_refusal(status)) {
      log::info("request refused", {{"trace", entry.trace}, {"who", entry.who}, {"peer", entry.peer}, {"status", status}});
    }
    return;
  }
  nlohmann::ordered_json line{{"time", to_rfc3339(context_.clock().wall())},
                              {"who", entry.who},
                              {"by", entry.by},
                              {"peer", entry.peer},
                              {"method", entry.method},
                              {"path", entry.path},
                              {"status", status}};
  if (code != 0) line["code"] = code;
  if (!object.empty()) line["object"] = object;
  line["trace"] = entry.trace;
  static_cast<void>(
      file_.write(config, line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n', context_.clock()));
}

}  // namespace herald::push
