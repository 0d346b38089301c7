#include "sh_data_parser.h"

#include <charconv>
#include <optional>
#include <pugixml.hpp>
#include <sstream>
#include <string>

namespace herald::diameter {

namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string_view local_name(const char* name) {
  const std::string_view whole(name);
  const auto colon = whole.rfind(':');
  return colon == std::string_view::npos ? whole : whole.substr(colon + 1);
}

// Elements only; a prefix does not matter (Sh-Data has no target namespace, some HSSs give it one).
template <class F>
void each_element(const pugi::xml_node& parent, F f) {
  for (const auto& child : parent.children()) {
    if (child.type() == pugi::node_element) f(local_name(child.name()), child);
  }
}

std::string_view value_of(const pugi::xml_node& node) { return trim(node.child_value()); }

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Where a tag ends: a '>' inside a quoted attribute value does not count.
std::size_t tag_end(std::string_view xml, std::size_t from) {
  char quote = 0;
  for (auto i = from; i < xml.size(); ++i) {
    if (quote != 0) {
      if (xml[i] == quote) quote = 0;
    } else if (xml[i] == '"' || xml[i] == '\'') {
      quote = xml[i];
    } else if (xml[i] == '>') {
      return i;
    }
  }
  return std::string_view::npos;
}

// pugixml has no depth limit of its own, so hostile nesting is found before it builds a tree. What is not well-formed is left
// to the parser.
bool too_deep(std::string_view xml, int limit) {
  int depth = 0;
  for (std::size_t i = 0; i + 1 < xml.size(); ++i) {
    if (xml[i] != '<') continue;
    std::size_t end = 0;
    if (xml.compare(i, 4, "<!--") == 0) {
      end = xml.find("-->", i + 4);
    } else if (xml.compare(i, 9, "<![CDATA[") == 0) {
      end = xml.find("]]>", i + 9);
    } else {
      end = tag_end(xml, i);
      if (xml[i + 1] == '/')
        --depth;
      else if (end != std::string_view::npos && xml[i + 1] != '?' && xml[i + 1] != '!' && xml[end - 1] != '/' && ++depth > limit)
        return true;
    }
    if (end == std::string_view::npos) return false;
    i = end;
  }
  return false;
}

class Reader {
 public:
  explicit Reader(const ShDataLimits& limits) : limits_(limits) {}

  Expected<ShUserData> read(const pugi::xml_node& root) {
    each_element(root, [&](std::string_view name, const pugi::xml_node& node) {
      if (name == "PublicIdentifiers")
        read_identities(node);
      else if (name == "RepositoryData")
        read_repository(node);
      else if (name == "Sh-IMS-Data")
        read_ims(node);
      else if (name == "Extension" || name == "Sh-Data-Extension")
        read_extension(node, 0);
    });
    if (error_) return fail(std::move(*error_));
    return std::move(data_);
  }

 private:
  void wrong(ErrorCode code, std::string text) {
    if (!error_) error_ = Error{code, std::move(text)};
  }

  void add_identity(std::string_view identity) {
    if (identity.empty()) return;
    if (data_.public_identities.size() >= limits_.identities) return wrong(ErrorCode::too_large, "too many public identities");
    for (const auto& known : data_.public_identities) {
      if (known == identity) return;  // the sets of SH-21 overlap
    }
    data_.public_identities.emplace_back(identity);
  }

  void read_identities(const pugi::xml_node& node) {
    each_element(node, [&](std::string_view name, const pugi::xml_node& child) {
      if (name == "IMSPublicIdentity") add_identity(value_of(child));
    });
  }

  // SH-21: with Notif-Eff the identities hide in sets; newer fields nest in chains of Extension. Depth is bounded by the scan.
  void read_extension(const pugi::xml_node& node, int level) {
    if (level > limits_.depth) return;
    each_element(node, [&](std::string_view name, const pugi::xml_node& child) {
      if (name == "RegisteredIdentities" || name == "ImplicitIdentities" || name == "AllIdentities" || name == "AliasIdentities")
        read_identities(child);
      else if (name == "Extension")
        read_extension(child, level + 1);
    });
  }

