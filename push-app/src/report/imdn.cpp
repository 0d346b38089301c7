#include "report/imdn.h"

#include <array>
#include <optional>
#include <pugixml.hpp>
#include <utility>

#include "herald/sip_message.h"
#include "push/cpim.h"
#include "text/bounded_xml.h"

namespace herald::push {
namespace {

using Kind = DispositionNotice::Kind;
using State = DispositionNotice::State;

constexpr std::string_view kSpace = "urn:ietf:params:xml:ns:imdn";
constexpr std::size_t kMaxBytes = std::size_t{64} * 1024;
constexpr std::size_t kMaxNotices = 100;
constexpr int kMaxDepth = 4;  // CPIM in a multipart in CPIM: what list servers make (RFC 5438 8.2), and one more
constexpr std::size_t kMaxMessageId = 256;

constexpr std::array<std::pair<std::string_view, Kind>, 3> kKinds{{{"delivery-notification", Kind::delivery},
                                                                   {"processing-notification", Kind::processing},
                                                                   {"display-notification", Kind::display}}};
constexpr std::array<std::pair<std::string_view, State>, 7> kStates{{{"delivered", State::delivered},
                                                                     {"displayed", State::displayed},
                                                                     {"processed", State::processed},
                                                                     {"stored", State::stored},
                                                                     {"failed", State::failed},
                                                                     {"forbidden", State::forbidden},
                                                                     {"error", State::error}}};

// RFC 5438 11.1.9: which states a kind may have.
bool possible(Kind kind, State state) {
  if (state == State::forbidden || state == State::error) return true;
  switch (kind) {
    case Kind::delivery:
      return state == State::delivered || state == State::failed;
    case Kind::processing:
      return state == State::processed || state == State::stored;
    case Kind::display:
      return state == State::displayed;
  }
  return false;
}

template <class Value, std::size_t kCount>
std::optional<Value> named(const std::array<std::pair<std::string_view, Value>, kCount>& names, std::string_view name) {
  for (const auto& [text, value] : names) {
    if (text == name) return value;
  }
  return std::nullopt;
}

// Namespaces as they should be, or none at all as some clients write it.
bool ours(const pugi::xml_node& node) {
  const auto space = xml::namespace_of(node);
  return node.type() == pugi::node_element && (space == kSpace || space.empty());
}

Expected<DispositionNotice> read_document(std::string_view text) {
  pugi::xml_document document;
  xml::Limits limits;
  limits.bytes = std::size_t{16} * 1024;
  limits.nodes = 256;
  if (auto loaded = xml::load(document, text, limits); !loaded) return fail(loaded.error());
  const auto root = document.document_element();
  if (!ours(root) || xml::local_name(root) != "imdn") return fail(ErrorCode::invalid, "no imdn element");
  DispositionNotice notice;
  std::optional<Kind> kind;
  std::optional<State> state;
  for (const auto& node : root.children()) {
    if (!ours(node)) continue;
    if (xml::local_name(node) == "message-id") notice.message_id = xml::text_of(node);
    const auto found = named(kKinds, xml::local_name(node));
    if (!found || kind) continue;
    kind = found;
    for (const auto& status : node.children()) {
      if (!ours(status) || xml::local_name(status) != "status") continue;
      for (const auto& each : status.children()) {
        if (ours(each) && !state) state = named(kStates, xml::local_name(each));
      }
    }
  }
  if (notice.message_id.empty() || notice.message_id.size() > kMaxMessageId) return fail(ErrorCode::invalid, "no message-id");
  if (!kind || !state || !possible(*kind, *state)) return fail(ErrorCode::invalid, "no disposition that is known");
  notice.kind = *kind;
  notice.state = *state;
  return notice;
}

struct Reader {
  std::vector<DispositionNotice> notices;

  Expected<void> read(std::string_view content_type, std::string_view body, int depth) {
    if (depth > kMaxDepth) return fail(ErrorCode::invalid, "nested too deeply");
    const auto type = MediaType::parse(content_type);
    if (!type) return fail(ErrorCode::invalid, "no content type");
    if (type->type == kImdnType) {
      auto notice = read_document(body);
      if (!notice) return fail(notice.error());
      if (notices.size() == kMaxNotices) return fail(ErrorCode::invalid, "too many notifications");
      notices.push_back(std::move(*notice));
      return {};
    }
    if (type->type == kCpimType) {
      const auto message = CpimMessage::parse(body);
      if (!message) return fail(message.error());
      return read(message->content.get("Content-Type").value_or(""), message->body, depth + 1);
    }
    if (!type->type.starts_with("multipart/")) return {};  // text beside the notification is for humans
    const auto parts = parse_multipart(content_type, body);
    if (!parts) return fail(parts.error());
    for (const auto& part : *parts) {
      if (auto done = read(part.headers.get("Content-Type").value_or("text/plain"), part.body, depth + 1); !done) return done;
    }
    return {};
  }
};

}  // namespace

std::string cause_of(const DispositionNotice& notice) {
  std::string text = "imdn:";
  // What only one kind can be needs no other name: imdn:delivered, imdn:failed.
  if (notice.state == State::forbidden || notice.state == State::error) {
    if (notice.kind == Kind::display) text += "display-";
    if (notice.kind == Kind::processing) text += "processing-";
  }
  for (const auto& [name, state] : kStates) {
    if (state == notice.state) text += name;
  }
  return text;
}

bool carries_disposition(std::string_view content_type, std::string_view body) {
  constexpr std::size_t kLookedAt = 4096;
  const auto type = MediaType::parse(content_type);
  if (!type) return false;
  if (type->type == kImdnType) return true;
  return (type->type == kCpimType || type->type.starts_with("multipart/")) &&
         body.substr(0, kLookedAt).find(kImdnType) != std::string_view::npos;
}

Expected<std::vector<DispositionNotice>> read_dispositions(std::string_view content_type, std::string_view body) {
  if (body.size() > kMaxBytes) return fail(ErrorCode::too_large, "a report of more than 64 KiB");
  Reader reader;
  if (auto done = reader.read(content_type, body, 0); !done) return fail(done.error());
  if (reader.notices.empty()) return fail(ErrorCode::invalid, "no notification in it");
  return std::move(reader.notices);
}

}  // namespace herald::push
