#include "content_fetcher.h"

#include "herald/http_client.h"

namespace herald::receiver {
namespace {

constexpr std::size_t kMemory = 65536;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string type_of(const HttpResponse& response) {
  for (const auto& field : response.headers)
    if (same_name(field.name, "Content-Type"))
      if (const auto type = MediaType::parse(field.value)) return type->type;
  return "application/octet-stream";
}

}  // namespace

Task<Expected<void>> fetch_content(AgentShared* shared, const PushPolicy* policy, PushItem* item) {
  const auto& rules = shared->options->content;
  const auto reference = *item->reference;
  HttpCall call;
  call.url = reference.url;
  call.max_response_bytes = rules.max_bytes;
  call.public_only = !rules.insecure;  // whoever wrote the URL must not reach inside
  call.ca_file = rules.ca;
  if (!policy->in_memory) call.blob_above = kMemory;
  const auto deadline = Deadline::after(shared->context->clock(), rules.timeout);
  auto answer = co_await shared->context->http_client().send(std::move(call), deadline);
  if (!answer) co_return Expected<void>(fail(std::move(answer.error())));
  // Whatever is wrong with it from here on, nothing of it stays.
  const auto drop = [&] {
    if (answer->blob) (void)shared->context->blobs().remove(answer->blob->blob.id);
  };
  if (answer->status != 200) {
    drop();
    const bool passing = answer->status >= 500 || answer->status == 429;
    co_return Expected<void>(
        fail(passing ? ErrorCode::unavailable : ErrorCode::not_found, "the server answers " + std::to_string(answer->status)));
  }
  auto wrong = answer->blob ? wrong_content(reference, answer->blob->blob.size, answer->blob->blob.sha1)
                            : wrong_content(reference, answer->body);
  if (!wrong.empty()) {
    drop();
    co_return Expected<void>(fail(ErrorCode::corrupt, std::move(wrong)));
  }
  if (reference.type.empty()) {
    item->push.type = type_of(*answer);
    if (!accepted(item->push.type, *policy)) {
      drop();
      co_return Expected<void>(fail(ErrorCode::unsupported, "type " + item->push.type));
    }
  }
  item->body = std::move(answer->body);
  if (answer->blob) item->blob = std::move(answer->blob->blob);
  item->reference.reset();
  co_return Expected<void>();
}

}  // namespace herald::receiver
