// One table per configuration struct: it parses, validates, documents and compares.
//
//   const ConfigSchema<PushConfig>& push_schema() {
//     static const auto schema = ConfigSchema<PushConfig>()
//         .key("pager_max_bytes", &PushConfig::pager_max_bytes, {.help = "Largest MESSAGE body", .min = 200, .max = 65535})
//         .choice("on_hss_failure", &PushConfig::on_hss_failure, {{"default", …}, {"hold", …}}, {.help = "…"})
//         .list("applications", &Initiator::applications, {.help = "…"})                         // of scalars
//         .section("tls", &PushConfig::tls, tls_schema(), {.help = "…"})                          // struct or optional<struct>
//         .sections("initiators", &PushConfig::initiators, initiator_schema(), {.help = "…"})     // list of structs
//         .check([](PushConfig& config, const ConfigScope& at) { if (…) at.error("key", "must …"); });
//     return schema;
//   }
//   auto config = push_schema().parse(section, issues);
//
// A key without a value (`key:`) counts as absent. Members keep their default when a key is absent.
// Thread: immutable once built.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "herald/config_value.h"

namespace herald {

template <class T>
struct KeyOptions {
  std::string help = {};
  bool required = false;
  bool needs_restart = false;
  std::optional<T> min = std::nullopt;
  std::optional<T> max = std::nullopt;
  // What is wrong with the value, or nothing.
  std::function<std::string(const T&)> check = nullptr;
  std::string sample = {};  // YAML text for the generated sample file; none: the key is shown as a comment with its default
};

template <class T>
struct ListOptions {
  std::string help = {};
  bool required = false;
  bool needs_restart = false;
  std::size_t min_items = 0;
  std::size_t max_items = 10000;
  std::function<std::string(const T&)> check = nullptr;  // of each item
  std::string sample = {};
};

struct SectionOptions {
  std::string help = {};
  bool required = false;
  bool needs_restart = false;
  std::size_t max_items = 10000;  // of a list or map of sections
  bool in_sample = true;          // false: the sample file shows the section as a comment
};

struct ConfigChange {
  std::string path;
  bool needs_restart = false;
};

// Where a check stands, to report against one of the struct's keys.
class ConfigScope {
 public:
  ConfigScope(const ConfigNode& node, const std::string& path, ConfigIssues& issues) noexcept
      : node_(node), path_(path), issues_(issues) {}
  void error(std::string_view key, std::string text) const;
  void warning(std::string_view key, std::string text) const;
  [[nodiscard]] const ConfigNode& node() const noexcept { return node_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] ConfigIssues& issues() const noexcept { return issues_; }

 private:
  [[nodiscard]] const ConfigNode& at(std::string_view key) const noexcept;
  [[nodiscard]] std::string full(std::string_view key) const;
  const ConfigNode& node_;
  const std::string& path_;
  ConfigIssues& issues_;
};

namespace detail {
[[nodiscard]] std::string join_path(const std::string& path, std::string_view key);
[[nodiscard]] std::string item_path(const std::string& path, std::size_t index);
// False (and an error) unless the node is a map; reports keys that are not in `known`.
bool check_section(const ConfigNode& node, const std::string& path, const std::vector<std::string>& known, ConfigIssues& issues);
bool check_list(const ConfigNode& node, const std::string& path, std::size_t min, std::size_t max, ConfigIssues& issues);

// How one value is read and written; made from ConfigValue or from the words of a choice.
template <class T>
struct Codec {
  std::string type;
  std::string range;
  std::function<ConfigRead<T>(const ConfigNode&)> read;
  std::function<std::string(const T&)> write;
};

template <class T>
Codec<T> codec_of() {
  return {ConfigValue<T>::type(), {}, &ConfigValue<T>::read, [](const T& value) { return ConfigValue<T>::write(value); }};
}

template <class E>
Codec<E> codec_of(Choices<E> choices) {
  std::string words;
  for (const auto& [word, value] : choices) words += (words.empty() ? "" : " | ") + word;
  return {"choice", words,
          [choices, words](const ConfigNode& node) -> ConfigRead<E> {
            auto text = read_text(node);
            if (!text) return tl::unexpected(std::move(text.error()));
            std::vector<std::string> candidates;
            for (const auto& [word, value] : choices) {
              if (word == *text) return value;
              candidates.push_back(word);
            }
            return tl::unexpected("\"" + *text + "\" is not one of " + words + did_you_mean(*text, candidates));
          },
          [choices](const E& wanted) {
            for (const auto& [word, value] : choices) {
              if (value == wanted) return word;
            }
            return std::string();
          }};
}

template <class T>
std::string range_text(const Codec<T>& codec, const KeyOptions<T>& options) {
  if (options.min && options.max) return codec.write(*options.min) + " to " + codec.write(*options.max);
  if (options.min) return "at least " + codec.write(*options.min);
  if (options.max) return "at most " + codec.write(*options.max);
  return codec.range;
}

template <class T>
concept Ordered = requires(const T& a, const T& b) {
  { a < b } -> std::convertible_to<bool>;
};

template <class T>
std::string out_of_range(const Codec<T>& codec, const KeyOptions<T>& options, const T& value) {
  if constexpr (Ordered<T>) {
    if ((options.min && value < *options.min) || (options.max && *options.max < value)) {
      return codec.write(value) + " is out of range: " + range_text(codec, options);
    }
  }
  return options.check ? options.check(value) : std::string();
}
}  // namespace detail

template <class C>
class ConfigSchema {
 public:
  template <class T>
  ConfigSchema key(std::string name, T C::*member, std::type_identity_t<KeyOptions<T>> options) && {
    return std::move(*this).scalar(std::move(name), member, detail::codec_of<T>(), std::move(options));
  }

