// What ends a delivery writes its result notification in the same batch: SM-1, SM-3.
#include "delivery/delivery_writer.h"

#include <doctest/doctest.h>

#include "doubles/chaos_store.h"
#include "doubles/manual_executor.h"
#include "job/push_records.h"
#include "result/result_notice.h"
#include "result/result_purge.h"
#include "store/memory_store.h"

namespace herald::push {
namespace {

using test::ChaosStore;
using test::ManualExecutor;
using test::VirtualClock;

struct Seen final : DeliveryObserver {
  std::vector<std::pair<std::optional<Status>, Status>> changes;
  void saved(const PushJob&, const Delivery& delivery, std::optional<Status> before) override {
    changes.emplace_back(before, delivery.status);
  }
};

struct Desk {
  VirtualClock clock;
  ManualExecutor executor{clock};
  store::MemoryStore memory{options()};
  ChaosStore store{memory};
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  DeliveryWriter writer{&store, seen};
  PushJob job;
  std::shared_ptr<bool> stopped = std::make_shared<bool>(false);

  Desk() {
    job.id = "01abcdefgh";
    job.created = clock.wall();
    job.expires = clock.wall() + std::chrono::hours(1);
    job.sender = "sip:push@ims.lab";
    job.application = "news.ua";
    job.contents.push_back({"text/plain", "x"});
    job.recipients = 1;
    job.callback_form = CallbackForm::json;
    job.callback = "https://hook.example/x";
  }
  store::MemoryOptions options() {
    store::MemoryOptions made;
    made.clock = &clock;
    return made;
  }
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    executor.run([&] { spawn(into(std::move(task), result)); });
    executor.run_ready();
    REQUIRE(result.has_value());
    return std::move(*result);
  }
  template <class T>
  static Task<void> into(Task<T> task, std::optional<T>& result) {
    result = co_await std::move(task);
  }
  template <class T>
  static Task<Expected<T>> await(Future<T> future) {
    co_return co_await future;
  }
  Delivery accepted() {
    Delivery delivery;
    delivery.push = job.id;
    delivery.address = "sip:alice@ims.lab";
    delivery.expires = job.expires;
    delivery.created = delivery.updated = clock.wall();
    Batch batch;
    batch.puts.push_back(first_put_of(delivery));
    batch.puts.push_back(put_of(job, job.expires));
    const auto committed = run(await(store.commit(std::move(batch))));
    REQUIRE(committed.has_value());
    note_saved(writer, job, delivery, committed->versions[0]);
    return delivery;
  }
  std::optional<ResultNotice> notice() {
    const auto record = run(await(store.get(report_key(job.id, 0))));
    if (!record) return std::nullopt;
    return *decode_notice(*record);
  }
  void replace(const ResultNotice& changed) {
    Batch batch;
    batch.puts.push_back(put_of(changed));
    REQUIRE(run(await(store.commit(std::move(batch)))).has_value());
  }
  Saved save(Delivery& delivery) { return run(save_delivery(writer, &job, &delivery, Durability::durable)); }
};

TEST_CASE("SM-3 only the write that ends a delivery makes its notification, due at once") {
  Desk desk;
  auto delivery = desk.accepted();
  delivery.move_to(Status::sending, 1001, "attempt", desk.clock.wall());
  CHECK(desk.save(delivery) == Saved::yes);
  CHECK_FALSE(desk.notice().has_value());
  delivery.move_to(Status::rejected, 2001, "sip:603", desk.clock.wall());
  CHECK(desk.save(delivery) == Saved::yes);
  const auto notice = desk.notice();
  REQUIRE(notice.has_value());
  CHECK(notice->status == Status::rejected);
  CHECK(notice->code == 2001);
  CHECK(notice->due == desk.clock.wall());
  CHECK(notice->host == "https://hook.example:443");
  CHECK(notice->event_id() == "01abcdefgh-0");
  CHECK(desk.seen->changes.size() == 3);
  CHECK(desk.seen->changes.back() == std::pair(std::optional(Status::sending), Status::rejected));
}

TEST_CASE("SM-3 a push without callback has no notification") {
  Desk desk;
  desk.job.callback_form = CallbackForm::none;
  auto delivery = desk.accepted();
  delivery.move_to(Status::delivered, 1000, "sip:200", desk.clock.wall());
  CHECK(desk.save(delivery) == Saved::yes);
  CHECK_FALSE(desk.notice().has_value());
}

TEST_CASE("SM-3 state and notification are written both or neither") {
  Desk desk;
  auto delivery = desk.accepted();
  delivery.move_to(Status::delivered, 1000, "sip:200", desk.clock.wall());
  desk.store.unavailable(true);
  CHECK(desk.save(delivery) == Saved::failed);
  desk.store.unavailable(false);
  CHECK_FALSE(desk.notice().has_value());
  CHECK(desk.seen->changes.size() == 1);  // of the acceptance
  CHECK(desk.save(delivery) == Saved::yes);
  CHECK(desk.notice().has_value());
}

TEST_CASE("SM-1 SM-3 of two writers that end a delivery one wins, and there is one notification of its end") {
  Desk desk;
  auto first = desk.accepted();
  auto second = first;
  first.move_to(Status::cancelled, 1000, "initiator", desk.clock.wall());
  second.move_to(Status::delivered, 1000, "sip:200", desk.clock.wall());
  CHECK(desk.save(first) == Saved::yes);
  CHECK(desk.save(second) == Saved::lost);
  CHECK(desk.notice()->status == Status::cancelled);
}

TEST_CASE("SM-14 a detail that is added to a final state makes no further notification") {
  Desk desk;
  auto delivery = desk.accepted();
  delivery.move_to(Status::expired, 1001, "deliver-before", desk.clock.wall());
  CHECK(desk.save(delivery) == Saved::yes);
  const auto before = desk.notice()->version;
  delivery.late_report = "imdn:delivered";
  CHECK(desk.save(delivery) == Saved::yes);
  CHECK(desk.notice()->version == before);
}

TEST_CASE("SM-3 a display that overtakes the notification is told instead of delivered") {
  Desk desk;
  auto delivery = desk.accepted();
  delivery.move_to(Status::delivered, 1000, "sip:200", desk.clock.wall());
  CHECK(desk.save(delivery) == Saved::yes);
  delivery.move_to(Status::displayed, 1000, "imdn:displayed", desk.clock.wall());
  CHECK(desk.save(delivery) == Saved::yes);
  CHECK(desk.notice()->status == Status::displayed);
  CHECK(desk.notice()->outstanding());
}

TEST_CASE("SM-3 a display after the notification was sent, or while it is, leaves it as it is") {
  Desk desk;
  auto delivery = desk.accepted();
  delivery.move_to(Status::delivered, 1000, "sip:200", desk.clock.wall());
  CHECK(desk.save(delivery) == Saved::yes);
  auto notice = *desk.notice();
  ++notice.attempts;
  desk.replace(notice);
  delivery.move_to(Status::displayed, 1000, "imdn:displayed", desk.clock.wall());
  CHECK(desk.save(delivery) == Saved::yes);
  CHECK(desk.notice()->status == Status::delivered);
  CHECK(desk.notice()->attempts == 1);
}

TEST_CASE("SM-3 a push is not purged before its initiator was told, and what never ended ends then") {
  Desk desk;
  auto delivery = desk.accepted();
  const auto push = [&] { return *desk.run(Desk::await(desk.store.get(push_key(desk.job.id)))); };
  const auto settle = [&] {
    const auto record = push();
    return desk.run(settle_before_purge(desk.writer, &record, desk.clock.wall(), desk.stopped));
  };
  CHECK(settle() == BeforePurge::later);
  auto notice = *desk.notice();
  CHECK(notice.status == Status::expired);
  CHECK(*push().due > desk.clock.wall());  // looked at again later
  CHECK(settle() == BeforePurge::later);
  notice.state = ResultNotice::State::sent;
  notice.due.reset();
  desk.replace(notice);
  CHECK(settle() == BeforePurge::all_told);
}

TEST_CASE("SM-3 a notice keeps what a newer version wrote, and a damaged one is an error") {
  Desk desk;
  PushJob job = desk.job;
  Delivery delivery;
  delivery.push = job.id;
  delivery.index = 1234567;
  delivery.move_to(Status::timeout, 4000, "timer:F", desk.clock.wall());
  auto notice = first_notice(job, delivery);
  notice.attempts = 3;
  notice.last = "http:500";
  const auto put = put_of(notice);
  Record record{put.key, put.value, 7, put.due};
  const auto read = decode_notice(record);
  REQUIRE(read.has_value());
  CHECK(read->index == 1234567);
  CHECK(read->attempts == 3);
  CHECK(read->last == "http:500");
  CHECK(read->version == 7);
  record.value = "junk";
  CHECK_FALSE(decode_notice(record).has_value());
  record = {put.key, put.value, 7, put.due};
  record.key.id = "x";
  CHECK_FALSE(decode_notice(record).has_value());
}

}  // namespace
}  // namespace herald::push
