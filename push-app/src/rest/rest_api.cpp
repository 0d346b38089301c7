#include "rest/rest_api.h"

#include <utility>

#include "herald/sip_uri.h"
#include "job/push_records.h"
#include "pushes/recipient_text.h"
#include "pushes/submission_parts.h"
#include "rest/rest_json.h"
#include "rest/rest_request.h"
#include "result/callback_url.h"

namespace herald::push {
namespace {

constexpr std::size_t kMaxIdempotencyKey = 255;
constexpr std::size_t kSpoolAbove = 65536;

Checked<ListQuery> read_list_query(const HttpRequest& request) {
  if (auto known = check_query(request, {"status", "address", "limit", "cursor"}); !known) return tl::unexpected(known.error());
  ListQuery query;
  const auto limit = read_limit(request, 50, 200);
  if (!limit) return tl::unexpected(limit.error());
  query.limit = *limit;
  query.cursor = query_value(request, "cursor");
  if (const auto status = query_value(request, "status"); !status.empty()) {
    query.status = parse_status(status);
    if (!query.status) return refuse(400, 2000, "status: no such status");
  }
  if (const auto address = query_value(request, "address"); !address.empty()) {
    auto recipient = parse_address(address, "address", 256);
    if (!recipient) return tl::unexpected(recipient.error());
    query.user = std::move(recipient->user);
  }
  return query;
}

// PAP-37: only where the account may be called back; as it was understood, so that nobody reads it in another way later.
Checked<void> settle_callback(const Initiator* initiator, Submission& submission) {
  if (submission.callback.empty()) return {};
  if (initiator == nullptr) {
    const auto url = CallbackUrl::parse(submission.callback);
    if (!url) return refuse(400, 2000, "callback: " + url.error().text);
    submission.callback = url->text();
    return {};
  }
  const auto permit = permit_callback(*initiator, submission.callback);
  if (!permit) return tl::unexpected(permit.error());
  submission.callback = permit->url.text();
  return {};
}

std::string_view location_of(const HttpResponse& response) {
  for (const auto& field : response.headers) {
    if (field.name == "Location") return field.value;
  }
  return {};
}

}  // namespace

RestApi::RestApi(ServletContext& context, std::shared_ptr<PushService> service, Books books, std::shared_ptr<PushEvents> events,
                 std::shared_ptr<ContentBook> contents)
    : context_(context),
      service_(std::move(service)),
      books_(std::move(books)),
      events_(std::move(events)),
      contents_(std::move(contents)) {}

std::shared_ptr<const Initiator> RestApi::Caller::account() const { return {config, initiator}; }

std::optional<std::string> RestApi::Caller::owner() const {
  if (initiator == nullptr) return std::nullopt;
  return initiator->name;
}

void RestApi::add_routes() {
  const auto config = context_.config<PushConfig>();
  HttpRouteOptions submission;
  submission.max_body = config->max_submission_bytes;
  HttpRouteOptions upload;
  upload.max_body = config->max_content_bytes;
  upload.spool_above = kSpoolAbove;
  for (const auto door : {Door::initiators, Door::operators}) {
    auto& routes = door == Door::initiators ? context_.http() : context_.admin_http();
    add(routes, door, "POST", "/v1/pushes", &RestApi::submit, submission);
    add(routes, door, "POST", "/v1/contents", &RestApi::upload, upload);
    add(routes, door, "GET", "/v1/contents/{id}", &RestApi::show_content);
    add(routes, door, "DELETE", "/v1/contents/{id}", &RestApi::remove_content);
    add(routes, door, "GET", "/v1/pushes", &RestApi::list);
    add(routes, door, "GET", "/v1/pushes/{id}", &RestApi::show);
    add(routes, door, "DELETE", "/v1/pushes/{id}", &RestApi::cancel);
    add(routes, door, "GET", "/v1/pushes/{id}/events", &RestApi::watch);
    add(routes, door, "GET", "/v1/subscriptions", &RestApi::list_subscriptions);
    add(routes, door, "GET", "/v1/capabilities/{user}", &RestApi::show_capabilities);
    add(routes, door, "POST", "/v1/invitations", &RestApi::invite);
    add(routes, door, "GET", "/v1/invitations/{id}", &RestApi::show_invitation);
    add(routes, door, "DELETE", "/v1/invitations/{id}", &RestApi::cancel_invitation);
    add(routes, door, "GET", "/v1/consent/{user}/{app}", &RestApi::show_consent);
    add(routes, door, "PUT", "/v1/consent/{user}/{app}", &RestApi::set_consent);
    add(routes, door, "DELETE", "/v1/consent/{user}/{app}", &RestApi::clear_consent);
  }
  // Operators have it from the container.
  add(context_.http(), Door::initiators, "GET", "/v1/registrations/{user}", &RestApi::show_registration);
}

void RestApi::add(HttpRoutes& routes, Door door, std::string_view method, std::string_view pattern, Handler handler,
                  HttpRouteOptions options) {
  auto entry = [self = shared_from_this(), door, handler](HttpRequest request) {
    return enter(self, door, handler, std::move(request));
  };
  routes.add(method, pattern, std::move(entry), options);
}

Task<HttpResponse> RestApi::enter(Self self, Door door, Handler handler, HttpRequest request) {
  Caller caller;
  caller.config = self->context_.config<PushConfig>();
  const bool stream = handler == &RestApi::watch && accepts(request.header("Accept"), "text/event-stream");
  const auto admitted = self->admit(door, request, caller, stream);
  if (!admitted) {
    // Nobody else will: a body that was spooled belongs to this request.
    if (request.blob) static_cast<void>(co_await self->context_.blobs().remove(request.blob->id));
    self->service_->audit().note(caller.config, Audit::entry_of(request), admitted.error().http);
    co_return to_response(admitted.error());
  }
  auto entry = Audit::entry_of(request);
  entry.who = caller.initiator == nullptr ? "@operator" : caller.initiator->name;
  if (door == Door::operators) entry.by = "admin";
  const auto config = caller.config;
  auto response = co_await handler(self, std::move(caller), std::move(request));
  self->service_->audit().note(config, entry, response.status, location_of(response));
  co_return response;
}

Checked<void> RestApi::admit(Door door, const HttpRequest& request, Caller& caller, bool stream) const {
  if (stopped_) return tl::unexpected(Problem{503, 4001, "the node is shutting down", std::chrono::seconds(2)});
  if (door == Door::initiators) {
    const auto found = authenticate(request, *caller.config);
    if (!found) {
      metrics_.refused_submission(found.error().http);
      return tl::unexpected(found.error());
    }
    caller.initiator = *found;
  }
  if (!stream && !accepts(request.header("Accept"), "application/json")) {
    return refuse(406, 2000, "Accept: only application/json is offered");
  }
  return {};
}

Checked<void> RestApi::take_rate(const Caller& caller) {
  if (caller.initiator == nullptr) return {};
  return service_->rates().take(*caller.initiator);
}

Task<Checked<SubmitRequest>> RestApi::read_submission(Self self, Caller caller, HttpRequest* request) {
  SubmitRequest out;
  if (const auto key = request->header("Idempotency-Key")) {
    if (key->empty() || key->size() > kMaxIdempotencyKey) {
      co_return refuse(400, 2000, "Idempotency-Key: 1 to " + std::to_string(kMaxIdempotencyKey) + " characters");
    }
    out.idempotency_key = *key;
    out.body_digest = digest(request->body);
  }
  auto parts = take_parts(*request);
  if (!parts) co_return tl::unexpected(parts.error());
  if (auto rate = self->take_rate(caller); !rate) co_return tl::unexpected(rate.error());
  SubmissionLimits limits;
  limits.max_recipients = caller.config->max_recipients;
  limits.max_content_bytes = caller.config->max_content_bytes;
  auto submission = parse_submission(request->body, limits);
  if (!submission) co_return tl::unexpected(submission.error());
  use_default_report(*submission, find_application(self->context_.services(), submission->application).report);
  if (auto placed = place_parts(std::move(*parts), limits.max_content_bytes, submission->contents); !placed) {
    co_return tl::unexpected(placed.error());
  }
  if (caller.initiator != nullptr) {
    auto sender = choose_sender(*caller.initiator, *caller.config, submission->from);
    if (!sender) co_return tl::unexpected(sender.error());
    if (auto allowed = check_application(*caller.initiator, submission->application); !allowed)
      co_return tl::unexpected(allowed.error());
    out.sender = std::move(*sender);
    out.initiator = caller.initiator->name;
    out.account = caller.account();
  } else {
    out.sender = submission->from.value_or(caller.config->sender_identity);
  }
  if (auto callback = settle_callback(caller.initiator, *submission); !callback) co_return tl::unexpected(callback.error());
  if (submission->to_text.count > 0) {
    auto text = std::make_shared<const std::string>(std::move(request->body));
    auto recipients = std::make_shared<JsonRecipients>(std::move(text), submission->to_text, limits.max_address);
    RecipientRule rule;
    if (out.account) rule = [account = out.account](const Recipient& recipient) { return check_recipient(*account, recipient); };
    auto checked = co_await check_recipients(recipients, std::move(rule));
    if (!checked) co_return tl::unexpected(checked.error());
    submission->many = std::move(recipients);
  }
  out.submission = std::move(*submission);
  out.trace = request->trace.text();
  co_return out;
}

Task<HttpResponse> RestApi::submit(Self self, Caller caller, HttpRequest request) {
  auto read = co_await read_submission(self, std::move(caller), &request);
  if (!read) {
    self->metrics_.refused_submission(read.error().http);
    co_return to_response(read.error());
  }
  const auto accepted = co_await PushService::submit(self->service_, std::move(*read));
  if (!accepted) {
    self->metrics_.refused_submission(accepted.error().http);
    co_return to_response(accepted.error());
  }
  auto response = HttpResponse::json(202, to_json(*accepted));
  response.headers.push_back({"Location", "/v1/pushes/" + accepted->job.id});
  co_return response;
}

Task<HttpResponse> RestApi::show(Self self, Caller caller, HttpRequest request) {
  if (auto known = check_query(request, {"limit", "cursor"}); !known) co_return to_response(known.error());
  const auto limit = read_limit(request, 100, 1000);
  if (!limit) co_return to_response(limit.error());
  auto id = request.path_parameters["id"];
  auto cursor = query_value(request, "cursor");
  auto view = co_await PushService::view(self->service_, std::move(id), caller.owner(), *limit, std::move(cursor));
  if (!view) co_return to_response(view.error());
  if (self->stopped_) co_return to_response({503, 4001, "the node is shutting down", std::chrono::seconds(2)});
  if (wants_notice(view->job)) {
    view->notices = co_await find_notices(&self->context_.store(), &view->deliveries);
  }
  co_return HttpResponse::json(200, to_json(*view));
}

Task<HttpResponse> RestApi::list(Self self, Caller caller, HttpRequest request) {
  auto query = read_list_query(request);
  if (!query) co_return to_response(query.error());
  query->initiator = caller.owner();
  const auto found = co_await PushService::list(self->service_, std::move(*query));
  if (!found) co_return to_response(found.error());
  co_return HttpResponse::json(200, to_json(*found));
}

Task<HttpResponse> RestApi::cancel(Self self, Caller caller, HttpRequest request) {
  if (auto known = check_query(request, {"address"}); !known) co_return to_response(known.error());
  CancelRequest cancel;
  cancel.id = request.path_parameters["id"];
  cancel.owner = caller.owner();
  if (const auto address = query_value(request, "address"); !address.empty()) {
    auto recipient = parse_address(address, "address", 256);
    if (!recipient) co_return to_response(recipient.error());
    cancel.recipients.push_back(std::move(*recipient));
  }
  const auto result = co_await PushService::cancel(self->service_, std::move(cancel));
  if (!result) co_return to_response(result.error());
  if (result->unknown > 0) co_return to_response({404, 2003, "address: no recipient of this push"});
  if (result->cancelled == 0) {
    co_return to_response({409, 2008, "too late: every delivery of this push is final or being sent"});
  }
  co_return HttpResponse::json(200, to_json(result->view));
}

Task<HttpResponse> RestApi::show_registration(Self self, Caller, HttpRequest request) {
  auto recipient = parse_address(request.path_parameters["user"], "user", 256);
  if (!recipient) co_return to_response(recipient.error());
  auto asked = self->context_.find_registration(std::move(recipient->user));
  const auto found = co_await asked;
  if (!found) co_return to_response({503, 4001, found.error().text, std::chrono::seconds(2)});
  if (self->stopped_) co_return to_response({503, 4001, "the node is shutting down", std::chrono::seconds(2)});
  if (!found->has_value()) co_return to_response({404, 2003, "the user is not registered"});
  co_return HttpResponse::json(200, registration_json(**found, self->context_.clock().wall()));
}

}  // namespace herald::push
