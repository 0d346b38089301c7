#include "store/store_factory.h"

#include <doctest/doctest.h>

#include "store_drivers.h"

using namespace herald;
using namespace herald::test;

TEST_CASE("the factory makes the drivers there are and says clearly which there are not") {
  TemporaryFolder folder;
  store::StoreOptions options;
  options.path = folder.file("made.db");
  for (const auto* driver : {"sqlite", "memory"}) {
    CAPTURE(driver);
    options.driver = driver;
    const auto made = store::make_store(options);
    REQUIRE(made);
    WaitingExecutor executor;
    CHECK(executor.await((*made)->commit(batch(put("1", "v")))));
  }
  options.driver = "redis";
  CHECK(store::make_store(options).error().code == ErrorCode::unsupported);
  options.driver = "mysql";
  const auto unknown = store::make_store(options);
  CHECK(unknown.error().code == ErrorCode::invalid);
  CHECK(unknown.error().text.find("mysql") != std::string::npos);
  options.driver = "sqlite";
  options.path.clear();
  CHECK(store::make_store(options).error().code == ErrorCode::invalid);
}
