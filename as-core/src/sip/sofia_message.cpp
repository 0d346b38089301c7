#include "sip/sofia_message.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/msg_mclass.h>
#include <sofia-sip/msg_parser.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_protos.h>
#include <sofia-sip/su_alloc.h>
#include <sofia-sip/url.h>
#include <utility>

namespace herald::sip {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// RFC 3261 7.3.1: a fold equals one space.
std::string unfold(std::string_view value) {
  value = trim(value);
  std::string out;
  out.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\r' && value[i] != '\n') {
      out += value[i];
      continue;
    }
    while (i + 1 < value.size() && is_blank(value[i + 1])) ++i;
    while (!out.empty() && is_blank(out.back())) out.pop_back();
    out += ' ';
  }
  return out;
}

template <class Encode>
std::string encoded(Encode encode) {
  std::array<char, 512> small{};
  const auto length = encode(small.data(), small.size());
  if (length < 0) return {};
  const auto size = static_cast<std::size_t>(length);
  if (size < small.size()) return {small.data(), size};
  std::string large(size + 1, '\0');
  encode(large.data(), large.size());
  large.resize(size);
  return large;
}

std::string field_value(const msg_header_t* header) {
  return encoded([&](char* out, std::size_t size) { return msg_header_field_e(out, static_cast<isize_t>(size), header, 0); });
}

template <class H>
const msg_common_t* as_common(const H* header) {
  return header ? reinterpret_cast<const msg_header_t*>(header)->sh_common : nullptr;
}

std::string_view raw_text(const msg_header_t* header) {
  if (!header->sh_data || header->sh_len == 0) return {};
  return {static_cast<const char*>(header->sh_data), header->sh_len};
}

// The URI byte for byte: between the first and the last space of the request line.
std::string request_uri(const sip_request_t* request) {
  const auto line = trim(raw_text(reinterpret_cast<const msg_header_t*>(request)));
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first != std::string_view::npos && last > first) return std::string(trim(line.substr(first, last - first)));
  return encoded([&](char* out, std::size_t size) { return url_e(out, static_cast<isize_t>(size), request->rq_url); });
}

// Debian's Sofia, when it keeps the text of a message, copies the start line from the wrong place if empty lines come before it
// (RFC 3261 7.5, RFC 5626 keep-alives): the last characters are missing. The header knows where the whole line stands.
//
// It is also the place to look ahead: so many lines that Sofia would spend seconds on them (see parse_unknown) end the message
// before they are parsed. The buffer ends with a NUL.
bool flooded(const msg_header_t* header) noexcept {
  constexpr std::size_t kLimit = 2 * kMaxFields;
  const auto* at = static_cast<const char*>(header->sh_data);
  std::size_t lines = 0;
  for (at += header->sh_len; lines <= kLimit && (at = std::strchr(at, '\n')); ++at) {
    ++lines;
    if (at[1] == '\n' || (at[1] == '\r' && at[2] == '\n')) break;  // the body begins
  }
  return lines > kLimit;
}

template <class Original>
issize_t parse_start_line(su_home_t* home, msg_header_t* header, char* text, isize_t length, Original original) noexcept {
  if (header->sh_data && flooded(header)) {
    if (auto* sip = sip_object(reinterpret_cast<msg_t*>(home))) sip->sip_flags |= MSG_FLG_COMPLETE | MSG_FLG_ERROR;
  }
  if (length > 0 && is_blank(*text)) {
    const auto line = trim(raw_text(header));
    length = static_cast<isize_t>(line.size());
    text = su_strndup(home, line.data(), length);
    if (!text) return -1;
  }
  return original(home, header, text, length);
}
issize_t parse_request_line(su_home_t* home, msg_header_t* header, char* text, isize_t length) noexcept {
  return parse_start_line(home, header, text, length, sip_request_class->hc_parse);
}
issize_t parse_status_line(su_home_t* home, msg_header_t* header, char* text, isize_t length) noexcept {
  return parse_start_line(home, header, text, length, sip_status_class->hc_parse);
}

// Debian's Sofia checks the whole chain of a message for every header field it adds: the time for 64 KiB of short fields grows
// to seconds. The parse therefore ends with the field that is one too many; NTA answers 400. (A msg_t begins with its home, see
// msg_home. The list of unknown fields beside the chain is read by nobody and is kept short.)
issize_t parse_unknown(su_home_t* home, msg_header_t* header, char* text, isize_t length) noexcept {
  auto* msg = reinterpret_cast<msg_t*>(home);
  if (auto* sip = sip_object(msg)) {
    sip->sip_unknown = nullptr;
    std::size_t fields = 0;
    for (const auto* one = *msg_chain_head(msg); one && fields <= kMaxFields; one = one->sh_succ) ++fields;
    if (fields > kMaxFields) sip->sip_flags |= MSG_FLG_COMPLETE | MSG_FLG_ERROR;
  }
  return sip_unknown_class->hc_parse(home, header, text, length);
}

void append_vias(SipHeaders& headers, const sip_t* sip) {
  for (const auto* via = sip->sip_via; via; via = via->v_next) {
    headers.add("Via", field_value(reinterpret_cast<const msg_header_t*>(via)));
  }
}

