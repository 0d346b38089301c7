// Blobs: what is written is read back whole after a restart; what is not finished leaves nothing; a full disk is an answer. PS-32
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <set>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "doubles/temporary_folder.h"
#include "doubles/virtual_clock.h"
#include "doubles/waiting_executor.h"
#include "herald/metrics.h"
#include "store/blob_store_files.h"
#include "store/blob_trailer.h"

using namespace herald;
using namespace herald::test;

namespace {

struct Blobs {
  TemporaryFolder folder;
  VirtualClock clock;
  WaitingExecutor executor;
  store::BlobOptions options;
  std::unique_ptr<store::FileBlobStore> store;

  explicit Blobs(store::BlobOptions given = {}) : options(std::move(given)) {
    options.path = folder.file("blobs");
    options.clock = &clock;
    open();
  }
  void open() {
    store.reset();
    auto made = store::FileBlobStore::open(options);
    REQUIRE_MESSAGE(made.has_value(), (made ? std::string() : made.error().text));
    store = std::move(*made);
  }
  Expected<BlobInfo> put(std::string bytes) { return executor.await(store->put(std::move(bytes))); }
  Expected<std::string> read(const std::string& id, std::uint64_t offset, std::size_t bytes) {
    return executor.await(store->read(id, offset, bytes));
  }
  Expected<BlobInfo> find(const std::string& id) { return executor.await(store->find(id)); }
  Expected<std::vector<BlobInfo>> list(std::string after = {}, std::size_t limit = 100) {
    return executor.await(store->list(std::move(after), limit));
  }
  // Everything that was queued before has been done.
  void settle() { (void)list(); }
  std::set<std::string> files() {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(options.path)) names.insert(entry.path().filename().string());
    names.erase("lock");
    return names;
  }
  std::string file(const std::string& name) { return options.path + "/" + name; }
};

// No file of this process may grow beyond so much: what a full disk answers, without filling one.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    auto limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

double metric(const std::string& line_start) {
  const auto text = metrics::text();
  const auto at = text.find("\n" + line_start + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + line_start.size() + 2));
}

}  // namespace