  void read_repository(const pugi::xml_node& node) {
    if (data_.repository) return;  // one was asked for (SH-03)
    ShRepositoryData entry;
    bool has_sequence = false;
    each_element(node, [&](std::string_view name, const pugi::xml_node& child) {
      if (name == "ServiceIndication") {
        entry.service_indication = std::string(value_of(child));
      } else if (name == "SequenceNumber") {
        const auto value = number(value_of(child));
        if (!value || *value > 65535) return wrong(ErrorCode::corrupt, "SequenceNumber is not a number up to 65535");
        entry.sequence = static_cast<std::uint16_t>(*value);
        has_sequence = true;
      } else if (name == "ServiceData") {
        entry.service_data = inner_element(child);
      }
    });
    if (!has_sequence) return wrong(ErrorCode::corrupt, "RepositoryData without SequenceNumber");
    data_.repository = std::move(entry);
  }

  // The one element inside ServiceData as text of its own: namespaces declared further out are declared again.
  std::string inner_element(const pugi::xml_node& service_data) {
    for (auto child : service_data.children()) {
      if (child.type() != pugi::node_element) continue;
      for (auto outer = service_data; outer && outer.type() == pugi::node_element; outer = outer.parent()) {
        for (const auto& attribute : outer.attributes()) {
          const std::string_view name(attribute.name());
          if ((name == "xmlns" || name.starts_with("xmlns:")) && !child.attribute(attribute.name()))
            child.append_attribute(attribute.name()).set_value(attribute.value());
        }
      }
      std::ostringstream text;
      child.print(text, "", pugi::format_raw | pugi::format_no_declaration);
      return std::move(text).str();
    }
    return std::string(trim(service_data.child_value()));  // an HSS that escapes the document instead of nesting it
  }

  void read_ims(const pugi::xml_node& node) {
    each_element(node, [&](std::string_view name, const pugi::xml_node& child) {
      if (name == "SCSCFName" || name == "S-CSCFName") {  // the latter from PyHSS
        data_.scscf_name = std::string(value_of(child));
      } else if (name == "IMSUserState") {
        const auto value = number(value_of(child));
        if (!value || *value > 3) return wrong(ErrorCode::corrupt, "IMSUserState is not 0..3");
        data_.state = static_cast<ImsUserState>(*value);
      }
    });
  }

  ShDataLimits limits_;
  ShUserData data_;
  std::optional<Error> error_;
};

}  // namespace

Expected<ShUserData> parse_sh_data(std::string_view xml, const ShDataLimits& limits) {
  if (xml.size() > limits.bytes)
    return fail(ErrorCode::too_large,
                "Sh-Data of " + std::to_string(xml.size()) + " octets, limit " + std::to_string(limits.bytes));
  if (xml.find('\0') != std::string_view::npos) return fail(ErrorCode::corrupt, "Sh-Data contains a NUL");
  // SH-23: a DTD is never needed, and refusing it refuses entities with it. Text may contain the word, hence the parser's view.
  if (too_deep(xml, limits.depth)) return fail(ErrorCode::too_large, "Sh-Data nests too deeply");
  pugi::xml_document document;
  const auto parsed =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_doctype, pugi::encoding_auto);
  if (!parsed)
    return fail(ErrorCode::corrupt,
                std::string("Sh-Data: ") + parsed.description() + " at octet " + std::to_string(parsed.offset));
  for (const auto& node : document.children()) {
    if (node.type() == pugi::node_doctype) return fail(ErrorCode::corrupt, "Sh-Data with a document type declaration");
  }
  const auto root = document.document_element();
  if (local_name(root.name()) != "Sh-Data") return fail(ErrorCode::corrupt, "the root element is not Sh-Data");
  return Reader(limits).read(root);
}

}  // namespace herald::diameter
