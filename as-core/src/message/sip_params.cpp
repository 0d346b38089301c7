#include <algorithm>

#include "herald/sip_uri.h"
#include "message/chars.h"

namespace herald {
namespace {

constexpr std::size_t kMaxParams = 128;

// Parameter names of headers are tokens; those of URIs may also hold []/:&$ (paramchar).
bool is_name(char c) { return chars::is(c, chars::kToken) || std::string_view("[]/:&$()").find(c) != std::string_view::npos; }

}  // namespace

Expected<SipParams> SipParams::parse(std::string_view text) {
  SipParams out;
  text = chars::trim(text);
  std::size_t i = 0;
  const auto skip_space = [&] {
    while (i < text.size() && (chars::is_space(text[i]) || text[i] == '\r' || text[i] == '\n')) ++i;
  };
  while (i < text.size()) {
    if (text[i] != ';') return fail(ErrorCode::invalid, "parameter list: ';' expected");
    ++i;
    skip_space();
    if (i == text.size()) break;   // a trailing ';' is harmless
    if (text[i] == ';') continue;  // so is an empty parameter
    const auto name_at = i;
    while (i < text.size() && is_name(text[i])) ++i;
    if (i == name_at) return fail(ErrorCode::invalid, "parameter without a name");
    Param param{std::string(text.substr(name_at, i - name_at)), std::nullopt};
    skip_space();
    if (i < text.size() && text[i] == '=') {
      ++i;
      skip_space();
      const auto value_at = i;
      if (i < text.size() && text[i] == '"') {
        i = chars::end_of_quoted(text, i);
        if (i == std::string_view::npos) return fail(ErrorCode::invalid, "parameter with an unterminated quoted string");
        const auto quoted = text.substr(value_at, i - value_at);
        if (std::any_of(quoted.begin(), quoted.end(), [](char c) { return chars::is_control(c) && c != '\t'; })) {
          return fail(ErrorCode::invalid, "control character in a quoted string");
        }
      } else {
        while (i < text.size() && chars::is(text[i], chars::kValue)) ++i;
      }
      param.value.emplace(text.substr(value_at, i - value_at));
      skip_space();
    }
    if (out.params_.size() == kMaxParams) return fail(ErrorCode::too_large, "more than 128 parameters");
    out.params_.push_back(std::move(param));
  }
  return out;
}

bool SipParams::has(std::string_view name) const noexcept {
  return std::any_of(params_.begin(), params_.end(), [name](const Param& p) { return chars::same(p.name, name); });
}

std::optional<std::string_view> SipParams::get(std::string_view name) const noexcept {
  for (const auto& param : params_) {
    if (chars::same(param.name, name)) return param.value ? std::string_view(*param.value) : std::string_view();
  }
  return std::nullopt;
}

void SipParams::set(std::string_view name, std::optional<std::string> value) {
  for (auto& param : params_) {
    if (chars::same(param.name, name)) {
      param.value = std::move(value);
      return;
    }
  }
  params_.push_back({std::string(name), std::move(value)});
}

bool SipParams::remove(std::string_view name) {
  return std::erase_if(params_, [name](const Param& p) { return chars::same(p.name, name); }) > 0;
}

std::string SipParams::text() const {
  std::string out;
  for (const auto& param : params_) {
    out += ';';
    out += param.name;
    if (param.value) {
      out += '=';
      out += *param.value;
    }
  }
  return out;
}

}  // namespace herald
