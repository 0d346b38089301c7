#include "ims/register_body.h"

#include <pugixml.hpp>
#include <sstream>

namespace herald::ims {
namespace {

constexpr std::size_t kMaxXml = 64 * 1024;

std::string_view local_name(std::string_view name) {
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string inner_text(const pugi::xml_node& node) {
  bool markup = false;
  std::string text;
  for (const auto child : node.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) text += child.value();
    if (child.type() == pugi::node_element) markup = true;
  }
  if (!markup) return text;
  std::ostringstream raw;  // some operators put XML there unescaped: hand it on as it is
  for (const auto child : node.children()) child.print(raw, "", pugi::format_raw | pugi::format_no_declaration);
  return raw.str();
}

void read_part(std::string_view content_type, std::string_view body, RegisterBody& result) {
  const auto type = MediaType::parse(content_type);
  if (!type) {
    ++result.malformed;
    return;
  }
  if (type->type == "application/3gpp-ims+xml") {
    auto info = read_service_info(body);
    if (info) {
      result.service_info = std::move(*info);
    } else {
      ++result.malformed;
    }
    return;
  }
  if (type->type == "message/sip") {
    auto message = SipMessage::parse(body);
    if (!message) {
      ++result.malformed;
    } else if (!message->is_request()) {
      result.response = std::move(*message);  // the order of the parts says nothing, the start line does
    } else if (message->method() == "REGISTER") {
      result.request = std::move(*message);
    } else {
      ++result.malformed;
    }
    return;
  }
  ++result.ignored;
}

}  // namespace

Expected<std::string> read_service_info(std::string_view xml) {
  if (xml.size() > kMaxXml) return fail(ErrorCode::too_large, "service information over 64 KiB");
  if (xml.find("<!DOCTYPE") != std::string_view::npos || xml.find("<!ENTITY") != std::string_view::npos) {
    return fail(ErrorCode::invalid, "service information with a DTD");
  }
  pugi::xml_document document;
  const auto parsed = document.load_buffer(xml.data(), xml.size(), pugi::parse_cdata | pugi::parse_escapes, pugi::encoding_utf8);
  if (!parsed) return fail(ErrorCode::invalid, std::string("service information: ") + parsed.description());
  const auto root = document.document_element();
  if (local_name(root.name()) != "ims-3gpp") return fail(ErrorCode::invalid, "service information: the root is not ims-3gpp");
  for (const auto child : root.children()) {
    if (local_name(child.name()) == "service-info") return inner_text(child);
  }
  return fail(ErrorCode::invalid, "service information without service-info");
}

RegisterBody read_register_body(std::string_view content_type, std::string_view body) {
  RegisterBody result;
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return result;
  const auto type = MediaType::parse(content_type);
  if (!type || !type->type.starts_with("multipart/")) {
    read_part(content_type, body, result);
    return result;
  }
  const auto parts = parse_multipart(content_type, body);
  if (!parts) {
    ++result.malformed;
    return result;
  }
  for (const auto& part : *parts) read_part(part.headers.get("Content-Type").value_or("text/plain"), part.body, result);
  return result;
}

}  // namespace herald::ims
