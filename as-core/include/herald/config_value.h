// The types a configuration key can have, and how each is read from a node and written in YAML. A module adds a type of its own
// by specialising ConfigValue.
// Thread: pure functions. Errors: the text says what was expected; position and key are added by the schema.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "herald/clock.h"
#include "herald/config.h"

namespace herald {

// "64KiB"; a plain number counts bytes.
struct ByteSize {
  std::uint64_t bytes = 0;
  auto operator<=>(const ByteSize&) const = default;
};

// "100/s", "10/m", "5/h".
struct Rate {
  double per_second = 0;
  auto operator<=>(const Rate&) const = default;
};

// A password, token or key: given as text, {file: PATH} (relative to the configuration file, one trailing line break is cut) or
// {env: NAME}. A type of its own so that it is never printed by accident.
struct Secret {
  std::string value;
  bool operator==(const Secret&) const = default;
  [[nodiscard]] bool empty() const noexcept { return value.empty(); }
};

// A value or what is wrong with it.
template <class T>
using ConfigRead = tl::expected<T, std::string>;

template <class T>
struct ConfigValue;  // type(), read(const ConfigNode&), write(const T&)

namespace detail {
ConfigRead<std::string> read_text(const ConfigNode& node);
ConfigRead<bool> read_bool(const ConfigNode& node);
ConfigRead<std::int64_t> read_integer(const ConfigNode& node, std::int64_t min, std::int64_t max);
ConfigRead<std::uint64_t> read_unsigned(const ConfigNode& node, std::uint64_t max);
ConfigRead<double> read_number(const ConfigNode& node);
ConfigRead<Duration> read_duration(const ConfigNode& node);
ConfigRead<ByteSize> read_size(const ConfigNode& node);
ConfigRead<Rate> read_rate(const ConfigNode& node);
ConfigRead<Secret> read_secret(const ConfigNode& node);
std::string write_text(std::string_view text);  // quoted where YAML needs it
std::string write_number(double value);
std::string write_duration(Duration value);
std::string write_size(ByteSize value);
std::string write_rate(Rate value);
}  // namespace detail

template <>
struct ConfigValue<std::string> {
  static std::string type() { return "text"; }
  static ConfigRead<std::string> read(const ConfigNode& node) { return detail::read_text(node); }
  static std::string write(const std::string& value) { return detail::write_text(value); }
};

template <>
struct ConfigValue<bool> {
  static std::string type() { return "true or false"; }
  static ConfigRead<bool> read(const ConfigNode& node) { return detail::read_bool(node); }
  static std::string write(bool value) { return value ? "true" : "false"; }
};

template <std::integral T>
struct ConfigValue<T> {
  static std::string type() { return "whole number"; }
  static ConfigRead<T> read(const ConfigNode& node) {
    if constexpr (std::is_signed_v<T>) {
      return detail::read_integer(node, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()).map([](std::int64_t v) {
        return static_cast<T>(v);
      });
    } else {
      return detail::read_unsigned(node, std::numeric_limits<T>::max()).map([](std::uint64_t v) { return static_cast<T>(v); });
    }
  }
  static std::string write(T value) { return std::to_string(value); }
};

template <>
struct ConfigValue<double> {
  static std::string type() { return "number"; }
  static ConfigRead<double> read(const ConfigNode& node) { return detail::read_number(node); }
  static std::string write(double value) { return detail::write_number(value); }
};

template <class Rep, class Period>
struct ConfigValue<std::chrono::duration<Rep, Period>> {
  using T = std::chrono::duration<Rep, Period>;
  static std::string type() { return "time"; }
  static ConfigRead<T> read(const ConfigNode& node) {
    auto value = detail::read_duration(node);
    if (!value) return tl::unexpected(std::move(value.error()));
    const auto out = std::chrono::duration_cast<T>(*value);
    if (out != *value) return tl::unexpected(std::string("is finer than this key's resolution"));
    return out;
  }
  static std::string write(T value) { return detail::write_duration(value); }
};

template <>
struct ConfigValue<ByteSize> {
  static std::string type() { return "size"; }
  static ConfigRead<ByteSize> read(const ConfigNode& node) { return detail::read_size(node); }
  static std::string write(ByteSize value) { return detail::write_size(value); }
};

template <>
struct ConfigValue<Rate> {
  static std::string type() { return "rate"; }
  static ConfigRead<Rate> read(const ConfigNode& node) { return detail::read_rate(node); }
  static std::string write(Rate value) { return detail::write_rate(value); }
};

template <>
struct ConfigValue<Secret> {
  static std::string type() { return "secret"; }
  static ConfigRead<Secret> read(const ConfigNode& node) { return detail::read_secret(node); }
  static std::string write(const Secret& value) { return value.empty() ? "\"\"" : "\"(set)\""; }
};

template <class T>
struct ConfigValue<std::optional<T>> {
  static std::string type() { return ConfigValue<T>::type(); }
  static ConfigRead<std::optional<T>> read(const ConfigNode& node) {
    return ConfigValue<T>::read(node).map([](T value) { return std::optional<T>(std::move(value)); });
  }
  static std::string write(const std::optional<T>& value) { return value ? ConfigValue<T>::write(*value) : std::string(); }
};

// The words of an enumeration.
template <class E>
using Choices = std::vector<std::pair<std::string, E>>;

// `; did you mean "listen"?` when one of the words is near, else nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

// Equal in content, wherever they stand.
[[nodiscard]] bool same_config(const ConfigNode& a, const ConfigNode& b);

}  // namespace herald
