#include "pidf_document.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace herald::receiver {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
  }
  return out;
}

// RFC 5196 3.2: <caps:methods><caps:supported>…; an item whose name XML does not allow for an element is text.
std::string list_of(std::string_view element, std::string_view item, const std::vector<std::string>& values) {
  if (values.empty()) return "";
  std::string out = "<caps:" + std::string(element) + "><caps:supported>";
  for (const auto& value : values)
    out += item.empty() ? "<caps:" + value + "/>"
                        : "<caps:" + std::string(item) + ">" + escaped(value) + "</caps:" + std::string(item) + ">";
  return out + "</caps:supported></caps:" + std::string(element) + ">";
}

std::string time_text(WallTime when) {
  const auto seconds = static_cast<std::time_t>(when.time_since_epoch().count() / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> out{};
  std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return out.data();
}

}  // namespace

std::string write_pidf(const Capabilities& capabilities, WallTime now) {
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
      "xmlns:caps=\"urn:ietf:params:xml:ns:pidf:caps\" xmlns:op=\"urn:oma:xml:prs:pidf:oma-pres\" entity=\"" +
      escaped(capabilities.entity) + "\">";
  // Without white space: a PUBLISH of more than 1300 bytes must go over TCP (RFC 3261 18.1.1).
  const auto tuple = [&](const std::string& id, const std::string& inner) {
    text += "<tuple id=\"" + id + "\"><status><basic>open</basic></status>" + inner + "</tuple>";
  };
  tuple("d", "<caps:servcaps><caps:message>" + std::string(capabilities.sessions ? "true" : "false") + "</caps:message>" +
                 list_of("methods", "", capabilities.methods) + list_of("event-packages", "", capabilities.events) +
                 list_of("extensions", "", capabilities.extensions) + list_of("schemes", "s", {"sip"}) +
                 list_of("type", "t", capabilities.types) + "</caps:servcaps><contact>" + escaped(capabilities.contact) +
                 "</contact><timestamp>" + time_text(now) + "</timestamp>");
  // The applications are the user's, whatever the device: no contact.
  for (std::size_t i = 0; i < capabilities.apps.size(); ++i)
    tuple("a" + std::to_string(i + 1), "<op:service-description><op:service-id>" + escaped(capabilities.apps[i]) +
                                           "</op:service-id><op:version>1.0</op:version></op:service-description>");
  return text + "</presence>";
}

}  // namespace herald::receiver
