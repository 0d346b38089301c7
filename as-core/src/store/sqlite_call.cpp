#include "store/sqlite_call.h"

#include "store/store_health.h"

namespace herald::store {
namespace {

template <class Call>
concept Reads = requires(Call& call, SqliteEngine& engine) { call.read(engine); };
template <class Call>
concept Writes = requires(Call& call, SqliteEngine& engine) { call.write(engine); };

// Not found and a bad cursor are answers; the rest tell of the database.
bool is_fault(ErrorCode code) noexcept { return code != ErrorCode::not_found && code != ErrorCode::invalid; }

}  // namespace

bool SqliteCall::is_durable() const noexcept {
  return std::visit(
      [](const auto& call) {
        if constexpr (requires { call.durable(); })
          return call.durable();
        else
          return false;
      },
      call_);
}

void SqliteCall::read(SqliteEngine& engine) {
  std::visit(
      [&engine](auto& call) {
        if constexpr (Reads<std::decay_t<decltype(call)>>) {
          call.read(engine);
          if (!*call.answer && is_fault(call.answer->error().code)) call.answer = fail(as_answer(call.answer->error()));
        }
      },
      call_);
}

Expected<void> SqliteCall::write(SqliteEngine& engine) {
  return std::visit(
      [&engine](auto& call) -> Expected<void> {
        if constexpr (Writes<std::decay_t<decltype(call)>>) {
          auto outcome = call.write(engine);
          if (!outcome) return fail(std::move(outcome.error()));
          call.answer = std::move(*outcome);
        }
        return {};
      },
      call_);
}

void SqliteCall::fail_with(const Error& error) {
  std::visit([&error](auto& call) { call.answer = fail(error); }, call_);
}

std::optional<ErrorCode> SqliteCall::error_code() const noexcept {
  return std::visit(
      [](const auto& call) -> std::optional<ErrorCode> {
        if (!call.answer || *call.answer) return std::nullopt;
        return call.answer->error().code;
      },
      call_);
}

void SqliteCall::settle() {
  std::visit([](auto& call) { call.settle(); }, call_);
}

}  // namespace herald::store
