#include "herald/task.h"

#include <exception>
#include <string>

#include "herald/log.h"
#include "herald/metrics.h"

namespace herald {

void spawn(Task<void> task) {
  detail::run_detached(std::move(task), [](const std::exception_ptr& error) { detail::report_unhandled(error); });
}

namespace detail {

void report_unhandled(const std::exception_ptr& error) noexcept {
  static const auto unhandled =
      metrics::counter("herald_task_unhandled_exceptions_total", "Exceptions that left a detached task");
  unhandled.add();
  std::string what = "unknown exception";
  try {
    if (error) std::rethrow_exception(error);
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {  // NOLINT(bugprone-empty-catch): `what` says so already
  }
  log::error("an exception left a detached task", {{"what", what}});
}

}  // namespace detail
}  // namespace herald