  template <class E>
  ConfigSchema choice(std::string name, E C::*member, std::type_identity_t<Choices<E>> choices,
                      std::type_identity_t<KeyOptions<E>> options) && {
    return std::move(*this).scalar(std::move(name), member, detail::codec_of<E>(std::move(choices)), std::move(options));
  }

  template <class T>
  ConfigSchema list(std::string name, std::vector<T> C::*member, std::type_identity_t<ListOptions<T>> options) && {
    return std::move(*this).scalars(std::move(name), member, detail::codec_of<T>(), std::move(options));
  }

  template <class E>
  ConfigSchema choices(std::string name, std::vector<E> C::*member, std::type_identity_t<Choices<E>> words,
                       std::type_identity_t<ListOptions<E>> options) && {
    return std::move(*this).scalars(std::move(name), member, detail::codec_of<E>(std::move(words)), std::move(options));
  }

  template <class S>
  ConfigSchema section(std::string name, S C::*member, ConfigSchema<S> schema, SectionOptions options) && {
    Field field = section_field(std::move(name), "section", options, schema.fields_);
    field.parse = [member, schema](const ConfigNode& node, const std::string& path, C& out, ConfigIssues& issues) {
      out.*member = schema.parse(node, issues, path);
    };
    field.diff = [member, schema](const C& a, const C& b, const std::string& path, bool restart, std::vector<ConfigChange>& out) {
      schema.diff(a.*member, b.*member, out, path, restart);
    };
    field.document = [schema](const C*, const std::string& path, bool restart, std::vector<ConfigKeyDoc>& out) {
      schema.document(out, path, restart);
    };
    return add(std::move(field));
  }

  // Absent: the member stays empty.
  template <class S>
  ConfigSchema section(std::string name, std::optional<S> C::*member, ConfigSchema<S> schema, SectionOptions options) && {
    Field field = section_field(std::move(name), "optional section", options, schema.fields_);
    field.parse = [member, schema](const ConfigNode& node, const std::string& path, C& out, ConfigIssues& issues) {
      out.*member = schema.parse(node, issues, path);
    };
    field.diff = [member, schema](const C& a, const C& b, const std::string& path, bool restart, std::vector<ConfigChange>& out) {
      if ((a.*member).has_value() != (b.*member).has_value()) out.push_back({path, restart});
      if (a.*member && b.*member) schema.diff(*(a.*member), *(b.*member), out, path, restart);
    };
    field.document = [schema](const C*, const std::string& path, bool restart, std::vector<ConfigKeyDoc>& out) {
      schema.document(out, path, restart);
    };
    return add(std::move(field));
  }

  template <class S>
  ConfigSchema sections(std::string name, std::vector<S> C::*member, ConfigSchema<S> schema, SectionOptions options) && {
    const auto max = options.max_items;
    Field field = section_field(std::move(name), "list of sections", options, schema.fields_);
    field.parse = [member, schema, max](const ConfigNode& node, const std::string& path, C& out, ConfigIssues& issues) {
      (out.*member).clear();
      if (!detail::check_list(node, path, 0, max, issues)) return;
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        (out.*member).push_back(schema.parse(node.items[i], issues, detail::item_path(path, i)));
      }
    };
    field.diff = [member, schema](const C& a, const C& b, const std::string& path, bool restart, std::vector<ConfigChange>& out) {
      if ((a.*member).size() != (b.*member).size()) {
        out.push_back({path, restart || schema.any_needs_restart()});
        return;
      }
      for (std::size_t i = 0; i < (a.*member).size(); ++i) {
        schema.diff((a.*member)[i], (b.*member)[i], out, detail::item_path(path, i), restart);
      }
    };
    field.document = [schema](const C*, const std::string& path, bool restart, std::vector<ConfigKeyDoc>& out) {
      schema.document(out, path + "[]", restart);
    };
    return add(std::move(field));
  }

