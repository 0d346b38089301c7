// What an idle subscription weighs, and the longest time the shard is held up while they become many.
//
//   subscription_memory_bench [COUNT]      default 1000000
//
// The engine of event/ alone: a stack that answers every NOTIFY, a store that forgets. Prints one JSON line; times are of the
// CPU.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <malloc.h>
#include <string>
#include <vector>

#include "doubles/manual_executor.h"
#include "doubles/virtual_clock.h"
#include "event/subscription_manager.h"

namespace {

using namespace herald;

class NoTransaction final : public sip::ClientTransaction {
 public:
  void cancel() override {}
};

class AnsweringStack final : public sip::SipStack {
 public:
  explicit AnsweringStack(Executor& executor) : executor_(executor) {}
  const std::vector<sip::ListenAddress>& listening() const noexcept override { return listening_; }
  std::string contact_uri(sip::Transport, std::string_view user) const override {
    return "sip:" + std::string(user) + "@10.0.0.17:5065";
  }
  void on_request(OnRequest) override {}
  void on_ack(OnAck) override {}
  void on_late_success(OnLateSuccess) override {}
  std::unique_ptr<sip::ClientTransaction> send(SipMessage, Deadline, sip::OnResponse callback) override {
    ++sent;
    executor_.complete([callback = std::move(callback)] {
      sip::ClientResult result;
      result.response.start = SipStatusLine{200, "OK"};
      callback(std::move(result));
    });
    return std::make_unique<NoTransaction>();
  }
  void send_ack(SipMessage) override {}
  std::vector<sip::HopState> hops() const override { return {}; }
  void stop_listening() override {}
  std::size_t sent = 0;

 private:
  Executor& executor_;
  std::vector<sip::ListenAddress> listening_{{sip::Transport::udp, "10.0.0.17", 5065}};
};

class ForgettingStore final : public Store {
 public:
  Future<Record> get(Key) override { return ready<Record>(Record{}); }
  Future<Committed> commit(Batch batch) override {
    Committed committed;
    committed.versions.assign(batch.puts.size(), 1);
    return ready<Committed>(std::move(committed));
  }
  Future<Page> scan(Scan) override { return ready<Page>(Page{}); }
  Future<Page> due(std::string, WallTime, std::size_t) override { return ready<Page>(Page{}); }
  Future<Lease> acquire(std::string, std::string, Duration) override { return ready<Lease>(Lease{}); }
  Future<void> release(std::string, std::string) override { return ready<void>({}); }
};

class PlainPackage final : public EventPackage {
 public:
  EventRules rules() const override {
    EventRules rules;
    rules.package = "oma-push";
    rules.body_types = {"application/vnd.oma.push"};
    return rules;
  }
  Task<NotifyContent> content(SubscriptionInfo, NotifyWish) override { co_return NotifyContent(); }
};

event::Opening opening_of(std::size_t number) {
  const auto text = std::to_string(number);
  event::Opening opening;
  auto& dialog = opening.dialog;
  dialog.call_id = "a84b4c76e66710-" + text + "@10.1.2.3";
  dialog.local_tag = "h7Gd62kQpa" + text;
  dialog.remote_tag = "1928301774" + text;
  dialog.local_address = "<sip:push@ims.example.org>";
  dialog.remote_address = "<sip:user" + text + "@ims.example.org>";
  dialog.remote_target = "sip:user" + text + "@10.1.2.3:5060;transport=udp;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
  dialog.route_set = {"<sip:mo@scscf.ims.example.org:6060;lr>", "<sip:mt@pcscf7.ims.example.org:5060;lr>"};
  dialog.remote_cseq = 1;
  dialog.has_remote_cseq = true;
  opening.contact_user = "push";
  opening.package = "oma-push";
  opening.subscriber = "sip:user" + text + "@ims.example.org";
  opening.accept = {"application/vnd.oma.push", "multipart/mixed", "text/plain"};
  opening.expires = std::chrono::seconds(3600);
  opening.grant.resource = opening.subscriber;
  opening.grant.key = "news.ua";
  return opening;
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

// Of this thread: what the machine does meanwhile is no stall of ours.
Duration cpu_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

struct Longest {
  Duration most{};
  std::vector<Duration> all;
  template <class F>
  void time(F work) {
    const auto begin = cpu_time();
    work();
    const auto took = cpu_time() - begin;
    most = std::max(most, took);
    all.push_back(took);
  }
  [[nodiscard]] double us(double part) {
    const auto at = static_cast<std::size_t>(part * static_cast<double>(all.size() - 1));
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(at), all.end());
    return std::chrono::duration<double, std::micro>(all[at]).count();
  }
};

Task<void> subscribe(event::SubscriptionManager& manager, event::Opening opening) {
  auto beginning = manager.begin(std::move(opening));
  const auto begun = co_await std::move(beginning);
  if (begun) manager.answered(begun->handle);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000000;  // NOLINT: checked below
  if (count == 0) return 2;
  test::VirtualClock clock;
  test::ManualExecutor executor(clock);
  AnsweringStack stack(executor);
  ForgettingStore store;
  PlainPackage package;
  event::NotifierParts parts{.executor = executor, .stack = stack, .store = store, .is_home = nullptr};
  auto manager = std::make_shared<event::SubscriptionManager>(std::move(parts));
  manager->add_package(package);

  Longest growing;
  Longest telling;
  growing.all.reserve(count);
  telling.all.reserve(count);
  const auto malloc_before = mallinfo2().uordblks;
  const auto resident_before = resident_bytes();
  for (std::size_t i = 0; i < count; ++i) {
    auto opening = opening_of(i);
    growing.time([&] {
      executor.run([&] { spawn(subscribe(*manager, std::move(opening))); });
      executor.run_ready();
    });
    if (i % 300 == 299) clock.advance(std::chrono::seconds(1) / 10);
  }
  const auto malloc_bytes = mallinfo2().uordblks - malloc_before;
  const auto resident = resident_bytes() - resident_before;
  const auto busy = manager->busy();
  clock.advance(std::chrono::seconds(2));
  for (std::size_t i = 0; i < count; ++i) {
    const auto user = "sip:user" + std::to_string(i) + "@ims.example.org";
    telling.time([&] {
      executor.run([&] { manager->changed("oma-push", user, "news.ua"); });
      executor.run_ready();
    });
  }
  const auto number = static_cast<double>(count);
  std::printf(
      "{\"subscriptions\":%zu,\"busy\":%zu,\"notifies\":%zu,\"malloc_bytes_each\":%.0f,\"resident_bytes_each\":%.0f,"
      "\"subscribe_us\":{\"median\":%.1f,\"p999\":%.1f,\"most\":%.1f},\"change_us\":{\"median\":%.1f,\"p999\":%.1f,\"most\":%.1f}"
      "}\n",
      manager->size(), busy, stack.sent, static_cast<double>(malloc_bytes) / number, static_cast<double>(resident) / number,
      growing.us(0.5), growing.us(0.999), growing.us(1), telling.us(0.5), telling.us(0.999), telling.us(1));
  executor.run([&] { manager->stop(); });
  executor.run_ready();
  return manager->size() == count ? 0 : 1;
}
