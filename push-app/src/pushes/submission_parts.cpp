#include "pushes/submission_parts.h"

#include <algorithm>
#include <utility>

#include "herald/sip_message.h"
#include "rest/rest_request.h"

namespace herald::push {
namespace {

constexpr std::string_view kCid = "cid:";

std::string_view without_brackets(std::string_view id) {
  if (id.starts_with('<') && id.ends_with('>') && id.size() > 2) return id.substr(1, id.size() - 2);
  return id;
}

}  // namespace

Checked<std::vector<SubmissionPart>> take_parts(HttpRequest& request) {
  const auto type = std::string(request.header("Content-Type").value_or(""));
  const auto parsed = MediaType::parse(type);
  if (!parsed || parsed->type != "multipart/related") {
    if (auto json = check_json(request); !json) return tl::unexpected(json.error());
    return std::vector<SubmissionPart>();
  }
  auto entities = parse_multipart(type, request.body);
  if (!entities || entities->empty()) {
    return refuse(400, 2000, "the multipart body: " + (entities ? std::string("has no part") : entities.error().text));
  }
  const auto root = MediaType::parse(entities->front().headers.get("Content-Type").value_or(""));
  if (!root || root->type != "application/json") return refuse(400, 2000, "the first part must be application/json");
  std::vector<SubmissionPart> parts;
  for (std::size_t i = 1; i < entities->size(); ++i) {
    auto& entity = (*entities)[i];
    const auto where = "part " + std::to_string(i + 1) + ": ";
    if (entity.headers.has("Content-Transfer-Encoding") && entity.headers.get("Content-Transfer-Encoding") != "binary") {
      return refuse(400, 2000, where + "Content-Transfer-Encoding: binary is the only one");
    }
    SubmissionPart part;
    part.id = without_brackets(entity.headers.get("Content-ID").value_or(""));
    part.type = entity.headers.get("Content-Type").value_or("application/octet-stream");
    if (part.id.empty()) return refuse(400, 2000, where + "Content-ID: needed");
    if (!MediaType::parse(part.type) || part.type.size() > 200)
      return refuse(400, 2000, where + "Content-Type: not a media type");
    part.bytes = std::move(entity.body);
    parts.push_back(std::move(part));
  }
  request.body = std::move(entities->front().body);
  return parts;
}

Checked<void> place_parts(std::vector<SubmissionPart> parts, std::size_t max_bytes, std::vector<Content>& contents) {
  for (auto& content : contents) {
    if (!content.blob || !content.blob->id.starts_with(kCid)) continue;
    const auto id = std::string_view(content.blob->id).substr(kCid.size());
    const auto part = std::find_if(parts.begin(), parts.end(), [id](const auto& one) { return one.id == id; });
    if (part == parts.end()) return refuse(400, 2000, "ref: no part has this Content-ID, or two refer to it");
    if (part->bytes.size() > max_bytes) return refuse(413, 2000, "ref: more than " + std::to_string(max_bytes) + " bytes");
    if (content.type.empty()) content.type = std::move(part->type);
    content.bytes = std::move(part->bytes);
    content.blob.reset();
    parts.erase(part);
  }
  if (!parts.empty()) return refuse(400, 2000, "nothing refers to the part with Content-ID " + parts.front().id.substr(0, 100));
  return {};
}

}  // namespace herald::push