  // A section whose keys are names.
  template <class S>
  ConfigSchema named_sections(std::string name, std::map<std::string, S> C::*member, ConfigSchema<S> schema,
                              SectionOptions options) && {
    const auto max = options.max_items;
    Field field = section_field(std::move(name), "named sections", options, schema.fields_);
    field.parse = [member, schema, max](const ConfigNode& node, const std::string& path, C& out, ConfigIssues& issues) {
      (out.*member).clear();
      if (node.kind != ConfigNode::Kind::map || node.entries.size() > max) {
        issues.error(node, path,
                     node.kind == ConfigNode::Kind::map ? "has too many entries" : "must be a section of named entries");
        return;
      }
      for (const auto& entry : node.entries) {
        (out.*member)[entry.key] = schema.parse(entry.value, issues, detail::join_path(path, entry.key));
      }
    };
    field.diff = [member, schema](const C& a, const C& b, const std::string& path, bool restart, std::vector<ConfigChange>& out) {
      const auto hard = restart || schema.any_needs_restart();
      for (const auto& [key, value] : a.*member) {
        if (const auto other = (b.*member).find(key); other != (b.*member).end()) {
          schema.diff(value, other->second, out, detail::join_path(path, key), restart);
        } else {
          out.push_back({detail::join_path(path, key), hard});
        }
      }
      for (const auto& [key, value] : b.*member) {
        if (!(a.*member).contains(key)) out.push_back({detail::join_path(path, key), hard});
      }
    };
    field.document = [schema](const C*, const std::string& path, bool restart, std::vector<ConfigKeyDoc>& out) {
      schema.document(out, path + ".<name>", restart);
    };
    return add(std::move(field));
  }

  // A subtree that somebody else parses.
  ConfigSchema raw(std::string name, ConfigNode C::*member, SectionOptions options) && {
    Field field = section_field(std::move(name), "section", options, std::vector<Field>());
    field.parse = [member](const ConfigNode& node, const std::string&, C& out, ConfigIssues&) { out.*member = node; };
    field.diff = [member](const C& a, const C& b, const std::string& path, bool restart, std::vector<ConfigChange>& out) {
      if (!same_config(a.*member, b.*member)) out.push_back({path, restart});
    };
    return add(std::move(field));
  }

  // Rules between keys; may complete the value (relative paths). Runs only when the struct's own keys are right.
  ConfigSchema check(std::function<void(C&, const ConfigScope&)> rule) && {
    checks_.push_back(std::move(rule));
    return std::move(*this);
  }

  // The value as far as it could be read; usable only when `issues` has no error. A null node is an empty section.
  [[nodiscard]] C parse(const ConfigNode& node, ConfigIssues& issues, const std::string& path = {}) const {
    C out{};
    const auto before = issues.error_count();
    std::vector<std::string> known;
    for (const auto& field : fields_) known.push_back(field.doc.path);
    if (!detail::check_section(node, path, known, issues)) return out;
    for (const auto& field : fields_) {
      const auto* value = node.find(field.doc.path);
      const auto key = detail::join_path(path, field.doc.path);
      if (value != nullptr && value->kind != ConfigNode::Kind::null) {
        field.parse(*value, key, out, issues);
      } else if (field.doc.required) {
        issues.error(value != nullptr ? *value : node, key, "is required");
      }
    }
    if (issues.error_count() != before) return out;
    const ConfigScope scope(node, path, issues);
    for (const auto& rule : checks_) rule(out, scope);
    return out;
  }

  [[nodiscard]] std::vector<ConfigKeyDoc> documentation(const std::string& path = {}) const {
    std::vector<ConfigKeyDoc> out;
    document(out, path, false);
    return out;
  }
  void document(std::vector<ConfigKeyDoc>& out, const std::string& path, bool restart) const {
    const C defaults{};
    for (const auto& field : fields_) {
      auto row = field.doc;
      row.path = detail::join_path(path, field.doc.path);
      row.needs_restart = restart || row.needs_restart;
      if (field.default_text) row.default_text = field.default_text(defaults);
      const auto inherited = row.needs_restart;
      const auto at = row.path;
      out.push_back(std::move(row));
      if (field.document) field.document(&defaults, at, inherited, out);
    }
  }

