// The SDP of MSRP (RFC 4975 8, RFC 6135 4, RFC 4572 5): one m=message line and its attributes.
#include <algorithm>
#include <charconv>
#include <optional>

#include "herald/msrp.h"
#include "message/chars.h"

namespace herald {
namespace {

constexpr std::size_t kMostSdp = 64 * 1024;
constexpr std::size_t kMostLines = 1000;
constexpr std::size_t kMostTypes = 100;
constexpr std::size_t kMostValue = 4096;

std::string_view setup_text(MsrpSetup setup) noexcept {
  switch (setup) {
    case MsrpSetup::active:
      return "active";
    case MsrpSetup::passive:
      return "passive";
    case MsrpSetup::actpass:
      break;
  }
  return "actpass";
}

std::string_view direction_text(MsrpDirection direction) noexcept {
  switch (direction) {
    case MsrpDirection::sendrecv:
      break;
    case MsrpDirection::sendonly:
      return "sendonly";
    case MsrpDirection::recvonly:
      return "recvonly";
    case MsrpDirection::inactive:
      return "inactive";
  }
  return "sendrecv";
}

template <class Number>
std::optional<Number> number(std::string_view text) noexcept {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  while (!(text = chars::trim(text)).empty()) {
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
  out.append("a=").append(name).append(":");
  chars::append_line_text(out, value);
  out += "\r\n";
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& one : list) out.append(out.empty() ? "" : " ").append(one);
  return out;
}

// What may stand at the session level and is true for the media line unless that says otherwise.
struct Common {
  std::string address;
  std::optional<MsrpSetup> setup;
  std::optional<MsrpDirection> direction;
  std::string fingerprint;
};

bool read_setup(std::string_view value, std::optional<MsrpSetup>& out) {
  // holdconn (RFC 4145) is not for MSRP: no connection, so nothing to choose.
  if (chars::same(value, "active")) out = MsrpSetup::active;
  if (chars::same(value, "passive")) out = MsrpSetup::passive;
  if (chars::same(value, "actpass")) out = MsrpSetup::actpass;
  return out.has_value();
}

bool read_direction(std::string_view name, std::optional<MsrpDirection>& out) {
  if (name == "sendrecv")
    out = MsrpDirection::sendrecv;
  else if (name == "sendonly")
    out = MsrpDirection::sendonly;
  else if (name == "recvonly")
    out = MsrpDirection::recvonly;
  else if (name == "inactive")
    out = MsrpDirection::inactive;
  else
    return false;
  return true;
}

struct Media {
  MsrpDescription description;
  Common own;
  bool chosen = false;
};

Expected<void> read_types(std::string_view value, std::vector<std::string>& out, std::string_view name) {
  for (const auto type : words(value)) {
    if (out.size() >= kMostTypes) return fail(ErrorCode::invalid, "a=" + std::string(name) + " has too many types");
    out.push_back(chars::lowered(type));
  }
  return {};
}

// "m=message 7654 TCP/MSRP *". False: not ours, or refused.
Expected<bool> read_media_line(std::string_view value, MsrpDescription& out) {
  const auto parts = words(value);
  if (parts.empty() || !chars::same(parts[0], "message")) return false;
  if (parts.size() < 4) return fail(ErrorCode::invalid, "the m=message line is not complete");
  const bool plain = chars::same(parts[2], "TCP/MSRP");
  const bool tls = chars::same(parts[2], "TCP/TLS/MSRP");
  if (!plain && !tls) return false;
  const auto port = number<std::uint16_t>(parts[1]);
  if (!port) return fail(ErrorCode::invalid, "the port of m=message is not a port");
  out.port = *port;
  out.tls = tls;
  return *port != 0;
}

Expected<void> read_attribute(std::string_view text, MsrpDescription* media, Common& common) {
  const auto colon = text.find(':');
  const auto name = chars::lowered(text.substr(0, colon));
  const auto value = colon == std::string_view::npos ? std::string_view() : chars::trim(text.substr(colon + 1));
  if (value.size() > kMostValue) return fail(ErrorCode::invalid, "a=" + name + " is too long");
  if (name == "setup") {
    if (!read_setup(value, common.setup)) return fail(ErrorCode::invalid, "a=setup is neither active, passive nor actpass");
  } else if (name == "fingerprint") {
    common.fingerprint = value;
  } else if (media == nullptr) {
    (void)read_direction(name, common.direction);
  } else if (name == "path") {
    media->path = value;
  } else if (name == "accept-types") {
    return read_types(value, media->accept_types, name);
  } else if (name == "accept-wrapped-types") {
    return read_types(value, media->accept_wrapped_types, name);
  } else if (name == "max-size") {
    media->max_size = number<std::uint64_t>(value);
    if (!media->max_size) return fail(ErrorCode::invalid, "a=max-size is not a number");
  } else {
    (void)read_direction(name, common.direction);
  }
  return {};
}

std::string_view connection_address(std::string_view value) {
  const auto parts = words(value);
  if (parts.size() < 3) return {};
  return parts[2].substr(0, parts[2].find('/'));
}

}  // namespace

std::string to_sdp(const MsrpDescription& description, std::uint64_t session_id, std::uint64_t version) {
  const std::string family = description.address.find(':') == std::string::npos ? "IP4" : "IP6";
  std::string address;
  chars::append_line_text(address, description.address);
  std::string out = "v=0\r\no=- " + std::to_string(session_id) + ' ' + std::to_string(version) + " IN " + family + ' ' + address +
                    "\r\ns=-\r\nc=IN " + family + ' ' + address + "\r\nt=0 0\r\nm=message " + std::to_string(description.port) +
                    (description.tls ? " TCP/TLS/MSRP *\r\n" : " TCP/MSRP *\r\n");
  if (description.setup) append_attribute(out, "setup", setup_text(*description.setup));
  if (!description.fingerprint.empty()) append_attribute(out, "fingerprint", description.fingerprint);
  append_attribute(out, "accept-types", description.accept_types.empty() ? "*" : joined(description.accept_types));
  if (!description.accept_wrapped_types.empty())
    append_attribute(out, "accept-wrapped-types", joined(description.accept_wrapped_types));
  if (description.max_size) append_attribute(out, "max-size", std::to_string(*description.max_size));
  append_attribute(out, "path", description.path);
  out.append("a=").append(direction_text(description.direction)).append("\r\n");
  return out;
}

Expected<MsrpDescription> parse_msrp_sdp(std::string_view sdp) {
  if (sdp.size() > kMostSdp) return fail(ErrorCode::invalid, "the SDP is too long");
  if (!sdp.starts_with("v=0")) return fail(ErrorCode::invalid, "this is not SDP: no v=0");
  Common session;
  Media media;
  bool in_media = false;  // behind the first m= line
  bool refused = false;
  bool ours = false;  // the lines that come belong to the chosen m= line
  for (std::size_t lines = 0; !sdp.empty(); ++lines) {
    if (lines >= kMostLines) return fail(ErrorCode::invalid, "the SDP has too many lines");
    const auto end = std::min(sdp.find('\n'), sdp.size());
    const auto line = chars::trim(sdp.substr(0, end));
    sdp.remove_prefix(std::min(end + 1, sdp.size()));
    if (line.size() < 2 || line[1] != '=') continue;
    // What is read here goes into headers of MSRP.
    if (std::any_of(line.begin(), line.end(), [](char c) { return chars::is_control(c) && c != '\t'; }))
      return fail(ErrorCode::invalid, "the SDP has control characters");
    const auto value = line.substr(2);
    if (line[0] == 'm') {
      in_media = true;
      ours = false;
      if (media.chosen) continue;
      MsrpDescription candidate;
      auto taken = read_media_line(value, candidate);
      if (!taken) return fail(std::move(taken.error()));
      refused |= !*taken && value.starts_with("message 0 ");
      if (!*taken) continue;
      media.description = std::move(candidate);
      media.chosen = ours = true;
    } else if (in_media && !ours) {
      continue;
    } else if (line[0] == 'c') {
      (ours ? media.own : session).address = connection_address(value);
    } else if (line[0] == 'a') {
      auto read = read_attribute(value, ours ? &media.description : nullptr, ours ? media.own : session);
      if (!read) return fail(std::move(read.error()));
    }
  }
  if (!media.chosen)
    return fail(ErrorCode::invalid, refused ? "the m=message line is refused: port 0" : "there is no m=message line of MSRP");
  auto& out = media.description;
  out.address = media.own.address.empty() ? session.address : media.own.address;
  out.setup = media.own.setup ? media.own.setup : session.setup;
  out.direction = media.own.direction.value_or(session.direction.value_or(MsrpDirection::sendrecv));
  out.fingerprint = media.own.fingerprint.empty() ? session.fingerprint : media.own.fingerprint;
  const auto path = words(out.path);
  if (path.empty()) return fail(ErrorCode::invalid, "a=path is missing");
  const auto wanted = out.tls ? std::string_view("msrps://") : std::string_view("msrp://");
  std::string canonical;
  for (const auto uri : path) {
    if (!chars::same(uri.substr(0, wanted.size()), wanted))
      return fail(ErrorCode::invalid, "a=path does not fit the transport: " + std::string(wanted) + " is needed");
    canonical.append(canonical.empty() ? "" : " ").append(uri);
  }
  out.path = std::move(canonical);
  // RFC 4975 8.6: at least one type must be offered, else nothing could ever be sent.
  if (out.accept_types.empty()) return fail(ErrorCode::invalid, "a=accept-types is missing");
  return out;
}

bool msrp_accepts(const std::vector<std::string>& accept_types, std::string_view type) {
  const auto plain = chars::trim(type.substr(0, type.find(';')));
  const auto slash = plain.find('/');
  return std::any_of(accept_types.begin(), accept_types.end(), [&](std::string_view entry) {
    entry = chars::trim(entry.substr(0, entry.find(';')));
    if (entry == "*" || entry == "*/*") return true;
    if (entry.ends_with("/*"))
      return slash != std::string_view::npos && chars::same(entry.substr(0, entry.size() - 1), plain.substr(0, slash + 1));
    return chars::same(entry, plain);
  });
}

}  // namespace herald
