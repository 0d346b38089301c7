#include "config/condition_evaluator.h"

#include <algorithm>

namespace herald {
namespace {

constexpr std::size_t kMaxCached = 10000;

// TS 29.228 F.1: the host and port of a SIP URI, the number of a tel URI.
std::string matched_part(std::string_view uri) {
  const auto parsed = SipUri::parse(uri);
  if (!parsed) return std::string(uri);
  if (parsed->is_tel()) return parsed->user;
  if (!parsed->is_sip()) return std::string(uri);
  return parsed->port ? parsed->host + ':' + std::to_string(*parsed->port) : parsed->host;
}

}  // namespace

RequestView view_of(const SipMessage& request, SessionCase session_case, std::optional<RegistrationType> registration) {
  RequestView view{request.method(), request.uri(), request.headers, session_case, registration, {}};
  if (const auto written = request.headers.get("Content-Type"); written && !request.body.empty()) {
    const auto type = MediaType::parse(*written);
    if (type && type->type == "application/sdp") view.sdp = request.body;
  }
  return view;
}

const PortableRegex* ConditionEvaluator::compiled(Cache& cache, const std::string& pattern, PortableRegex::Case letters) {
  auto found = cache.find(pattern);
  if (found == cache.end()) {
    if (cache.size() >= kMaxCached) cache.clear();  // only profiles that were replaced many times
    auto regex = PortableRegex::compile(pattern, letters);
    found = cache.emplace(pattern, regex ? std::optional(std::move(*regex)) : std::nullopt).first;
  }
  return found->second ? &*found->second : nullptr;  // a bad one was refused by the loader: SPF-E35
}

bool ConditionEvaluator::holds(const Condition::Method& test, const RequestView& request) const {
  return request.method == test.name;
}

bool ConditionEvaluator::holds(const Condition::RequestUri& test, const RequestView& request) {
  const auto* regex = compiled(values_, test.regex, PortableRegex::Case::sensitive);
  return regex != nullptr && regex->found_in(matched_part(request.uri));
}

bool ConditionEvaluator::holds(const Condition::Header& test, const RequestView& request) {
  const auto* name = compiled(names_, test.name_regex, PortableRegex::Case::insensitive);
  const auto* value = test.value ? compiled(values_, *test.value, PortableRegex::Case::sensitive) : nullptr;
  if (name == nullptr || (test.value && value == nullptr)) return false;
  return std::any_of(request.headers.fields().begin(), request.headers.fields().end(), [&](const SipHeaderField& field) {
    return name->found_in(expand_compact_name(field.name)) && (value == nullptr || value->found_in(field.value));
  });
}

bool ConditionEvaluator::holds(const Condition::Case& test, const RequestView& request) const {
  return request.session_case == test.value;
}

bool ConditionEvaluator::holds(const Condition::Sdp& test, const RequestView& request) {
  const auto* value = test.value ? compiled(values_, *test.value, PortableRegex::Case::sensitive) : nullptr;
  if (test.value && value == nullptr) return false;
  auto rest = request.sdp;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() < 2 || line[0] != test.line || line[1] != '=') continue;
    if (value == nullptr || value->found_in(line.substr(2))) return true;
  }
  return false;
}

bool ConditionEvaluator::holds(const Condition::Registration& test, const RequestView& request) const {
  return request.registration == test.value;
}

bool ConditionEvaluator::holds(const Condition& condition, const RequestView& request) {
  return std::visit(
      [&](const auto& test) {
        using Test = std::decay_t<decltype(test)>;
        const auto one = [&](const Condition& inner) { return holds(inner, request); };
        if constexpr (std::is_same_v<Test, Condition::All>) {
          return std::all_of(test.of.begin(), test.of.end(), one);
        } else if constexpr (std::is_same_v<Test, Condition::Any>) {
          return std::any_of(test.of.begin(), test.of.end(), one);
        } else if constexpr (std::is_same_v<Test, Condition::Not>) {
          return !std::any_of(test.of.begin(), test.of.end(), one);
        } else {
          return holds(test, request);
        }
      },
      condition.test);
}

void ConditionEvaluator::prepare(const Condition& condition) {
  std::visit(
      [&](const auto& test) {
        using Test = std::decay_t<decltype(test)>;
        if constexpr (std::is_same_v<Test, Condition::Header>) {
          compiled(names_, test.name_regex, PortableRegex::Case::insensitive);
          if (test.value) compiled(values_, *test.value, PortableRegex::Case::sensitive);
        } else if constexpr (std::is_same_v<Test, Condition::Sdp>) {
          if (test.value) compiled(values_, *test.value, PortableRegex::Case::sensitive);
        } else if constexpr (std::is_same_v<Test, Condition::RequestUri>) {
          compiled(values_, test.regex, PortableRegex::Case::sensitive);
        } else if constexpr (std::is_same_v<Test, Condition::All> || std::is_same_v<Test, Condition::Any> ||
                             std::is_same_v<Test, Condition::Not>) {
          for (const auto& inner : test.of) prepare(inner);
        }
      },
      condition.test);
}

}  // namespace herald