  // Keys whose values differ.
  [[nodiscard]] std::vector<ConfigChange> diff(const C& before, const C& after) const {
    std::vector<ConfigChange> out;
    diff(before, after, out, {}, false);
    return out;
  }
  void diff(const C& before, const C& after, std::vector<ConfigChange>& out, const std::string& path, bool restart) const {
    for (const auto& field : fields_) {
      field.diff(before, after, detail::join_path(path, field.doc.path), restart || field.doc.needs_restart, out);
    }
  }
  [[nodiscard]] bool any_needs_restart() const noexcept {
    for (const auto& field : fields_) {
      if (field.doc.needs_restart || field.child_needs_restart) return true;
    }
    return false;
  }

 private:
  template <class>
  friend class ConfigSchema;

  struct Field {
    ConfigKeyDoc doc;  // path = the key alone
    bool child_needs_restart = false;
    std::function<void(const ConfigNode&, const std::string&, C&, ConfigIssues&)> parse;
    std::function<void(const C&, const C&, const std::string&, bool, std::vector<ConfigChange>&)> diff;
    std::function<std::string(const C&)> default_text;
    std::function<void(const C*, const std::string&, bool, std::vector<ConfigKeyDoc>&)> document;
  };

  template <class T>
  ConfigSchema scalar(std::string name, T C::*member, detail::Codec<T> codec, KeyOptions<T> options) && {
    Field field;
    field.doc.path = std::move(name);
    field.doc.type = codec.type;
    field.doc.range = detail::range_text(codec, options);
    field.doc.help = options.help;
    field.doc.required = options.required;
    field.doc.needs_restart = options.needs_restart;
    field.doc.secret = std::is_same_v<T, Secret>;
    field.doc.sample = options.sample;
    field.default_text = [member, codec](const C& defaults) { return codec.write(defaults.*member); };
    field.diff = [member](const C& a, const C& b, const std::string& path, bool restart, std::vector<ConfigChange>& out) {
      if (!(a.*member == b.*member)) out.push_back({path, restart});
    };
    field.parse = [member, codec = std::move(codec), options = std::move(options)](
                      const ConfigNode& node, const std::string& path, C& out, ConfigIssues& issues) {
      auto value = codec.read(node);
      if (!value) return issues.error(node, path, std::move(value.error()));
      if (auto wrong = detail::out_of_range(codec, options, *value); !wrong.empty()) {
        return issues.error(node, path, std::move(wrong));
      }
      out.*member = std::move(*value);
    };
    return add(std::move(field));
  }

  template <class T>
  ConfigSchema scalars(std::string name, std::vector<T> C::*member, detail::Codec<T> codec, ListOptions<T> options) && {
    Field field;
    field.doc.path = std::move(name);
    field.doc.type = "list of " + codec.type;
    field.doc.range = codec.range;
    field.doc.help = options.help;
    field.doc.required = options.required;
    field.doc.needs_restart = options.needs_restart;
    field.doc.secret = std::is_same_v<T, Secret>;
    field.doc.sample = options.sample;
    field.default_text = [member, codec](const C& defaults) {
      std::string out;
      for (const auto& item : defaults.*member) out += (out.empty() ? "" : ", ") + codec.write(item);
      return '[' + out + ']';
    };
    field.diff = [member](const C& a, const C& b, const std::string& path, bool restart, std::vector<ConfigChange>& out) {
      if (!(a.*member == b.*member)) out.push_back({path, restart});
    };
    field.parse = [member, codec = std::move(codec), options = std::move(options)](
                      const ConfigNode& node, const std::string& path, C& out, ConfigIssues& issues) {
      (out.*member).clear();
      if (!detail::check_list(node, path, options.min_items, options.max_items, issues)) return;
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        auto value = codec.read(node.items[i]);
        auto wrong = value ? (options.check ? options.check(*value) : std::string()) : std::move(value.error());
        if (!wrong.empty()) {
          issues.error(node.items[i], detail::item_path(path, i), std::move(wrong));
        } else {
          (out.*member).push_back(std::move(*value));
        }
      }
    };
    return add(std::move(field));
  }

  template <class ChildFields>
  static Field section_field(std::string name, const char* type, const SectionOptions& options, const ChildFields& children) {
    Field field;
    field.doc.path = std::move(name);
    field.doc.type = type;
    field.doc.help = options.help;
    field.doc.required = options.required;
    field.doc.needs_restart = options.needs_restart;
    field.doc.in_sample = options.in_sample;
    for (const auto& child : children) {
      field.child_needs_restart = field.child_needs_restart || child.doc.needs_restart || child.child_needs_restart;
    }
    return field;
  }
  ConfigSchema add(Field field) {
    fields_.push_back(std::move(field));
    return std::move(*this);
  }

  std::vector<Field> fields_;
  std::vector<std::function<void(C&, const ConfigScope&)>> checks_;
};

}  // namespace herald
