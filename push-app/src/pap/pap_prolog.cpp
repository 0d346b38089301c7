#include "pap/pap_prolog.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace herald::push::pap {
namespace {

constexpr std::size_t kMaxLiteral = 256;

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  [[nodiscard]] bool take(std::string_view word) {
    if (!rest().starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  // Up to `end`, which is taken too.
  [[nodiscard]] std::optional<std::string_view> until(std::string_view end) {
    const auto found = text_.find(end, at_);
    if (found == std::string_view::npos) return std::nullopt;
    const auto inner = text_.substr(at_, found - at_);
    at_ = found + end.size();
    return inner;
  }
  [[nodiscard]] std::optional<std::string_view> literal() {
    skip_space();
    if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return std::nullopt;
    const std::string_view quote = text_.substr(at_, 1);
    ++at_;
    const auto inner = until(quote);
    if (!inner || inner->size() > kMaxLiteral) return std::nullopt;
    return inner;
  }
  [[nodiscard]] std::string_view name() {
    skip_space();
    const auto from = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != '>' && text_[at_] != '[') ++at_;
    return text_.substr(from, at_ - from);
  }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  [[nodiscard]] std::size_t at() const noexcept { return at_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// Value of name="…" within a processing instruction.
std::string pseudo_attribute(std::string_view instruction, std::string_view name) {
  const auto found = instruction.find(name);
  if (found == std::string_view::npos) return {};
  Scanner scan(instruction.substr(found + name.size()));
  scan.skip_space();
  if (!scan.take("=")) return {};
  return std::string(scan.literal().value_or(std::string_view()));
}

// "2.1" at the beginning of the text; empty: none.
std::string_view leading_version(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && end < 8 && (is_digit(text[end]) || text[end] == '.')) ++end;
  while (end > 0 && text[end - 1] == '.') --end;  // pap_2.1.dtd
  return text.substr(0, end);
}

// "-//WAPFORUM//DTD PAP 2.1//EN"; without a number it is the first version's, as old clients write it.
std::string version_of_public_id(std::string_view id) {
  constexpr std::string_view kName = "DTD PAP";
  const auto found = id.find(kName);
  if (found == std::string_view::npos) return {};
  auto rest = id.substr(found + kName.size());
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest.starts_with("//")) return "1.0";
  return std::string(leading_version(rest));
}
std::string version_of_system_id(std::string_view id) {
  constexpr std::string_view kName = "pap_";
  const auto found = id.rfind(kName);
  return found == std::string_view::npos ? std::string() : std::string(leading_version(id.substr(found + kName.size())));
}

Expected<void> take_instruction(Scanner& scan, Prolog& out) {
  const auto inner = scan.until("?>");
  if (!inner) return fail(ErrorCode::invalid, "not well-formed: a processing instruction does not end");
  if (inner->starts_with("xml") && inner->size() > 3 && is_space((*inner)[3]))
    out.encoding = pseudo_attribute(*inner, "encoding");
  if (inner->starts_with("wap-pap-ver")) out.supported = pseudo_attribute(*inner, "supported-versions");
  return {};
}

// Comments and processing instructions only: any declaration is a way to smuggle entities or defaults in.
Expected<void> take_subset(Scanner& scan, Prolog& out) {
  while (true) {
    scan.skip_space();
    if (scan.take("]")) return {};
    if (scan.take("<!--")) {
      if (!scan.until("-->")) return fail(ErrorCode::invalid, "not well-formed: a comment does not end");
    } else if (scan.take("<?")) {
      if (auto taken = take_instruction(scan, out); !taken) return taken;
    } else {
      return fail(ErrorCode::invalid, "the DOCTYPE has declarations");
    }
  }
}

Expected<void> take_doctype(Scanner& scan, Prolog& out) {
  if (scan.name() != "pap") return fail(ErrorCode::invalid, "the DOCTYPE is not that of pap");
  scan.skip_space();
  std::string_view public_id;
  std::string_view system_id;
  if (scan.take("PUBLIC")) {
    const auto id = scan.literal();
    if (!id) return fail(ErrorCode::invalid, "not well-formed: DOCTYPE");
    public_id = *id;
    system_id = scan.literal().value_or(std::string_view());
  } else if (scan.take("SYSTEM")) {
    const auto id = scan.literal();
    if (!id) return fail(ErrorCode::invalid, "not well-formed: DOCTYPE");
    system_id = *id;
  }
  out.declared = version_of_public_id(public_id);
  if (out.declared.empty()) out.declared = version_of_system_id(system_id);
  scan.skip_space();
  if (scan.take("[")) {
    if (auto taken = take_subset(scan, out); !taken) return taken;
    scan.skip_space();
  }
  if (!scan.take(">")) return fail(ErrorCode::invalid, "not well-formed: DOCTYPE");
  return {};
}

struct Number {
  int major = 0;
  int minor = 0;
};
std::optional<Number> number_of(std::string_view text) {
  Number out;
  const auto* const end = text.data() + text.size();
  const auto [after_major, major_error] = std::from_chars(text.data(), end, out.major);
  if (major_error != std::errc{}) return std::nullopt;
  if (after_major == end) return out;
  if (*after_major != '.') return std::nullopt;
  const auto [after_minor, minor_error] = std::from_chars(after_major + 1, end, out.minor);
  if (minor_error != std::errc{} || after_minor != end) return std::nullopt;
  return out;
}

// Does one entry of supported-versions ("2.0", "1.*", "*") name the version?
bool covers(std::string_view entry, Version version) {
  while (entry.starts_with(' ')) entry.remove_prefix(1);
  while (entry.ends_with(' ')) entry.remove_suffix(1);
  if (!entry.ends_with('*')) return entry == to_string(version);
  entry.remove_suffix(1);
  return to_string(version).starts_with(entry);
}

// The highest version that both sides speak.
std::optional<Version> highest_common(std::string_view supported) {
  for (const auto version : {Version::v2_2, Version::v2_1, Version::v2_0, Version::v1_0}) {
    auto rest = supported;
    while (!rest.empty()) {
      const auto comma = rest.find(',');
      if (covers(rest.substr(0, comma), version)) return version;
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return std::nullopt;
}

}  // namespace

Expected<Prolog> read_prolog(std::string_view text) {
  Prolog out;
  Scanner scan(text);
  bool doctype = false;
  while (true) {
    scan.skip_space();
    if (scan.take("<!--")) {
      if (!scan.until("-->")) return fail(ErrorCode::invalid, "not well-formed: a comment does not end");
    } else if (scan.take("<?")) {
      if (auto taken = take_instruction(scan, out); !taken) return fail(taken.error());
    } else if (scan.take("<!DOCTYPE")) {
      if (doctype) return fail(ErrorCode::invalid, "not well-formed: two DOCTYPEs");
      doctype = true;
      if (auto taken = take_doctype(scan, out); !taken) return fail(taken.error());
    } else {
      out.root = scan.at();
      return out;
    }
  }
}

VersionChoice choose_version(const Prolog& prolog) {
  if (prolog.declared.empty()) return {};
  if (const auto known = parse_version(prolog.declared)) return {*known, false, false};
  const auto common = highest_common(prolog.supported);
  const auto number = number_of(prolog.declared);
  if (number && number->major == 1) return {Version::v1_0, true, false};
  if (number && number->major == 2) return {common.value_or(kNewest), true, false};
  return {common.value_or(kNewest), false, true};
}

}  // namespace herald::push::pap
