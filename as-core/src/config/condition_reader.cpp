#include "config/condition_reader.h"

#include <algorithm>
#include <map>

#include "config/portable_regex.h"
#include "herald/config_value.h"
#include "herald/sip_message.h"

namespace herald {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxNodes = 256;

using Kind = ConfigNode::Kind;

const std::vector<std::string> kWords{"method", "request_uri", "header", "session_case",     "sdp",
                                      "all",    "any",         "not",    "registration_type"};

const std::vector<std::pair<std::string, SessionCase>> kCases{{"originating", SessionCase::originating},
                                                              {"terminating_registered", SessionCase::terminating_registered},
                                                              {"terminating_unregistered", SessionCase::terminating_unregistered},
                                                              {"originating_unregistered", SessionCase::originating_unregistered},
                                                              {"originating_cdiv", SessionCase::originating_cdiv}};
const std::vector<std::pair<std::string, RegistrationType>> kTypes{
    {"initial", RegistrationType::initial}, {"re", RegistrationType::re_registration}, {"de", RegistrationType::de_registration}};

template <class E>
std::optional<E> word_of(const std::vector<std::pair<std::string, E>>& words, const std::string& text) {
  for (const auto& [word, value] : words) {
    if (word == text) return value;
  }
  return std::nullopt;
}

template <class E>
std::string no_such_word(const std::vector<std::pair<std::string, E>>& words, const std::string& text) {
  std::vector<std::string> candidates;
  std::string list;
  for (const auto& [word, value] : words) {
    candidates.push_back(word);
    list += (list.empty() ? "" : " | ") + word;
  }
  return "\"" + text + "\" is not one of " + list + did_you_mean(text, candidates);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
  });
}

// ^(Event|o)$: unanchored, Event would also find Allow-Events; a UE may send the compact form.
std::string header_name_regex(const std::string& name) {
  const auto full = std::string(expand_compact_name(name));
  for (char c = 'a'; c <= 'z'; ++c) {
    if (const auto expanded = expand_compact_name(std::string_view(&c, 1));
        expanded.size() > 1 && same_header_name(expanded, full)) {
      return "^(" + regex_of_literal(full) + '|' + c + ")$";
    }
  }
  return '^' + regex_of_literal(full) + '$';
}

class Reader {
 public:
  explicit Reader(ConfigIssues& issues) : issues_(issues) {}

  std::optional<Condition> read(const ConfigNode& node, const std::string& path, std::size_t depth, bool beside_register) {
    if (depth > kMaxDepth) return refuse(node, path, "SPF-E13", "nested deeper than 16 levels");
    if (++nodes_ > kMaxNodes) return refuse(node, path, "SPF-E13", "more than 256 conditions");
    if (node.kind != Kind::map || node.entries.empty())
      return refuse(node, path, "SPF-E12", "must be a condition such as {method: MESSAGE}");
    if (node.entries.size() > 1) return refuse(node, path, "SPF-E12", "holds more than one condition; join them with all or any");
    const auto& [word, mark, value] = node.entries.front();
    const auto inner = path + '.' + word;
    if (word == "method")
      return listed(value, inner, [&](const ConfigNode& item, const std::string& at) { return method(item, at); });
    if (word == "session_case") {
      return listed(value, inner, [&](const ConfigNode& item, const std::string& at) { return session_case(item, at); });
    }
    if (word == "registration_type") {
      if (!beside_register) return refuse(mark, inner, "SPF-E32", "may stand only in an `all` beside method: REGISTER");
      return listed(value, inner, [&](const ConfigNode& item, const std::string& at) { return registration(item, at); });
    }
    if (word == "request_uri") return request_uri(value, inner);
    if (word == "header") return header(value, inner);
    if (word == "sdp") return sdp(value, inner);
    if (word == "not") {
      auto of = read(value, inner, depth + 1, false);
      if (!of) return std::nullopt;
      Condition::Not out;
      out.of.push_back(std::move(*of));
      return Condition{std::move(out)};
    }
    if (word == "all" || word == "any") return joined(value, inner, depth, word == "all");
    return refuse(mark, inner, "SPF-E12", "unknown condition" + did_you_mean(word, kWords));
  }

 private:
  template <class Where>
  std::nullopt_t refuse(const Where& where, const std::string& path, const char* code, const std::string& text) {
    issues_.error(where, path, std::string(code) + ": " + text);
    return std::nullopt;
  }

