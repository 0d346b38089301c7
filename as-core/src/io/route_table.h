// Which handler serves a method and path. Several executors may register the same route: their handlers take turns.
// Thread: any; routes are added during start-up and never removed.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "herald/http.h"
#include "io/uri_text.h"

namespace herald::io {

class RouteTable {
 public:
  // Throws std::invalid_argument on a malformed pattern: a programming error found at start-up.
  void add(std::string_view method, std::string_view pattern, Executor& executor, HttpHandler handler,
           HttpRouteOptions options = {});

  struct Match {
    enum class Kind { found, no_such_path, no_such_method };
    Kind kind = Kind::no_such_path;
    Executor* executor = nullptr;
    std::shared_ptr<const HttpHandler> handler;  // shared: a shard may still run it when the server ends
    HttpRouteOptions options;
    std::string pattern;
    std::map<std::string, std::string> parameters;
    std::vector<std::string> allowed;  // methods, for Allow; HEAD and OPTIONS included
  };
  // HEAD finds the handler of GET when it has none of its own. The most literal pattern wins.
  // `look_only`: whoever is next keeps its turn.
  [[nodiscard]] Match find(std::string_view method, const Target& target, bool look_only = false);
  [[nodiscard]] bool knows_method(std::string_view method) const;

 private:
  struct Segment {
    enum class Kind { literal, parameter, rest };
    Kind kind = Kind::literal;
    std::string text;
    friend bool operator==(const Segment&, const Segment&) = default;
  };
  struct Server {
    Executor* executor;
    std::shared_ptr<const HttpHandler> handler;
    HttpRouteOptions options;
  };
  struct Method {
    std::string name;
    std::vector<Server> servers;
    std::size_t turn = 0;
  };
  struct Route {
    std::string pattern;
    std::vector<Segment> segments;
    std::vector<Method> methods;
  };

  static std::vector<Segment> parse_pattern(std::string_view pattern);
  static bool matches(const Route& route, const Target& target);
  static std::map<std::string, std::string> parameters_of(const Route& route, const Target& target);
  // True when `a` shall be tried before `b`.
  static bool more_literal(const Route& a, const Route& b);

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Route>> routes_;  // most literal first
};

}  // namespace herald::io