void append_field(SipHeaders& headers, const msg_header_t* header) {
  const auto raw = raw_text(header);
  if (raw.empty()) {
    if (header->sh_data) return;  // its text stands in the line of the header before it
    const char* name = header->sh_class->hc_name;
    if (name && *name) headers.add(name, field_value(header));
    return;
  }
  const auto colon = raw.find(':');
  if (colon == std::string_view::npos) return;
  headers.add(std::string(expand_compact_name(trim(raw.substr(0, colon)))), unfold(raw.substr(colon + 1)));
}

}  // namespace

const msg_mclass_t* transaction_class() {
  static const msg_mclass_t* const shared = [] {
    const auto* all = sip_default_mclass();
    auto* some = msg_mclass_clone(all, 0, 1);
    if (!some) std::abort();  // out of memory at start-up
    for (const char* name :
         {"Via", "Route", "Record-Route", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Timestamp"}) {
      msg_mclass_insert(some, msg_find_hclass(all, name, nullptr));
    }
    static msg_hclass_s request = *sip_request_class;
    static msg_hclass_s status = *sip_status_class;
    request.hc_parse = parse_request_line;
    status.hc_parse = parse_status_line;
    static msg_hclass_s unknown = *sip_unknown_class;
    unknown.hc_parse = parse_unknown;
    some->mc_unknown->hr_class = &unknown;
    some->mc_request->hr_class = &request;
    some->mc_status->hr_class = &status;
    return some;
  }();
  return shared;
}

Expected<SofiaMessage> to_sofia(std::string_view text) {
  SofiaMessage msg(msg_make(transaction_class(), MSG_DO_EXTRACT_COPY, text.data(), static_cast<ssize_t>(text.size())));
  if (!msg) return fail(ErrorCode::internal, "no memory for a message");
  const auto* sip = sip_object(msg.get());
  if (!sip || msg_get_flags(msg.get(), MSG_FLG_ERROR | MSG_FLG_TRUNC) != 0 || sip->sip_error || !msg_is_complete(msg.get())) {
    return fail(ErrorCode::invalid, "message does not parse");
  }
  if (!sip->sip_request && !sip->sip_status) return fail(ErrorCode::invalid, "message has no start line");
  if (!sip->sip_from || !sip->sip_to || !sip->sip_call_id || !sip->sip_cseq || !sip->sip_via || !sip->sip_content_length) {
    return fail(ErrorCode::invalid, "From, To, Call-ID, CSeq or Via is missing");
  }
  return msg;
}

// The other fields are one "unknown" field to Sofia: the first one's name, and as value all that follows. It writes them as they
// are.
Expected<SofiaMessage> to_sofia(const OutgoingText& text) {
  auto msg = to_sofia(std::string_view(text.read));
  if (!msg || text.others.empty()) return msg;
  auto* home = msg_home(msg->get());
  auto* header = msg_header_alloc(home, sip_unknown_class, 0);
  auto* copy = su_strndup(home, text.others.data(), static_cast<isize_t>(text.others.size()));
  if (!header || !copy) return fail(ErrorCode::internal, "no memory for a message");
  const auto colon = text.others.find(':');
  copy[colon] = '\0';
  header->sh_unknown->un_name = copy;
  header->sh_unknown->un_value = copy + colon + 2;
  if (msg_header_insert(msg->get(), nullptr, header) < 0) return fail(ErrorCode::internal, "message cannot be completed");
  return msg;
}

Expected<ReceivedMessage> from_sofia(const msg_t* msg, const sip_t* sip) {
  ReceivedMessage out;
  if (sip->sip_request) {
    out.message.start = SipRequestLine{sip->sip_request->rq_method_name, request_uri(sip->sip_request)};
  } else if (sip->sip_status) {
    out.message.start = SipStatusLine{sip->sip_status->st_status, sip->sip_status->st_phrase ? sip->sip_status->st_phrase : ""};
  } else {
    return fail(ErrorCode::invalid, "no start line");
  }
  auto& headers = out.message.headers;
  bool vias_done = false;
  std::size_t lines = 0;
  for (const auto* header = *msg_chain_head(msg); header; header = header->sh_succ) {
    out.bytes += header->sh_len;
    const auto* kind = header->sh_class;
    const auto* common = header->sh_common;
    if (common == as_common(sip->sip_request) || common == as_common(sip->sip_status) || kind == sip_separator_class ||
        kind == sip_payload_class) {
      continue;
    }
    const bool continues = header->sh_data && header->sh_len == 0;  // of the line before it
    if (!continues && ++lines > kMaxFields) return fail(ErrorCode::too_large, "more than 256 header fields");
    if (kind == sip_via_class) {
      if (!std::exchange(vias_done, true)) append_vias(headers, sip);
      continue;
    }
    append_field(headers, header);
  }
  if (!vias_done) append_vias(headers, sip);
  if (const auto* payload = sip->sip_payload; payload && payload->pl_data) {
    out.message.body.assign(payload->pl_data, payload->pl_len);
  }
  return out;
}

Expected<ReceivedMessage> parse_wire(std::string_view text) {
  const auto msg = to_sofia(text);
  if (!msg) return fail(msg.error());
  return from_sofia(msg->get(), sip_object(msg->get()));
}

}  // namespace herald::sip