  std::optional<Condition> joined(const ConfigNode& node, const std::string& path, std::size_t depth, bool all) {
    if (node.kind != Kind::list || node.items.empty()) return refuse(node, path, "SPF-E12", "must be a list of conditions");
    const bool has_register = all && std::any_of(node.items.begin(), node.items.end(), [](const ConfigNode& item) {
                                const auto* method = item.find("method");
                                return method != nullptr && method->kind == Kind::scalar && method->scalar == "REGISTER";
                              });
    std::vector<Condition> of;
    bool good = true;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      auto item = read(node.items[i], path + '[' + std::to_string(i) + ']', depth + 1, has_register);
      good = good && item.has_value();
      if (item) of.push_back(std::move(*item));
    }
    if (!good) return std::nullopt;
    if (all) return Condition{Condition::All{std::move(of)}};
    return Condition{Condition::Any{std::move(of)}};
  }

  // A list of values is an implicit `any`.
  template <class ReadOne>
  std::optional<Condition> listed(const ConfigNode& node, const std::string& path, ReadOne read_one) {
    if (node.kind != Kind::list) return read_one(node, path);
    if (node.items.empty()) return refuse(node, path, "SPF-E12", "is an empty list");
    Condition::Any any;
    bool good = true;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (++nodes_ > kMaxNodes) return refuse(node, path, "SPF-E13", "more than 256 conditions");
      auto item = read_one(node.items[i], path + '[' + std::to_string(i) + ']');
      good = good && item.has_value();
      if (item) any.of.push_back(std::move(*item));
    }
    if (!good) return std::nullopt;
    if (any.of.size() == 1) return std::move(any.of.front());
    return Condition{std::move(any)};
  }

  std::optional<Condition> method(const ConfigNode& node, const std::string& path) {
    // Written in full: one core compares without case, and only as far as the pattern goes.
    const bool good = node.kind == Kind::scalar && is_token(node.scalar) && node.scalar.size() <= 32 &&
                      std::none_of(node.scalar.begin(), node.scalar.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (!good) return refuse(node, path, "SPF-E12", "must be a method in capital letters");
    static const std::vector<std::string> never{"ACK", "BYE", "CANCEL", "INFO", "NOTIFY", "PRACK", "UPDATE"};
    if (std::find(never.begin(), never.end(), node.scalar) != never.end()) {
      return refuse(node, path, "SPF-E22", node.scalar + " is sent inside a dialog, where no trigger fires");
    }
    return Condition{Condition::Method{node.scalar}};
  }

  std::optional<Condition> session_case(const ConfigNode& node, const std::string& path) {
    const auto value = word_of(kCases, node.scalar);
    if (node.kind != Kind::scalar || !value) return refuse(node, path, "SPF-E12", no_such_word(kCases, node.scalar));
    return Condition{Condition::Case{*value}};
  }

  std::optional<Condition> registration(const ConfigNode& node, const std::string& path) {
    const auto value = word_of(kTypes, node.scalar);
    if (node.kind != Kind::scalar || !value) return refuse(node, path, "SPF-E12", no_such_word(kTypes, node.scalar));
    return Condition{Condition::Registration{*value}};
  }

  bool good_regex(const ConfigNode& node, const std::string& path, bool anchors) {
    if (node.kind != Kind::scalar) {
      refuse(node, path, "SPF-E12", "must be a regular expression");
      return false;
    }
    if (const auto problem = portability_problem(node.scalar, anchors); !problem.empty()) {
      refuse(node, path, "SPF-E34", "the expression " + problem);
      return false;
    }
    if (const auto compiled = PortableRegex::compile(node.scalar); !compiled) {
      refuse(node, path, "SPF-E35", "the expression does not compile: " + compiled.error().text);
      return false;
    }
    return true;
  }

  // The entries of {name: …, value: …}; unknown ones are reported.
  bool known_entries(const ConfigNode& node, const std::string& path, const std::vector<std::string>& known) {
    if (node.kind != Kind::map) {
      refuse(node, path, "SPF-E12", "must be a section of \"key: value\"");
      return false;
    }
    bool good = true;
    for (const auto& entry : node.entries) {
      if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
      refuse(entry.mark, path + '.' + entry.key, "SPF-E30", "unknown key" + did_you_mean(entry.key, known));
      good = false;
    }
    return good;
  }

  std::optional<Condition> request_uri(const ConfigNode& node, const std::string& path) {
    if (!good_regex(node, path, false)) return std::nullopt;
    return Condition{Condition::RequestUri{node.scalar}};
  }

  std::optional<Condition> header(const ConfigNode& node, const std::string& path) {
    if (!known_entries(node, path, {"name", "name_regex", "value"})) return std::nullopt;
    const auto* name = node.find("name");
    const auto* name_regex = node.find("name_regex");
    const auto* value = node.find("value");
    if ((name == nullptr) == (name_regex == nullptr)) return refuse(node, path, "SPF-E12", "needs name or name_regex");
    Condition::Header out;
    if (name != nullptr) {
      if (name->kind != Kind::scalar || !is_token(name->scalar))
        return refuse(*name, path + ".name", "SPF-E12", "must be a header name");
      out.name_regex = header_name_regex(name->scalar);
    } else {
      if (!good_regex(*name_regex, path + ".name_regex", true)) return std::nullopt;
      out.name_regex = name_regex->scalar;
      if (!out.name_regex.starts_with('^') || !out.name_regex.ends_with('$')) {
        issues_.warning(*name_regex, path + ".name_regex", "SPF-W04: without ^ and $ it also matches parts of other names");
      }
    }
    if (value != nullptr) {
      if (!good_regex(*value, path + ".value", true)) return std::nullopt;
      out.value = value->scalar;
    }
    return Condition{std::move(out)};
  }

  std::optional<Condition> sdp(const ConfigNode& node, const std::string& path) {
    if (!known_entries(node, path, {"line", "value"})) return std::nullopt;
    const auto* line = node.find("line");
    const auto* value = node.find("value");
    const bool letter = line != nullptr && line->kind == Kind::scalar && line->scalar.size() == 1 && line->scalar[0] >= 'a' &&
                        line->scalar[0] <= 'z';
    if (!letter) return refuse(line != nullptr ? *line : node, path + ".line", "SPF-E12", "must be the letter of an SDP line");
    Condition::Sdp out{line->scalar[0], std::nullopt};
    if (value != nullptr) {
      if (!good_regex(*value, path + ".value", false)) return std::nullopt;
      out.value = value->scalar;
    }
    return Condition{std::move(out)};
  }

  ConfigIssues& issues_;
  std::size_t nodes_ = 0;
};

