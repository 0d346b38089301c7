// A module's servlet on one shard, and how well it behaves.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "herald/clock.h"
#include "herald/metrics.h"
#include "herald/sip_servlet.h"

namespace herald::container {

class ServletContextImpl;

struct HostedServlet {
  std::size_t index = 0;
  std::string name;
  std::string version;
  std::unique_ptr<SipServlet> servlet;
  std::unique_ptr<ServletContextImpl> context;
  std::vector<std::string_view> methods;
  std::deque<TimePoint> exceptions;  // within the last minute
  bool quarantined = false;
  bool initialised = false;
  std::uint64_t exception_count = 0;
  std::uint64_t unanswered_count = 0;

  HostedServlet();
  ~HostedServlet();
};

}  // namespace herald::container
