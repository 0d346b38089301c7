#include "shard.h"

#include <exception>
#include <future>
#include <optional>

namespace herald::daemon {

Shard::~Shard() {
  close();
  end();
}

Expected<void> Shard::make_content(sip::SofiaRoot& root, const Make& make) {
  auto made = root.inside([&] { return make(root); });
  if (!made) return fail(made.error());
  content_ = std::move(*made);
  listening_ = content_.stack->listening();
  root_ = &root;
  return {};
}

void Shard::drop_content(sip::SofiaRoot& root) {
  root.inside([this] {
    content_.container.reset();
    content_.stack.reset();
  });
  root_ = nullptr;
}

Expected<void> Shard::launch(const Make& make) {
  const auto name = "shard-" + std::to_string(index_);
  if (drive_ == Drive::by_hand) {
    mine_ = std::make_unique<sip::SofiaRoot>(clock_, mailbox_, name);
    return make_content(*mine_, make);
  }
  std::promise<Expected<void>> launched;
  auto result = launched.get_future();
  thread_ = std::thread([this, &make, &launched, name] {
    std::optional<sip::SofiaRoot> root;
    Expected<void> made;
    try {
      root.emplace(clock_, mailbox_, name);
      made = make_content(*root, make);
    } catch (const std::exception& e) {
      made = fail(ErrorCode::unavailable, e.what());
    }
    const bool ok = made.has_value();
    launched.set_value(std::move(made));
    if (!ok) return;
    root->run();
    stop_told_.acquire();  // run() may return while stop() is still waking the loop: the root must outlive that call
    drop_content(*root);
  });
  auto outcome = result.get();
  if (!outcome) thread_.join();
  return outcome;
}

namespace {
Task<void> run_start(container::Container& container, std::promise<Expected<void>>& done) {
  auto started = co_await container.start();
  done.set_value(std::move(started));
}
}  // namespace

Expected<void> Shard::start() {
  std::promise<Expected<void>> done;
  auto result = done.get_future();
  root_->complete([this, &done] { spawn(run_start(*content_.container, done)); });
  if (drive_ == Drive::by_hand)
    while (result.wait_for(std::chrono::seconds(0)) != std::future_status::ready) root_->step();
  return result.get();
}

Expected<void> Shard::on_shard(const std::function<void(Content&)>& work) {
  if (!root_) return fail(ErrorCode::gone, "the shard has ended");
  if (drive_ == Drive::by_hand) {
    root_->inside([&] { work(content_); });
    return {};
  }
  std::promise<void> done;
  auto result = done.get_future();
  root_->complete([this, &work, &done] {
    work(content_);
    done.set_value();
  });
  result.get();
  return {};
}

void Shard::drain() {
  (void)on_shard([](Content& content) {
    content.stack->stop_listening();
    content.container->drain();
  });
}

bool Shard::idle() {
  bool idle = true;
  (void)on_shard([&idle](Content& content) { idle = content.container->idle(); });
  return idle;
}

void Shard::close() {
  (void)on_shard([](Content& content) {
    if (content.container) content.container->stop();
  });
}

void Shard::end() {
  if (thread_.joinable()) {
    root_->stop();
    stop_told_.release();
    thread_.join();
  } else if (mine_) {
    mine_->step();
    drop_content(*mine_);
    mine_.reset();
  }
}

}  // namespace herald::daemon
