// What was acknowledged survives the death of the process at any moment. ST-61, ST-48
#include <array>
#include <cerrno>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <random>
#include <set>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "store_drivers.h"

using namespace herald;
using namespace herald::test;

namespace {

constexpr const char* kPathVariable = "HERALD_TEST_STORE";
constexpr int kAcknowledgeDescriptor = 3;

Batch submission(const std::string& id) {
  Batch batch;
  for (const auto* table : {"push", "delivery"}) {
    Put put;
    put.key = Key{table, id, id};
    put.value = std::string(700, 'x');
    put.expected = 0;
    put.due = WallTime(std::chrono::milliseconds(1));
    put.terms = {"initiator=news"};
    batch.puts.push_back(std::move(put));
  }
  return batch;
}

// Commits without end and writes each id once its commit is acknowledged. Ends when nobody listens any more.
Task<void> submit_for_ever(Store& store, std::string prefix) {
  for (int i = 0;; ++i) {
    const auto id = prefix + "-" + std::to_string(i);
    auto batch = submission(id);
    auto done = co_await store.commit(std::move(batch));
    if (!done) std::_Exit(1);
    const auto line = id + "\n";
    if (write(kAcknowledgeDescriptor, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::_Exit(0);
  }
}

struct Child {
  pid_t pid = -1;
  int acknowledged = -1;
};

Child start_child(const std::string& database) {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], kAcknowledgeDescriptor);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = "/proc/self/exe", only = "--test-case=child of the kill test", skipped = "--no-skip";
  std::array<char*, 4> arguments{program.data(), only.data(), skipped.data(), nullptr};
  auto variable = std::string(kPathVariable) + "=" + database;
  std::vector<char*> environment{variable.data()};
  for (char** each = environ; *each != nullptr; ++each) environment.push_back(*each);
  environment.push_back(nullptr);
  Child child;
  REQUIRE(posix_spawn(&child.pid, program.c_str(), &actions, nullptr, arguments.data(), environment.data()) == 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  child.acknowledged = ends[0];
  return child;
}

// Reads acknowledged ids; kills the child after `survive` of them and reads what it had still written.
std::vector<std::string> run_and_kill(const std::string& database, std::size_t survive) {
  const auto child = start_child(database);
  std::vector<std::string> ids;
  std::string line;
  std::array<char, 256> buffer{};
  bool killed = false;
  for (;;) {
    const auto got = read(child.acknowledged, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(got))) {
      if (c != '\n') {
        line.push_back(c);
        continue;
      }
      ids.push_back(std::exchange(line, {}));
      if (ids.size() >= survive && !killed) killed = kill(child.pid, SIGKILL) == 0;
    }
  }
  close(child.acknowledged);
  int status = 0;
  waitpid(child.pid, &status, 0);
  CHECK(WIFSIGNALED(status));
  return ids;
}

}  // namespace

TEST_CASE("child of the kill test" * doctest::skip()) {
  const char* path = std::getenv(kPathVariable);
  if (path == nullptr) return;  // run by hand with --no-skip
  store::SqliteOptions options;
  options.file.path = path;
  options.checkpoint_pages = 50;  // so that some die in a checkpoint
  auto store = store::SqliteStore::open(options);
  REQUIRE(store);
  WaitingExecutor executor;
  const auto run = std::to_string(getpid());
  executor.run([&] {
    for (int i = 0; i < 20; ++i) spawn(submit_for_ever(**store, run + "-" + std::to_string(i)));
  });
  executor.run_for_ever();
}

TEST_CASE("kill -9 at any moment loses no acknowledged commit and tears none apart") {
  TemporaryFolder folder;
  const auto database = folder.file("killed.db");
  std::mt19937 random(std::random_device{}());
  std::set<std::string> acknowledged;
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    const auto ids = run_and_kill(database, random() % 300);
    acknowledged.insert(ids.begin(), ids.end());
    store::SqliteOptions options;
    options.file.path = database;
    auto store = store::SqliteStore::open(options);  // quick_check included
    REQUIRE(store);
    WaitingExecutor executor;
    std::set<std::string> pushes, deliveries, found_by_term;
    const auto collect = [&](const char* table, std::optional<std::string> term, std::set<std::string>& into) {
      Scan scan;
      scan.table = table;
      scan.term = std::move(term);
      scan.limit = 1000;
      do {
        const auto page = executor.await((*store)->scan(scan));
        REQUIRE(page);
        for (const auto& record : page->records) into.insert(record.key.id);
        scan.cursor = page->next;
      } while (!scan.cursor.empty());
    };
    collect("push", std::nullopt, pushes);
    collect("delivery", std::nullopt, deliveries);
    collect("push", "initiator=news", found_by_term);
    CHECK(pushes == deliveries);
    CHECK(pushes == found_by_term);
    std::size_t lost = 0;
    for (const auto& id : acknowledged) lost += pushes.count(id) == 0 ? 1U : 0U;
    CHECK(lost == 0);
  }
  MESSAGE("acknowledged commits over 20 kills: " << acknowledged.size());
  CHECK(acknowledged.size() > 20);
}
