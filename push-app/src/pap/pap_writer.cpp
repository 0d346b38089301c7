#include <array>

#include "pap/pap_message.h"
#include "text/timestamps.h"

namespace herald::push::pap {
namespace {

// Builds one element after the other; every value passes through escape().
class Writer {
 public:
  explicit Writer(std::string head) : out_(std::move(head)) {}

  Writer& open(std::string_view element) {
    close_start();
    out_ += '<';
    out_ += element;
    in_start_ = true;
    return *this;
  }
  Writer& attribute(std::string_view name, std::string_view value) {
    out_ += ' ';
    out_ += name;
    out_ += "=\"";
    escape(value);
    out_ += '"';
    return *this;
  }
  Writer& optional(std::string_view name, std::string_view value) {
    if (!value.empty()) attribute(name, value);
    return *this;
  }
  Writer& optional(std::string_view name, const std::optional<WallTime>& value) {
    if (value) attribute(name, to_time(*value));
    return *this;
  }
  Writer& code(int code, std::string_view desc) {
    return attribute("code", std::to_string(code)).attribute("desc", desc.empty() ? code_text(code) : desc);
  }
  void end(std::string_view element) {
    if (in_start_) {
      out_ += "/>";
      in_start_ = false;
      return;
    }
    out_ += "</";
    out_ += element;
    out_ += '>';
  }
  std::string take() { return std::move(out_); }

 private:
  void close_start() {
    if (in_start_) out_ += '>';
    in_start_ = false;
  }
  void escape(std::string_view value) {
    for (const char c : value) {
      switch (c) {
        case '&':
          out_ += "&amp;";
          break;
        case '<':
          out_ += "&lt;";
          break;
        case '>':
          out_ += "&gt;";
          break;
        case '"':
          out_ += "&quot;";
          break;
        case '\t':
          out_ += "&#9;";
          break;
        case '\n':
          out_ += "&#10;";
          break;
        case '\r':
          out_ += "&#13;";
          break;
        default:
          out_ += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
      }
    }
  }

  std::string out_;
  bool in_start_ = false;
};

// pap.md 3. What we understand is said since 2.0; a 1.0 peer has never heard of it.
std::string head(Version version) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP ";
  out += to_string(version);
  out += "//EN\" \"";
  switch (version) {
    case Version::v1_0:
      return out + "http://www.wapforum.org/DTD/pap_1.0.dtd\">\n<pap>";
    case Version::v2_0:
      out += "http://www.wapforum.org/DTD/pap_2.0.dtd";
      break;
    case Version::v2_1:
      out += "http://www.openmobilealliance.org/tech/DTD/pap_2.1.dtd";
      break;
    case Version::v2_2:
      out += "http://www.openmobilealliance.org/tech/DTD/pap_2.2.dtd";
      break;
  }
  return out + "\" [<?wap-pap-ver supported-versions=\"2.2,2.1,2.0,1.*\"?>]>\n<pap>";
}

void write_addresses(Writer& out, const std::vector<std::string>& addresses) {
  for (const auto& address : addresses) {
    out.open("address").attribute("address-value", address);
    out.end("address");
  }
}

void write_quality(Writer& out, const std::optional<Quality>& quality) {
  if (!quality) return;
  out.open("quality-of-service")
      .attribute("priority", to_string(quality->priority))
      .attribute("delivery-method", to_string(quality->method));
  if (!quality->network.empty()) {
    out.attribute("network", quality->network).attribute("network-required", quality->network_required ? "true" : "false");
  }
  if (!quality->bearer.empty()) {
    out.attribute("bearer", quality->bearer).attribute("bearer-required", quality->bearer_required ? "true" : "false");
  }
  out.end("quality-of-service");
}

struct BodyWriter {
  Writer& out;

