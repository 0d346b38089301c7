#include "sh_codec.h"

#include "dictionary/avp.h"
#include "dictionary/dictionary.h"
#include "dictionary/library.h"

namespace herald::diameter {

namespace {

namespace code {
constexpr std::uint32_t kSessionId = 263;
constexpr std::uint32_t kOriginHost = 264;
constexpr std::uint32_t kResultCode = 268;
constexpr std::uint32_t kFailedAvp = 279;
constexpr std::uint32_t kErrorMessage = 281;
constexpr std::uint32_t kDestinationRealm = 283;
constexpr std::uint32_t kRedirectHost = 292;
constexpr std::uint32_t kDestinationHost = 293;
constexpr std::uint32_t kExperimentalResult = 297;
constexpr std::uint32_t kExperimentalResultCode = 298;
constexpr std::uint32_t kPublicIdentity = 601;
constexpr std::uint32_t kUserIdentity = 700;
constexpr std::uint32_t kShUserData = 702;
constexpr std::uint32_t kDataReference = 703;
constexpr std::uint32_t kServiceIndication = 704;
}  // namespace code

constexpr std::uint32_t kUserDataRequest = 306;
constexpr std::size_t kMaxDetail = 200;

bool fill(msg* message, const ShRequest& request, const std::string& session_id) {
  if (!add_text(message, code::kSessionId, 0, session_id, true)) return false;
  if (!add_application(message, kApplicationSh)) return false;
  if (fd_msg_add_origin(message, 0) != 0) return false;
  if (!request.destination_host.empty() && !add_text(message, code::kDestinationHost, 0, request.destination_host)) return false;
  if (!add_text(message, code::kDestinationRealm, 0, request.destination_realm)) return false;
  auto* identity = add_group(message, code::kUserIdentity, kVendor3gpp);
  if (identity == nullptr || !add_text(identity, code::kPublicIdentity, kVendor3gpp, request.user)) return false;
  if (request.data == ShDataRef::repository_data &&
      !add_text(message, code::kServiceIndication, kVendor3gpp, request.service_indication))
    return false;
  return add_i32(message, code::kDataReference, kVendor3gpp, static_cast<std::int32_t>(request.data));
}

// For the log: printable, short, without bodies.
std::string detail_of(msg* message) {
  std::string detail;
  if (const auto text = text_of(find_child(message, code::kErrorMessage))) {
    for (const char c : text->substr(0, kMaxDetail)) detail += c >= 0x20 && c < 0x7f ? c : '?';
  }
  if (find_child(message, code::kFailedAvp) != nullptr) detail += detail.empty() ? "has Failed-AVP" : "; has Failed-AVP";
  return detail;
}

}  // namespace

void FreeMessage::operator()(msg* message) const noexcept { fd_msg_free(message); }

Expected<DiameterMessage> build_udr(const ShRequest& request, const std::string& session_id) {
  msg* raw = nullptr;
  if (const int rc = fd_msg_new(find_request(kUserDataRequest), MSGFL_ALLOC_ETEID, &raw); rc != 0)
    return fail(library_error("fd_msg_new", rc));
  DiameterMessage message(raw);
  if (!fill(raw, request, session_id)) return fail(ErrorCode::internal, "a User-Data-Request could not be built");
  return message;
}

std::uint32_t end_to_end_of(msg* message) noexcept {
  msg_hdr* header = nullptr;
  return fd_msg_hdr(message, &header) == 0 ? header->msg_eteid : 0;
}

ShAnswer read_answer(msg* message) {
  ShAnswer answer;
  answer.kind = ShAnswer::Kind::answered;
  msg_hdr* header = nullptr;
  if (fd_msg_hdr(message, &header) != 0 || header->msg_code != kUserDataRequest) return answer;  // neither result: malformed

  answer.result_code = u32_of(find_child(message, code::kResultCode));
  if (auto* experimental = find_child(message, code::kExperimentalResult); experimental != nullptr)
    answer.experimental_code = u32_of(find_child(experimental, code::kExperimentalResultCode));
  if (const auto host = text_of(find_child(message, code::kOriginHost))) answer.origin_host = std::string(*host);
  if (const auto uri = text_of(find_child(message, code::kRedirectHost))) answer.redirect_host = std::string(host_of_uri(*uri));
  if (const auto data = text_of(find_child(message, code::kShUserData, kVendor3gpp))) answer.user_data = std::string(*data);
  answer.detail = detail_of(message);

  // Made by our own library when no peer takes the request: 3002, no source.
  DiamId_t source = nullptr;
  std::size_t length = 0;
  if (answer.result_code == 3002U && fd_msg_source_get(message, &source, &length) == 0 && source == nullptr)
    answer.kind = ShAnswer::Kind::no_peer;
  return answer;
}

std::string_view host_of_uri(std::string_view uri) noexcept {
  for (const std::string_view scheme : {"aaas://", "aaa://"}) {
    if (!uri.starts_with(scheme)) continue;
    uri.remove_prefix(scheme.size());
    return uri.substr(0, uri.find_first_of(":;"));
  }
  return {};
}

}  // namespace herald::diameter