MethodSet intersection(const MethodSet& a, const MethodSet& b);
MethodSet complement(MethodSet a) {
  a.all_but = !a.all_but;
  return a;
}
MethodSet united(const MethodSet& a, const MethodSet& b) { return complement(intersection(complement(a), complement(b))); }
MethodSet intersection(const MethodSet& a, const MethodSet& b) {
  MethodSet out;
  if (a.all_but && b.all_but) {
    out.names = a.names;
    out.names.insert(b.names.begin(), b.names.end());
    return out;
  }
  const auto& exact = a.all_but ? b : a;
  const auto& other = a.all_but ? a : b;
  out.all_but = false;
  for (const auto& name : exact.names) {
    if (other.contains(name)) out.names.insert(name);
  }
  return out;
}

MethodSet methods_of(const Condition& condition, bool negated) {
  if (const auto* method = std::get_if<Condition::Method>(&condition.test)) return {negated, {method->name}};
  if (std::holds_alternative<Condition::Registration>(condition.test)) {
    return negated ? MethodSet{} : MethodSet{false, {"REGISTER"}};
  }
  if (const auto* negation = std::get_if<Condition::Not>(&condition.test)) return methods_of(negation->of.front(), !negated);
  const auto* all = std::get_if<Condition::All>(&condition.test);
  const auto* any = std::get_if<Condition::Any>(&condition.test);
  if (all == nullptr && any == nullptr) return {};
  const bool intersects = (all != nullptr) != negated;
  MethodSet out{intersects, {}};  // everything, or nothing
  for (const auto& inner : all != nullptr ? all->of : any->of) {
    const auto set = methods_of(inner, negated);
    out = intersects ? intersection(out, set) : united(out, set);
  }
  return out;
}

std::set<SessionCase> every_case() {
  std::set<SessionCase> out;
  for (const auto& [word, value] : kCases) out.insert(value);
  return out;
}

std::set<SessionCase> cases_of(const Condition& condition, bool negated) {
  if (const auto* one = std::get_if<Condition::Case>(&condition.test)) {
    if (!negated) return {one->value};
    auto out = every_case();
    out.erase(one->value);
    return out;
  }
  if (const auto* negation = std::get_if<Condition::Not>(&condition.test)) return cases_of(negation->of.front(), !negated);
  const auto* all = std::get_if<Condition::All>(&condition.test);
  const auto* any = std::get_if<Condition::Any>(&condition.test);
  if (all == nullptr && any == nullptr) return every_case();
  const bool intersects = (all != nullptr) != negated;
  auto out = intersects ? every_case() : std::set<SessionCase>{};
  for (const auto& inner : all != nullptr ? all->of : any->of) {
    const auto set = cases_of(inner, negated);
    if (intersects) {
      std::erase_if(out, [&set](SessionCase value) { return !set.contains(value); });
    } else {
      out.insert(set.begin(), set.end());
    }
  }
  return out;
}

}  // namespace

std::optional<Condition> read_condition(const ConfigNode& node, const std::string& path, ConfigIssues& issues) {
  return Reader(issues).read(node, path, 1, false);
}

MethodSet possible_methods(const Condition& condition) { return methods_of(condition, false); }
std::set<SessionCase> possible_cases(const Condition& condition) { return cases_of(condition, false); }

}  // namespace herald
