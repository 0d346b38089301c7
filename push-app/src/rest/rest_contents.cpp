// Contents that are uploaded once and pushed by reference: /v1/contents. See rest_api.h.
#include <nlohmann/json.hpp>
#include <utility>

#include "herald/sip_message.h"
#include "pushes/content_book.h"
#include "rest/rest_api.h"
#include "rest/rest_request.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

std::string to_json(const StoredContent& content) {
  const nlohmann::json json{{"id", content.blob.id},
                            {"size", content.blob.size},
                            {"type", content.type},
                            {"sha256", content.blob.sha256},
                            {"created", to_rfc3339(content.created)},
                            {"expires", to_rfc3339(content.due)},
                            {"used", content.used}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Checked<std::string> content_type(const HttpRequest& request) {
  const auto type = request.header("Content-Type");
  if (!type) return refuse(415, 2000, "Content-Type: needed, it is the content's type");
  const auto parsed = MediaType::parse(*type);
  if (!parsed || type->size() > 200) return refuse(415, 2000, "Content-Type: not a media type");
  return std::string(*type);
}

}  // namespace

ContentOwner RestApi::content_owner(const Caller& caller) {
  if (caller.initiator == nullptr) return {};
  return {caller.initiator->name, caller.initiator->stored_bytes.bytes};
}

Task<HttpResponse> RestApi::upload(Self self, Caller caller, HttpRequest request) {
  Checked<std::string> type = content_type(request);
  if (type) {
    if (auto rate = self->take_rate(caller); !rate) type = tl::unexpected(rate.error());
  }
  if (type && caller.initiator != nullptr) {
    if (auto allowed = check_content_type(*caller.initiator, *type); !allowed) type = tl::unexpected(allowed.error());
  }
  if (!type) {
    if (request.blob) static_cast<void>(co_await self->context_.blobs().remove(request.blob->id));
    co_return to_response(type.error());
  }
  const auto stored = co_await ContentBook::upload(self->contents_, content_owner(caller), std::move(*type), &request);
  if (!stored) co_return to_response(stored.error());
  auto response = HttpResponse::json(201, to_json(*stored));
  response.headers.push_back({"Location", "/v1/contents/" + stored->blob.id});
  co_return response;
}

Task<HttpResponse> RestApi::show_content(Self self, Caller caller, HttpRequest request) {
  auto id = request.path_parameters["id"];
  const auto found = co_await ContentBook::find(self->contents_, std::move(id), caller.owner());
  if (!found) co_return to_response(found.error());
  co_return HttpResponse::json(200, to_json(*found));
}

Task<HttpResponse> RestApi::remove_content(Self self, Caller caller, HttpRequest request) {
  auto id = request.path_parameters["id"];
  const auto removed = co_await ContentBook::remove(self->contents_, std::move(id), caller.owner());
  if (!removed) co_return to_response(removed.error());
  HttpResponse response;
  response.status = 204;
  co_return response;
}

}  // namespace herald::push
