// Charging records: one whole line for each finished delivery.
#include "result/cdr.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <thread>

#include "doubles/temporary_folder.h"
#include "push_lab.h"
#include "result/cdr_file.h"
#include "result/cdr_writer.h"

namespace herald::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::seconds;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<json> lines(const fs::path& path) {
  std::vector<json> found;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) found.push_back(json::parse(line));
  return found;
}

std::vector<fs::path> closed_files(const fs::path& path) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(path.parent_path())) {
    if (entry.path().filename().string().starts_with(path.filename().string() + ".")) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

push::CdrConfig config_at(const fs::path& path) {
  push::CdrConfig config;
  config.path = path;
  return config;
}

TEST_CASE("SM-2 each finished delivery is one line: who, what, how and what came of it") {
  const TemporaryFolder folder;
  const auto path = fs::path(folder.file("cdr.jsonl"));
  PushLab::Options options;
  options.config = "cdr: {path: " + path.string() + "}\n";
  std::string id;
  {
    PushLab lab(options);
    lab.registered("sip:alice@ims.lab");
    id = lab.push("sip:alice@ims.lab", {{"to", {"sip:alice@ims.lab", "sip:bob@ims.lab"}}});
    lab.answer(lab.last(), 200);
    lab.call("DELETE", "/v1/pushes/" + id);
    lab.call("DELETE", "/v1/pushes/" + id);
  }
  const auto found = lines(path);
  REQUIRE(found.size() == 2);
  const auto& first = found[0];
  CHECK(first["event"] == "final");
  CHECK(first["push"] == id);
  CHECK(first["index"] == 0);
  CHECK(first["initiator"] == "news");
  CHECK(first["from"] == "sip:push-news@ims.lab");
  CHECK(first["to"] == "sip:alice@ims.lab");
  CHECK(first["app"] == "news.ua");
  CHECK(first["type"] == "text/plain");
  CHECK(first["size"] == 5);
  CHECK(first["mode"] == "pager");
  CHECK(first["attempts"] == 1);
  CHECK(first["status"] == "delivered");
  CHECK(first["code"] == 1000);
  CHECK(first["cause"] == "sip:200");
  CHECK(first.contains("accepted"));
  CHECK(first.contains("started"));
  CHECK(first.contains("finished"));
  CHECK(found[1]["status"] == "cancelled");
  CHECK(found[1]["to"] == "sip:bob@ims.lab");
  CHECK(found[1]["mode"].is_null());
}

TEST_CASE("S-7 addresses can be hashed: the same one to the same text, whatever its form") {
  push::CdrConfig config;
  config.hash_addresses = true;
  config.hash_key.value = "0123456789abcdef";
  push::PushJob job;
  job.sender = "sip:push@ims.lab";
  push::Delivery delivery;
  delivery.address = "sip:Alice@IMS.lab;transport=udp";
  delivery.move_to(push::Status::delivered, 1000, "sip:200", WallTime(seconds(1)));
  const auto line = push::cdr_line(job, delivery, push::Status::sending, config);
  REQUIRE(line.has_value());
  CHECK(line->find("ims.lab") == std::string::npos);
  CHECK(json::parse(*line)["to"] == push::hashed_identity(delivery.address, config.hash_key));
  CHECK(push::hashed_identity("sip:bob@ims.lab", config.hash_key) != push::hashed_identity("sip:eve@ims.lab", config.hash_key));
}

TEST_CASE("SM-1 only the change that ends a delivery is a record; a display afterwards is one of its own") {
  const push::CdrConfig config;
  const push::PushJob job;
  push::Delivery delivery;
  delivery.move_to(push::Status::sending, 1001, "attempt", WallTime(seconds(1)));
  CHECK_FALSE(push::cdr_line(job, delivery, push::Status::accepted, config).has_value());
  delivery.move_to(push::Status::delivered, 1000, "sip:200", WallTime(seconds(1)));
  CHECK(push::cdr_line(job, delivery, push::Status::sending, config).has_value());
  CHECK(push::cdr_line(job, delivery, std::nullopt, config).has_value());
  CHECK_FALSE(push::cdr_line(job, delivery, push::Status::delivered, config).has_value());
  delivery.move_to(push::Status::displayed, 1000, "imdn:displayed", WallTime(seconds(1)));
  const auto line = push::cdr_line(job, delivery, push::Status::delivered, config);
  REQUIRE(line.has_value());
  CHECK(json::parse(*line)["event"] == "displayed");
  CHECK(line->ends_with("\n"));
  CHECK(line->find('\n') == line->size() - 1);
}

TEST_CASE("the CDR file is rotated by size, whole lines only, and the last ones are kept") {
  const TemporaryFolder folder;
  VirtualClock clock;
  const auto path = fs::path(folder.file("cdr.jsonl"));
  push::CdrFile file(clock);
  auto config = config_at(path);
  config.rotate_bytes = 30;
  config.keep = 3;
  file.configure(config);
  for (int i = 0; i < 10; ++i) {
    clock.advance(std::chrono::milliseconds(i % 2));  // also several at the same moment
    REQUIRE(file.write("{\"number\":" + std::to_string(i) + "}\n").has_value());
  }
  CHECK(read(path) == "{\"number\":8}\n{\"number\":9}\n");
  const auto closed = closed_files(path);
  REQUIRE(closed.size() == 3);
  CHECK(read(closed[0]) == "{\"number\":2}\n{\"number\":3}\n");
  CHECK(read(closed[2]) == "{\"number\":6}\n{\"number\":7}\n");
}

TEST_CASE("the CDR file is rotated by age, also without traffic") {
  const TemporaryFolder folder;
  VirtualClock clock;
  const auto path = fs::path(folder.file("cdr.jsonl"));
  push::CdrFile file(clock);
  file.configure(config_at(path));
  REQUIRE(file.write("{}\n").has_value());
  file.rotate_if_old();
  CHECK(closed_files(path).empty());
  clock.advance(hours(25));
  file.rotate_if_old();
  CHECK(closed_files(path).size() == 1);
  CHECK(read(path).empty());
  file.rotate_if_old();  // an empty file has no age
  CHECK(closed_files(path).size() == 1);
}

TEST_CASE("a CDR line that a crash cut off is removed, the whole ones stay") {
  const TemporaryFolder folder;
  VirtualClock clock;
  const auto path = fs::path(folder.file("cdr.jsonl"));
  const auto whole = std::string(200000, 'a') + "\n";
  std::ofstream(path) << whole << std::string(100000, 'b');
  push::CdrFile file(clock);
  file.configure(config_at(path));
  REQUIRE(file.write("{}\n").has_value());
  file.close();
  CHECK(read(path) == whole + "{}\n");
}

TEST_CASE("a CDR file that was moved away is opened anew") {
  const TemporaryFolder folder;
  VirtualClock clock;
  const auto path = fs::path(folder.file("cdr.jsonl"));
  push::CdrFile file(clock);
  file.configure(config_at(path));
  REQUIRE(file.write("{\"a\":1}\n").has_value());
  fs::rename(path, path.string() + ".moved");
  REQUIRE(file.write("{\"a\":2}\n").has_value());
  CHECK(read(path) == "{\"a\":2}\n");
  CHECK(read(path.string() + ".moved") == "{\"a\":1}\n");
}

TEST_CASE("a CDR path that cannot be written is an error, not a crash") {
  const TemporaryFolder folder;
  VirtualClock clock;
  push::CdrFile file(clock);
  file.configure(config_at(folder.file("no/such/folder")));
  CHECK_FALSE(file.write("{}\n").has_value());
  file.configure(config_at(folder.file("")));
  CHECK_FALSE(file.write("{}\n").has_value());
}

TEST_CASE("charging records wait for a file that cannot be written, up to the limit; the rest is dropped") {
  const TemporaryFolder folder;
  VirtualClock clock;
  auto config = std::make_shared<push::PushConfig>();
  const auto parent = fs::path(folder.file("later"));
  config->cdr = config_at(parent / "cdr.jsonl");
  config->cdr.queue = 100;
  std::size_t taken = 0;
  {
    push::CdrWriter writer;
    for (int i = 0; i < 150; ++i) taken += writer.write(config, "{}\n", clock) ? 1U : 0U;
    CHECK(taken == 100);
    writer.flush();  // blocked
    fs::create_directory(parent);
  }
  CHECK(read(config->cdr.path).size() == 300);
}

TEST_CASE("charging records of many threads are whole lines, and a reload goes on in the other file") {
  const TemporaryFolder folder;
  VirtualClock clock;
  const auto made = [&](const char* name) {
    auto config = std::make_shared<push::PushConfig>();
    config->cdr = config_at(fs::path(folder.file(name)));
    return std::shared_ptr<const push::PushConfig>(config);
  };
  const auto first = made("one.jsonl");
  const auto second = made("two.jsonl");
  push::CdrWriter writer;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i)
        static_cast<void>(writer.write(first, "{\"text\":\"" + std::string(100, 'x') + "\"}\n", clock));
    });
  }
  for (auto& thread : threads) thread.join();
  writer.flush();
  CHECK(lines(first->cdr.path).size() == 2000);
  static_cast<void>(writer.write(second, "{}\n", clock));
  writer.flush();
  CHECK(lines(second->cdr.path).size() == 1);
  CHECK(lines(first->cdr.path).size() == 2000);
}

}  // namespace
}  // namespace herald::test