  void operator()(const Push& push) const {
    out.open("push-message").attribute("push-id", push.push_id);
    if (!push.replaces.empty()) {
      out.attribute("replace-push-id", push.replaces).attribute("replace-method", push.pending_only ? "pending-only" : "all");
    }
    out.optional("deliver-before-timestamp", push.deliver_before).optional("deliver-after-timestamp", push.deliver_after);
    out.optional("source-reference", push.source_reference);
    out.attribute("progress-notes-requested", push.progress_notes ? "true" : "false");
    out.optional("ppg-notify-requested-to", push.notify_to);
    write_addresses(out, push.addresses);
    write_quality(out, push.quality);
    out.end("push-message");
  }
  void operator()(const Cancel& cancel) const {
    out.open("cancel-message").attribute("push-id", cancel.push_id);
    write_addresses(out, cancel.addresses);
    out.end("cancel-message");
  }
  void operator()(const StatusQuery& query) const {
    out.open("statusquery-message").attribute("push-id", query.push_id);
    write_addresses(out, query.addresses);
    out.end("statusquery-message");
  }
  void operator()(const CapabilityQuery& query) const {
    out.open("ccq-message").optional("query-id", query.query_id).optional("app-id", query.app_id);
    write_addresses(out, {query.address});
    out.end("ccq-message");
  }
  void operator()(const NotificationAnswer& answer) const {
    out.open("resultnotification-response").attribute("push-id", answer.push_id).code(answer.code, answer.desc);
    write_addresses(out, {answer.address});
    out.end("resultnotification-response");
  }
  void operator()(const PushAnswer& answer) const {
    out.open("push-response").attribute("push-id", answer.push_id);
    out.optional("sender-address", answer.sender_address).optional("sender-name", answer.sender_name);
    out.attribute("reply-time", to_time(answer.time));
    for (const auto& note : answer.notes) {
      out.open("progress-note").attribute("stage", note.stage).optional("note", note.note).attribute("time", to_time(note.time));
      out.end("progress-note");
    }
    out.open("response-result").code(answer.code, answer.desc);
    out.end("response-result");
    out.end("push-response");
  }
  void operator()(const CancelAnswer& answer) const {
    out.open("cancel-response").attribute("push-id", answer.push_id);
    for (const auto& result : answer.results) {
      out.open("cancel-result").code(result.code, result.desc);
      write_addresses(out, result.addresses);
      out.end("cancel-result");
    }
    out.end("cancel-response");
  }
  void operator()(const StatusAnswer& answer) const {
    out.open("statusquery-response").attribute("push-id", answer.push_id);
    for (const auto& result : answer.results) {
      out.open("statusquery-result").optional("event-time", result.at).attribute("message-state", result.state);
      out.code(result.code, result.desc);
      write_addresses(out, result.addresses);
      write_quality(out, result.quality);
      out.end("statusquery-result");
    }
    out.end("statusquery-response");
  }
  void operator()(const CapabilityAnswer& answer) const {
    out.open("ccq-response").optional("query-id", answer.query_id).code(answer.code, answer.desc);
    write_addresses(out, {answer.address});
    out.end("ccq-response");
  }
  void operator()(const Notification& note) const {
    out.open("resultnotification-message").attribute("push-id", note.push_id);
    out.optional("sender-address", note.sender_address).optional("sender-name", note.sender_name);
    out.optional("received-time", note.received).optional("event-time", note.at);
    out.attribute("message-state", note.state).code(note.code, note.desc);
    write_addresses(out, {note.address});
    write_quality(out, note.quality);
    out.end("resultnotification-message");
  }
  void operator()(const BadMessage& bad) const {
    out.open("badmessage-response").code(bad.code, bad.desc).attribute("bad-message-fragment", bad.fragment);
    out.end("badmessage-response");
  }
};

constexpr std::array<std::pair<int, std::string_view>, 27> kCodes{{
    {1000, "ok"},
    {1001, "accepted for processing"},
    {2000, "bad request"},
    {2001, "forbidden"},
    {2002, "address error"},
    {2003, "address not found"},
    {2004, "push-id not found"},
    {2005, "capabilities mismatch"},
    {2006, "required capabilities not supported"},
    {2007, "duplicate push-id"},
    {2008, "cancellation not possible"},
    {3000, "internal server error"},
    {3001, "not implemented"},
    {3002, "version not supported"},
    {3003, "not possible"},
    {3004, "capability matching not supported"},
    {3005, "multiple addresses not supported"},
    {3006, "transformation failure"},
    {3007, "specified delivery method not possible"},
    {3008, "capabilities not available"},
    {3009, "required network not available"},
    {3010, "required bearer not available"},
    {3011, "replacement not supported"},
    {4000, "service failure"},
    {4001, "service unavailable"},
    {5000, "mobile client aborted"},
    {0, "unknown"},
}};

}  // namespace

std::string to_xml(const Document& document) {
  Writer out(head(document.version));
  std::visit(BodyWriter{out}, document.body);
  out.end("pap");
  return out.take();
}

std::string_view code_text(int code) noexcept {
  for (const auto& [number, text] : kCodes) {
    if (number == code) return text;
  }
  // Unknown code: the first digit.
  switch (code / 1000) {
    case 1:
      return "success";
    case 2:
      return "client error";
    case 3:
      return "server error";
    case 4:
      return "service failure";
    case 5:
      return "mobile client aborted";
    default:
      return "unknown";
  }
}

std::string_view message_state(Status status) noexcept {
  switch (status) {
    case Status::delivered:
    case Status::displayed:
      return "delivered";
    case Status::rejected:
    case Status::undeliverable:
    case Status::expired:
    case Status::aborted:
    case Status::timeout:
    case Status::cancelled:
    case Status::unknown:
      return to_string(status);
    default:
      return "pending";
  }
}

std::string to_time(WallTime time) {
  auto text = to_rfc3339(time);
  constexpr std::size_t kToSeconds = 19;
  if (text.size() > kToSeconds) text.replace(kToSeconds, std::string::npos, "Z");
  return text;
}

std::string_view to_string(Version version) noexcept {
  switch (version) {
    case Version::v1_0:
      return "1.0";
    case Version::v2_0:
      return "2.0";
    case Version::v2_1:
      return "2.1";
    case Version::v2_2:
      break;
  }
  return "2.2";
}

std::optional<Version> parse_version(std::string_view text) noexcept {
  for (const auto version : {Version::v1_0, Version::v2_0, Version::v2_1, Version::v2_2}) {
    if (text == to_string(version)) return version;
  }
  return std::nullopt;
}

std::string_view to_string(DeliveryMethod method) noexcept {
  switch (method) {
    case DeliveryMethod::confirmed:
      return "confirmed";
    case DeliveryMethod::prefer_confirmed:
      return "preferconfirmed";
    case DeliveryMethod::unconfirmed:
      return "unconfirmed";
    case DeliveryMethod::not_specified:
      break;
  }
  return "notspecified";
}

std::optional<DeliveryMethod> parse_delivery_method(std::string_view text) noexcept {
  for (const auto method : {DeliveryMethod::not_specified, DeliveryMethod::confirmed, DeliveryMethod::prefer_confirmed,
                            DeliveryMethod::unconfirmed}) {
    if (text == to_string(method)) return method;
  }
  return std::nullopt;
}

}  // namespace herald::push::pap