TEST_CASE("a blob has the size and the hashes of its bytes, and is read back in any piece") {
  Blobs blobs;
  const auto info = blobs.put("abc");
  REQUIRE(info);
  CHECK(info->size == 3);
  CHECK(info->sha1 == "a9993e364706816aba3e25717850c26c9cd0d89d");  // FIPS 180-2 A.1, B.1
  CHECK(info->sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(info->id.size() == 26);
  CHECK(blobs.read(info->id, 0, 100) == std::string("abc"));
  CHECK(blobs.read(info->id, 1, 1) == std::string("b"));
  CHECK(blobs.read(info->id, 3, 10) == std::string());
  CHECK(blobs.read(info->id, std::uint64_t{1} << 62, 10) == std::string());
  const auto descriptor = blobs.store->open(info->id);
  REQUIRE(descriptor);
  char bytes[3];
  CHECK(::read(*descriptor, &bytes[0], 3) == 3);
  CHECK(std::string(&bytes[0], 3) == "abc");
  ::close(*descriptor);
}

TEST_CASE("a blob without bytes is a blob") {
  Blobs blobs;
  const auto info = blobs.executor.await(blobs.store->create(10)->finish());
  REQUIRE(info);
  CHECK(info->size == 0);
  CHECK(info->sha1 == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(blobs.find(info->id)->size == 0);
}

TEST_CASE("blobs survive a restart, with their hashes") {
  Blobs blobs;
  std::string bytes(300'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
  const auto writer = blobs.store->create(1 << 20);
  for (std::size_t at = 0; at < bytes.size(); at += 7777) CHECK(writer->append(std::string_view(bytes).substr(at, 7777)));
  const auto written = blobs.executor.await(writer->finish());
  REQUIRE(written);
  blobs.open();
  const auto found = blobs.find(written->id);
  REQUIRE(found);
  CHECK(found->size == bytes.size());
  CHECK(found->sha1 == written->sha1);
  CHECK(found->sha256 == written->sha256);
  CHECK(blobs.read(written->id, 0, bytes.size()) == bytes);
}

TEST_CASE("a writer that is dropped leaves nothing") {
  Blobs blobs;
  auto writer = blobs.store->create(100);
  CHECK(writer->append("half of it"));
  blobs.settle();
  CHECK(blobs.files().size() == 1);
  writer.reset();
  blobs.settle();
  CHECK(blobs.files().empty());
}

TEST_CASE("max_bytes: the writer refuses the byte too many, finish() says so and nothing remains") {
  Blobs blobs;
  const auto writer = blobs.store->create(10);
  CHECK(writer->append("0123456789"));
  CHECK_FALSE(writer->append("x"));
  CHECK_FALSE(writer->append(""));
  const auto refused = blobs.executor.await(writer->finish());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::too_large);
  CHECK(blobs.files().empty());
  const auto exact = blobs.store->create(10);
  CHECK(exact->append("0123456789"));
  CHECK(blobs.executor.await(exact->finish()));
}

TEST_CASE("finish() twice: the second is refused, the first counts") {
  Blobs blobs;
  const auto writer = blobs.store->create(10);
  CHECK(writer->append("a"));
  auto first = writer->finish();
  auto second = writer->finish();
  CHECK_FALSE(writer->append("b"));
  CHECK(blobs.executor.await(std::move(second)).error().code == ErrorCode::invalid);
  CHECK(blobs.executor.await(std::move(first))->size == 1);
}

TEST_CASE("finish() with a call answers on the blob thread") {
  Blobs blobs;
  const auto writer = blobs.store->create(10);
  CHECK(writer->append("abc"));
  std::promise<Expected<BlobInfo>> done;
  writer->finish([&](Expected<BlobInfo> info) { done.set_value(std::move(info)); });
  CHECK(done.get_future().get()->size == 3);
}

TEST_CASE("backpressure: queued() counts what is not written, on_drained() tells when it is") {
  Blobs blobs;
  const auto writer = blobs.store->create(1 << 20);
  std::promise<void> written;
  auto drained = written.get_future();
  // The blob thread is held by the call itself, so that something certainly waits.
  std::promise<void> go;
  auto may_go = go.get_future().share();
  std::promise<void> held;
  writer->on_drained([&, may_go] {
    held.set_value();
    may_go.wait();
  });
  held.get_future().wait();  // nothing waited: told at once
  CHECK(writer->append(std::string(1000, 'x')));
  CHECK(writer->append(std::string(500, 'x')));
  CHECK(writer->queued() == 1500);
  writer->on_drained([&, told = false]() mutable {
    if (!std::exchange(told, true)) written.set_value();
  });
  go.set_value();
  drained.wait();
  CHECK(writer->queued() == 0);
  writer->on_drained(nullptr);
  CHECK(blobs.executor.await(writer->finish())->size == 1500);
}

TEST_CASE("a queue that is full answers busy, and what was begun can be finished") {
  store::BlobOptions options;
  options.max_queued_bytes = 4096;
  Blobs blobs(options);
  const auto writer = blobs.store->create(1 << 20);
  std::promise<void> go;
  auto may_go = go.get_future().share();
  std::promise<void> held;
  writer->on_drained([&, may_go] {
    held.set_value();
    may_go.wait();
  });
  held.get_future().wait();
  writer->on_drained(nullptr);
  const auto other = blobs.store->create(1 << 20);
  CHECK(other->append("small"));
  CHECK_FALSE(writer->append(std::string(4096, 'x')));
  auto refused = blobs.store->put(std::string(4096, 'x'));
  auto finished = other->finish();
  auto failed = writer->finish();
  go.set_value();
  CHECK(blobs.executor.await(std::move(refused)).error().code == ErrorCode::busy);
  CHECK(blobs.executor.await(std::move(failed)).error().code == ErrorCode::busy);
  CHECK(blobs.executor.await(std::move(finished))->size == 5);
  CHECK(blobs.put(std::string(1000, 'x')));
}

TEST_CASE("remove: the blob goes, twice is success, a reader keeps what it opened") {
  Blobs blobs;
  const auto info = blobs.put("abc");
  REQUIRE(info);
  const auto descriptor = blobs.store->open(info->id);
  REQUIRE(descriptor);
  CHECK(blobs.executor.await(blobs.store->remove(info->id)));
  CHECK(blobs.executor.await(blobs.store->remove(info->id)));
  CHECK(blobs.find(info->id).error().code == ErrorCode::not_found);
  CHECK(blobs.read(info->id, 0, 1).error().code == ErrorCode::not_found);
  CHECK(blobs.store->open(info->id).error().code == ErrorCode::not_found);
  char byte = 0;
  CHECK(::read(*descriptor, &byte, 1) == 1);
  ::close(*descriptor);
}

TEST_CASE("a name that is not an id reaches no file") {
  Blobs blobs;
  std::ofstream(blobs.folder.file("secret")) << "s";
  for (const std::string id : {"../secret", "lock", "", ".", "..", "/etc/passwd", "../../etc/passwd", "ABC",
                               "01ARZ3NDEKTSV4RRFFQ69G5FA/", "01ARZ3NDEKTSV4RRFFQ69G5F..", "01ARZ3NDEKTSV4RRFFQ69G5FAVX"}) {
    CAPTURE(id);
    CHECK(blobs.find(id).error().code == ErrorCode::not_found);
    CHECK(blobs.read(id, 0, 10).error().code == ErrorCode::not_found);
    CHECK(blobs.store->open(id).error().code == ErrorCode::not_found);
    CHECK(blobs.executor.await(blobs.store->remove(id)));
  }
  CHECK(std::filesystem::exists(blobs.folder.file("secret")));
  CHECK(std::filesystem::exists(blobs.file("lock")));
}

TEST_CASE("list() gives pages in order of id, which is the order of creation") {
  Blobs blobs;
  std::vector<std::string> made;
  for (int i = 0; i < 7; ++i) {
    made.push_back(blobs.put("blob " + std::to_string(i))->id);
    blobs.clock.advance(std::chrono::milliseconds(5));
  }
  std::ofstream(blobs.file("foreign.txt")) << "x";
  std::vector<std::string> seen;
  for (std::string after;;) {
    const auto page = blobs.list(after, 3);
    REQUIRE(page);
    if (page->empty()) break;
    CHECK(page->size() <= 3);
    for (const auto& info : *page) {
      CHECK(info.size == 6);
      seen.push_back(info.id);
    }
    after = seen.back();
  }
  CHECK(seen == made);
  CHECK(blobs.list({}, 0)->empty());
}

TEST_CASE("what a crash left half-written is removed at the next start, what was finished is found by list()") {
  Blobs blobs;
  const auto whole = blobs.put("whole");
  REQUIRE(whole);
  blobs.store.reset();
  const auto part = std::string(26, '0') + ".part";
  std::ofstream(blobs.file(part)) << "half";
  std::ofstream(blobs.file("not-ours.part")) << "x";
  blobs.open();
  CHECK(blobs.files() == std::set<std::string>{whole->id, "not-ours.part"});
  const auto listed = blobs.list();
  REQUIRE(listed);
  REQUIRE(listed->size() == 1);
  CHECK(listed->front().id == whole->id);
}

TEST_CASE("a damaged blob is corrupt, and list() still names it so that it can be removed") {
  Blobs blobs;
  const auto cut = blobs.put(std::string(1000, 'x'));
  const auto changed = blobs.put("changed");
  const auto empty = blobs.put("empty");
  REQUIRE((cut && changed && empty));
  std::filesystem::resize_file(blobs.file(cut->id), 500);
  std::ofstream(blobs.file(changed->id), std::ios::app) << "more";
  std::filesystem::resize_file(blobs.file(empty->id), 0);
  for (const auto& info : {*cut, *changed, *empty}) CHECK(blobs.find(info.id).error().code == ErrorCode::corrupt);
  CHECK(blobs.read(empty->id, 0, 1).error().code == ErrorCode::corrupt);
  CHECK(blobs.list()->size() == 3);
  CHECK(blobs.executor.await(blobs.store->remove(cut->id)));
  CHECK(blobs.list()->size() == 2);
}

TEST_CASE("PS-32 a disk that takes no more is an answer, nothing half-written stays, and the store goes on when there is room") {
  Blobs blobs;
  const auto before = blobs.put("kept");
  {
    const FileSizeLimit full(100'000);
    const auto writer = blobs.store->create(1 << 20);
    (void)writer->append(std::string(60'000, 'x'));
    (void)writer->append(std::string(60'000, 'x'));
    const auto refused = blobs.executor.await(writer->finish());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::unavailable);
    CHECK(refused.error().retry_after);
    CHECK_FALSE(writer->append("more"));
    CHECK(blobs.put(std::string(200'000, 'x')).error().code == ErrorCode::unavailable);
    // The content fits, what stands behind it does not.
    CHECK(blobs.put(std::string(100'000 - store::kBlobTrailerBytes / 2, 'x')).error().code == ErrorCode::unavailable);
    CHECK(blobs.files() == std::set<std::string>{before->id});
  }
  CHECK(blobs.put(std::string(200'000, 'x')));
  CHECK(blobs.read(before->id, 0, 10) == std::string("kept"));
}

TEST_CASE("a directory that disappears is an answer") {
  Blobs blobs;
  const auto writer = blobs.store->create(100);
  CHECK(writer->append("x"));
  blobs.settle();
  std::filesystem::remove_all(blobs.options.path);
  CHECK(blobs.executor.await(writer->finish()).error().code == ErrorCode::unavailable);
  CHECK(blobs.put("x").error().code == ErrorCode::unavailable);
  CHECK(blobs.find(std::string(26, '0')).error().code == ErrorCode::not_found);
}

TEST_CASE("store.blobs_max_size: contents beyond it are refused until something is removed") {
  store::BlobOptions options;
  options.max_total_bytes = 10'000;
  Blobs blobs(options);
  const auto first = blobs.put(std::string(6'000, 'x'));
  REQUIRE(first);
  CHECK(blobs.put(std::string(6'000, 'x')).error().code == ErrorCode::unavailable);
  blobs.open();  // counted again from the disk
  CHECK(blobs.put(std::string(6'000, 'x')).error().code == ErrorCode::unavailable);
  CHECK(blobs.executor.await(blobs.store->remove(first->id)));
  CHECK(blobs.put(std::string(6'000, 'x')));
}

TEST_CASE("one process per directory; a directory that cannot be made is refused at start") {
  Blobs blobs;
  const auto second = store::FileBlobStore::open(blobs.options);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::conflict);
  auto options = blobs.options;
  std::ofstream(blobs.folder.file("file")) << "x";
  options.path = blobs.folder.file("file") + "/blobs";
  CHECK(store::FileBlobStore::open(options).error().code == ErrorCode::unavailable);
}

TEST_CASE("without a path the blobs go with the store") {
  store::BlobOptions options;
  auto made = store::FileBlobStore::open(options);
  REQUIRE(made);
  const auto path = (*made)->path();
  WaitingExecutor executor;
  CHECK(executor.await((*made)->put("x")));
  const auto outlives = (*made)->create(10);
  CHECK(outlives->append("x"));
  CHECK(std::filesystem::exists(path));
  made->reset();
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK_FALSE(outlives->append("y"));
  CHECK(executor.await(outlives->finish()).error().code == ErrorCode::unavailable);
}

TEST_CASE("stop() carries out what is queued and refuses the rest") {
  Blobs blobs;
  std::vector<Future<BlobInfo>> queued;
  for (int i = 0; i < 200; ++i) queued.push_back(blobs.store->put("blob " + std::to_string(i)));
  blobs.store->stop();
  for (const auto& answer : blobs.executor.await_all(std::move(queued))) CHECK(answer);
  CHECK(blobs.put("late").error().code == ErrorCode::unavailable);
  CHECK(blobs.files().size() == 200);
}

TEST_CASE("many writers at a time each get their own bytes back") {
  Blobs blobs;
  std::vector<std::shared_ptr<BlobWriter>> writers;
  for (int i = 0; i < 20; ++i) writers.push_back(blobs.store->create(1 << 20));
  for (int round = 0; round < 50; ++round)
    for (std::size_t i = 0; i < writers.size(); ++i) CHECK(writers[i]->append(std::string(100 + i, static_cast<char>('a' + i))));
  std::vector<Future<BlobInfo>> finished;
  for (const auto& writer : writers) finished.push_back(writer->finish());
  const auto infos = blobs.executor.await_all(std::move(finished));
  for (std::size_t i = 0; i < infos.size(); ++i) {
    REQUIRE(infos[i]);
    CHECK(blobs.read(infos[i]->id, 0, 1 << 20) == std::string((100 + i) * 50, static_cast<char>('a' + i)));
  }
}

TEST_CASE("the metrics tell how much is stored") {
  Blobs blobs;
  const auto written = metric("herald_blob_written_bytes_total");
  const auto info = blobs.put(std::string(1000, 'x'));
  REQUIRE(info);
  CHECK(metric("herald_blob_stored") == 1);
  CHECK(metric("herald_blob_stored_bytes") == 1000 + store::kBlobTrailerBytes);
  CHECK(metric("herald_blob_written_bytes_total") == std::max(written, 0.0) + 1000);
  CHECK(blobs.executor.await(blobs.store->remove(info->id)));
  blobs.settle();
  CHECK(metric("herald_blob_stored") == 0);
}

TEST_CASE("trailers: only the exact form of a file of that length is one") {
  const BlobInfo info{std::string(26, 'A'), 12345, std::string(40, 'a'), std::string(64, '0')};
  const auto text = store::encode_blob_trailer(info);
  REQUIRE(text.size() == store::kBlobTrailerBytes);
  const auto whole = 12345 + store::kBlobTrailerBytes;
  REQUIRE(store::decode_blob_trailer(text, info.id, whole));
  CHECK(store::decode_blob_trailer(text, info.id, whole)->size == 12345);
  CHECK_FALSE(store::decode_blob_trailer(text, info.id, whole - 1));
  CHECK_FALSE(store::decode_blob_trailer(text, info.id, 10));
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto bad = text;
    bad[i] = '?';
    CAPTURE(i);
    CHECK_FALSE(store::decode_blob_trailer(bad, info.id, whole));
    CHECK_FALSE(store::decode_blob_trailer(text.substr(0, i), info.id, whole));
  }
}
