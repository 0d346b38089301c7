#include "pap/pap_endpoint.h"

#include <utility>

#include "initiator/initiator_auth.h"
#include "job/push_records.h"
#include "pap/pap_parser.h"
#include "text/base64.h"

namespace herald::push {
namespace {

constexpr std::string_view kXml = "application/xml";
constexpr std::string_view kBoundary = "herald-pap";

// PAP-01: what stands in a URL is seen by proxies and written into their logs.
void take_credentials_of_query(HttpRequest& request, const PapConfig& config) {
  if (!config.credentials_in_query || request.header("Authorization")) return;
  const auto name = request.query.find("username");
  const auto password = request.query.find("password");
  if (name == request.query.end() || password == request.query.end()) return;
  request.headers.push_back({"Authorization", "Basic " + encode_base64(name->second + ":" + password->second)});
}

// X-Wap-Initiator-URI and its like may stand beside the entities as well as in them.
std::vector<EntityHeader> outer_headers(const HttpRequest& request) {
  constexpr std::size_t kMost = 16;
  std::vector<EntityHeader> out;
  for (const auto& field : request.headers) {
    if (out.size() == kMost) break;
    const bool wap = field.name.size() > 6 && (field.name[0] == 'x' || field.name[0] == 'X') && field.name[1] == '-';
    if (wap) out.push_back({field.name, field.value});
  }
  return out;
}

HttpResponse respond(int http, pap::Version version, pap::Body body) {
  HttpResponse response;
  response.status = http;
  response.headers.push_back({"Content-Type", std::string(kXml)});
  response.body = pap::to_xml({version, std::move(body)});
  return response;
}

// The answer and the capabilities as entities of one message (pap.md 3, ccq-response).
void add_profile(HttpResponse& response, const std::string& profile) {
  const std::string mark = "--" + std::string(kBoundary);
  response.headers.front().value = "multipart/related; type=\"application/xml\"; boundary=\"" + std::string(kBoundary) + "\"";
  response.body = mark + "\r\nContent-Type: application/xml\r\n\r\n" + response.body + "\r\n" + mark +
                  "\r\nContent-Type: application/xml\r\n\r\n" + profile + "\r\n" + mark + "--\r\n";
}

// What is asked for, as the audit log says it: questions count as GET. Gives the push-id.
std::string describe(const pap::Body& body, AuditEntry& entry) {
  if (const auto* push = std::get_if<pap::Push>(&body)) {
    entry.method = "push-message";
    return push->push_id;
  }
  if (const auto* cancel = std::get_if<pap::Cancel>(&body)) {
    entry.method = "cancel-message";
    return cancel->push_id;
  }
  entry.method = "GET";
  return {};
}

}  // namespace

PapEndpoint::PapEndpoint(ServletContext& context, std::shared_ptr<PushService> service, Books books)
    : context_(context), service_(std::move(service)), books_(std::move(books)) {}

void PapEndpoint::add_route() {
  const auto config = context_.config<PushConfig>();
  if (!config->pap.enabled) return;
  HttpRouteOptions options;
  options.max_body = config->pap.max_body;
  context_.http().add(
      "POST", config->pap.path, [self = shared_from_this()](HttpRequest request) { return enter(self, std::move(request)); },
      options);
}

Checked<void> PapEndpoint::still_open() const {
  if (!stopped_) return {};
  const Problem closed{503, 4001, "the node is shutting down", std::chrono::seconds(2)};
  return tl::unexpected(closed);
}

pap::AddressRules PapEndpoint::address_rules(const PushConfig& config) const {
  pap::AddressRules rules;
  rules.home_domain = context_.node().domain;
  rules.phone_domain = config.pap.phone_domain;
  rules.names = config.pap.names;
  if (rules.names.empty()) rules.names = {"ppg." + rules.home_domain, rules.home_domain};
  return rules;
}

// PAP-32: HTTP authentication, MIME, XML; what the operation needs follows in it.
Task<HttpResponse> PapEndpoint::enter(Self self, HttpRequest request) {
  if (auto open = self->still_open(); !open) co_return to_response(open.error());
  Call call;
  call.config = self->context_.config<PushConfig>();
  take_credentials_of_query(request, call.config->pap);
  const auto found = authenticate(request, *call.config);
  if (!found) {
    self->metrics_.refused_submission(found.error().http);
    self->service_->audit().note(call.config, Audit::entry_of(request), found.error().http);
    co_return to_response(found.error());
  }
  call.initiator = *found;
  auto entry = Audit::entry_of(request);
  entry.who = call.initiator->name;
  call.trace = request.trace.text();

  const auto type = request.header("Content-Type").value_or("");
  auto entities = pap::read_entities(type, request.body, outer_headers(request));
  if (!entities) {
    self->metrics_.refused_submission(400);
    const auto fragment = pap::fragment_of(entities.error().http == 415 ? type : std::string_view(request.body));
    co_return respond(entities.error().http, pap::kNewest,
                      pap::BadMessage{entities.error().code, entities.error().desc, fragment});
  }
  auto document = pap::parse_document(entities->control);
  if (!document) {
    self->metrics_.refused_submission(400);
    co_return respond(202, document.error().version, std::move(document.error().answer));
  }
  call.version = document->version;
  call.entities = std::move(*entities);
  call.digest = digest(request.body);
  request.body.clear();

  const auto object = describe(document->body, entry);
  auto answer = co_await carry_out(self, &call, std::move(document->body));
  const auto* pushed = std::get_if<pap::PushAnswer>(&answer.body);
  if (!self->stopped_) self->service_->audit().note(call.config, entry, 202, object, pushed != nullptr ? pushed->code : 0);
  auto response = respond(202, call.version, std::move(answer.body));
  if (!answer.profile.empty()) add_profile(response, answer.profile);
  if (answer.retry_after) response.headers.push_back({"Retry-After", std::to_string(answer.retry_after->count())});
  co_return response;
}

Task<PapEndpoint::Answer> PapEndpoint::carry_out(Self self, Call* call, pap::Body operation) {
  if (auto* one = std::get_if<pap::Push>(&operation)) {
    auto wanted = std::move(*one);
    co_return co_await push(self, call, std::move(wanted));
  }
  if (auto* one = std::get_if<pap::Cancel>(&operation)) {
    auto wanted = std::move(*one);
    co_return co_await cancel(self, call, std::move(wanted));
  }
  if (auto* one = std::get_if<pap::StatusQuery>(&operation)) {
    auto wanted = std::move(*one);
    co_return co_await query_status(self, call, std::move(wanted));
  }
  if (auto* one = std::get_if<pap::CapabilityQuery>(&operation)) {
    auto wanted = std::move(*one);
    co_return co_await query_capabilities(self, call, std::move(wanted));
  }
  // Answers, and what a gateway sends to an initiator.
  const pap::BadMessage bad{3001, "an initiator does not send that to a gateway", pap::fragment_of(call->entities.control)};
  Answer answer;
  answer.body = bad;
  co_return answer;
}

}  // namespace herald::push
