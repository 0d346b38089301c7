#include "ims/p_headers.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace herald::ims {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string unquote(std::string_view text) {
  text = trim(text);
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  return std::string(text.substr(1, text.size() - 2));
}

// The value of `name` in a;b=c;d="e", whatever else is wrong with the rest.
std::string parameter(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < text.size() && (quoted || (text[end] != ';' && text[end] != ',')); ++end) {
      if (text[end] == '"') quoted = !quoted;
    }
    const auto part = text.substr(0, end);
    const auto equal = part.find('=');
    if (equal != std::string_view::npos && same_word(trim(part.substr(0, equal)), name)) return unquote(part.substr(equal + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

std::optional<SessionCase> session_case(std::string_view sescase, std::string_view regstate) {
  const bool unregistered = same_word(regstate, "unreg");
  if (same_word(sescase, "orig")) return unregistered ? SessionCase::originating_unregistered : SessionCase::originating;
  if (same_word(sescase, "term")) {
    return unregistered ? SessionCase::terminating_unregistered : SessionCase::terminating_registered;
  }
  if (same_word(sescase, "orig-cdiv")) return SessionCase::originating_cdiv;
  return std::nullopt;
}

}  // namespace

std::optional<ServedUser> served_user(const SipHeaders& headers) {
  const auto value = headers.get("P-Served-User");
  if (!value) return std::nullopt;
  auto address = NameAddr::parse(*value);
  if (!address || address->uri.empty()) return std::nullopt;
  // Some write the parameters inside the brackets or without any: then they belong to the URI as parsed.
  auto sescase = address->params.get("sescase");
  auto regstate = address->params.get("regstate");
  ServedUser user{address->uri, {}};
  if (!sescase) {
    if (auto uri = SipUri::parse(address->uri); uri && uri->params.has("sescase")) {
      user.session_case = session_case(*uri->params.get("sescase"), uri->params.get("regstate").value_or(""));
      uri->params.remove("sescase");
      uri->params.remove("regstate");
      user.uri = uri->text();
      return user;
    }
  }
  user.session_case = session_case(sescase.value_or(""), regstate.value_or(""));
  return user;
}

std::vector<NameAddr> asserted_identity(const SipHeaders& headers) {
  std::vector<NameAddr> result;
  for (const auto value : headers.list("P-Asserted-Identity")) {
    if (result.size() == 2) break;
    auto address = NameAddr::parse(value);
    if (address && !address->uri.empty()) result.push_back(std::move(*address));
  }
  return result;
}

ChargingVector charging_vector(const SipHeaders& headers) {
  const auto value = headers.get("P-Charging-Vector").value_or("");
  return {parameter(value, "icid-value"), parameter(value, "orig-ioi")};
}

std::vector<std::string> associated_uris(const SipHeaders& headers) {
  static constexpr std::size_t kMost = 64;  // of one implicit registration set
  std::vector<std::string> result;
  for (const auto field : headers.all("P-Associated-URI")) {
    // Not parse_list: commas inside one pair of brackets do separate here.
    std::string_view rest = field;
    while (!rest.empty() && result.size() < kMost) {
      const auto end = std::min(rest.find_first_of(",<>"), rest.size());
      auto part = trim(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (part.empty() || part.front() == ';' || part.front() == '"') continue;
      if (!part.starts_with("sip:") && !part.starts_with("sips:") && !part.starts_with("tel:")) continue;
      auto uri = SipUri::parse(part);
      if (!uri) continue;
      auto identity = uri->canonical();
      if (std::find(result.begin(), result.end(), identity) == result.end()) result.push_back(std::move(identity));
    }
  }
  return result;
}

bool wants_privacy(const SipHeaders& headers, std::string_view token) {
  for (const auto field : headers.all("Privacy")) {
    std::string_view rest = field;
    while (!rest.empty()) {
      const auto end = std::min(rest.find_first_of(";,"), rest.size());
      if (same_word(trim(rest.substr(0, end)), token)) return true;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return false;
}

bool strip_trusted_headers(SipHeaders& headers) {
  std::vector<std::string> names;
  for (const auto& field : headers.fields()) {
    const auto& name = field.name;
    const bool p_header = name.size() > 2 && (name[0] == 'P' || name[0] == 'p') && name[1] == '-';
    if (p_header || same_header_name(name, "Feature-Caps")) names.push_back(name);
  }
  for (const auto& name : names) headers.remove(name);
  return !names.empty();
}

}  // namespace herald::ims
