#include "io/route_table.h"

#include <algorithm>
#include <stdexcept>

namespace herald::io {

std::vector<RouteTable::Segment> RouteTable::parse_pattern(std::string_view pattern) {
  const auto bad = [&](const char* why) { return std::invalid_argument("route " + std::string(pattern) + ": " + why); };
  if (pattern.empty() || pattern.front() != '/') throw bad("must begin with /");
  std::vector<Segment> segments;
  auto rest = pattern.substr(1);
  for (;;) {
    const auto slash = rest.find('/');
    const auto text = rest.substr(0, slash);
    Segment segment{Segment::Kind::literal, std::string(text)};
    if (text.starts_with('{') && text.ends_with('}')) {
      const bool whole_rest = text.ends_with("*}");
      segment.kind = whole_rest ? Segment::Kind::rest : Segment::Kind::parameter;
      segment.text = std::string(text.substr(1, text.size() - (whole_rest ? 3 : 2)));
      if (segment.text.empty()) throw bad("parameter without a name");
      if (whole_rest && slash != std::string_view::npos) throw bad("{name*} must come last");
    } else if (text.find_first_of("{}*") != std::string_view::npos) {
      throw bad("a parameter is a whole segment");
    }
    segments.push_back(std::move(segment));
    if (slash == std::string_view::npos) return segments;
    rest.remove_prefix(slash + 1);
  }
}

bool RouteTable::more_literal(const Route& a, const Route& b) {
  for (std::size_t i = 0; i < std::min(a.segments.size(), b.segments.size()); ++i)
    if (a.segments[i].kind != b.segments[i].kind) return a.segments[i].kind < b.segments[i].kind;
  return false;
}

void RouteTable::add(std::string_view method, std::string_view pattern, Executor& executor, HttpHandler handler,
                     HttpRouteOptions options) {
  auto segments = parse_pattern(pattern);
  std::lock_guard lock(mutex_);
  auto route = std::find_if(routes_.begin(), routes_.end(), [&](const auto& known) { return known->segments == segments; });
  if (route == routes_.end()) {
    auto fresh = std::make_unique<Route>(Route{std::string(pattern), std::move(segments), {}});
    const auto place =
        std::find_if(routes_.begin(), routes_.end(), [&](const auto& known) { return more_literal(*fresh, *known); });
    route = routes_.insert(place, std::move(fresh));
  }
  auto& methods = (*route)->methods;
  auto entry = std::find_if(methods.begin(), methods.end(), [&](const Method& known) { return known.name == method; });
  if (entry == methods.end()) entry = methods.insert(entry, Method{std::string(method), {}, 0});
  auto shared = std::make_shared<const HttpHandler>(std::move(handler));
  // The same executor again: its newer handler counts.
  for (auto& server : entry->servers) {
    if (server.executor != &executor) continue;
    server.handler = std::move(shared);
    server.options = options;
    return;
  }
  entry->servers.push_back(Server{&executor, std::move(shared), options});
}

bool RouteTable::matches(const Route& route, const Target& target) {
  const auto& pattern = route.segments;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (i >= target.segments.size()) return false;
    const auto& given = target.segments[i];
    if (pattern[i].kind == Segment::Kind::rest) return true;
    if (pattern[i].kind == Segment::Kind::literal ? given != pattern[i].text : given.empty()) return false;
  }
  return pattern.size() == target.segments.size();
}

std::map<std::string, std::string> RouteTable::parameters_of(const Route& route, const Target& target) {
  std::map<std::string, std::string> out;
  for (std::size_t i = 0; i < route.segments.size(); ++i) {
    const auto& segment = route.segments[i];
    if (segment.kind == Segment::Kind::parameter) out[segment.text] = target.segments[i];
    if (segment.kind != Segment::Kind::rest) continue;
    auto& rest = out[segment.text];
    for (std::size_t k = i; k < target.segments.size(); ++k) rest.append(k > i ? "/" : "").append(target.segments[k]);
  }
  return out;
}

RouteTable::Match RouteTable::find(std::string_view method, const Target& target, bool look_only) {
  Match match;
  std::lock_guard lock(mutex_);
  for (const auto& route : routes_) {
    if (!matches(*route, target)) continue;
    auto& methods = route->methods;
    const auto named = [&](std::string_view name) {
      return std::find_if(methods.begin(), methods.end(), [&](const Method& known) { return known.name == name; });
    };
    auto entry = named(method);
    if (entry == methods.end() && method == "HEAD") entry = named("GET");
    if (entry != methods.end()) {
      auto& server = entry->servers[entry->turn % entry->servers.size()];
      if (!look_only) ++entry->turn;
      match.kind = Match::Kind::found;
      match.executor = server.executor;
      match.handler = server.handler;
      match.options = server.options;
      match.pattern = route->pattern;
      match.parameters = parameters_of(*route, target);
      return match;
    }
    match.kind = Match::Kind::no_such_method;
    for (const auto& known : methods) {
      match.allowed.push_back(known.name);
      if (known.name == "GET" && named("HEAD") == methods.end()) match.allowed.emplace_back("HEAD");
    }
  }
  if (match.kind == Match::Kind::no_such_method) match.allowed.emplace_back("OPTIONS");
  std::sort(match.allowed.begin(), match.allowed.end());
  match.allowed.erase(std::unique(match.allowed.begin(), match.allowed.end()), match.allowed.end());
  return match;
}

bool RouteTable::knows_method(std::string_view method) const {
  std::lock_guard lock(mutex_);
  for (const auto& route : routes_)
    for (const auto& known : route->methods)
      if (known.name == method) return true;
  return false;
}

}  // namespace herald::io
