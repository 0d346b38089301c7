// One shard: a thread with its loop, its SIP stack and its container. Everything of it is made, used and destroyed on that
// thread. Component tests drive a shard by hand instead, on their own thread and the virtual clock. Thread: the methods here are
// called by the main thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <vector>

#include "container/container.h"
#include "sip/sip_stack.h"
#include "sip/sofia_root.h"

namespace herald::daemon {

enum class Drive { own_thread, by_hand };

class Shard {
 public:
  // What is made once the loop is there.
  struct Content {
    std::unique_ptr<sip::SipStack> stack;
    std::unique_ptr<container::Container> container;
  };
  using Make = std::function<Expected<Content>(Executor&)>;

  Shard(unsigned index, const Clock& clock, std::size_t mailbox, Drive drive)
      : index_(index), clock_(clock), mailbox_(mailbox), drive_(drive) {}
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Returns when `make` has run on the shard.
  Expected<void> launch(const Make& make);
  // The container's start(): registrations read back, servlets initialised.
  Expected<void> start();
  // Runs `work` on the shard and waits for it. Error{gone} once the shard has ended.
  Expected<void> on_shard(const std::function<void(Content&)>& work);
  // No new requests; what runs goes on.
  void drain();
  [[nodiscard]] bool idle();
  // Servlets and sessions end; the loop goes on, so that the store and Diameter can complete what was asked of them.
  void close();
  // The loop and the thread end. Nothing may be posted to the executor any more.
  void end();

  // By hand: everything that is ready, without waiting.
  std::size_t step() { return root_->step(); }
  // When it has something to do next if nobody sends anything.
  [[nodiscard]] std::optional<TimePoint> next_due() const noexcept { return root_->next_due(); }

  [[nodiscard]] unsigned index() const noexcept { return index_; }
  [[nodiscard]] Executor& executor() noexcept { return *root_; }
  [[nodiscard]] std::size_t mailbox_depth() const noexcept { return root_ ? root_->depth() : 0; }
  [[nodiscard]] container::Container& container() noexcept { return *content_.container; }
  [[nodiscard]] const std::vector<sip::ListenAddress>& listening() const noexcept { return listening_; }

 private:
  Expected<void> make_content(sip::SofiaRoot& root, const Make& make);
  void drop_content(sip::SofiaRoot& root);

  const unsigned index_;
  const Clock& clock_;
  const std::size_t mailbox_;
  const Drive drive_;
  sip::SofiaRoot* root_ = nullptr;        // lives on the shard's thread
  std::unique_ptr<sip::SofiaRoot> mine_;  // by hand: it lives here
  Content content_;
  std::vector<sip::ListenAddress> listening_;
  std::binary_semaphore stop_told_{0};
  std::thread thread_;
};

}  // namespace herald::daemon
