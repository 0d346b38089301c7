#include "hss/notifier.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "dictionary/avp.h"
#include "dictionary/dictionary.h"

// Last: its macros leak (FD-12).
#include "dictionary/library.h"

namespace herald::lab {

namespace {

using namespace diameter;

void on_answer(void*, msg** answer) noexcept {
  try {
    auto entry = event("notified");
    if (const auto origin = text_of(find_child(*answer, 264))) entry["to"] = *origin;
    if (const auto result = u32_of(find_child(*answer, 268))) entry["result"] = *result;
    if (auto* group = find_child(*answer, 297); group != nullptr)
      entry["experimental"] = u32_of(find_child(group, 298)).value_or(0);
    journal(std::move(entry));
  } catch (...) {  // no exception into the library
  }
  fd_msg_free(*answer);
  *answer = nullptr;
}

std::string session_id(const std::string& identity) {
  static std::atomic<unsigned> counter{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return identity + ";" + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now).count()) + ";" +
         std::to_string(++counter);
}

// Repository data that is gone is told without ServiceData (SH-32).
ShView view_of(const Subscriber& before, const Subscriber& after, const ShKey& key) {
  ShView view;
  if (!look_up(after, key, view)) return {};
  if (key.reference == DataReference::repository_data && !view.repository_service) {
    const auto old = before.profile.repository.find(key.service);
    view.repository_service = key.service;
    view.repository.sequence = old == before.profile.repository.end() ? 0 : old->second.sequence % 65535 + 1;
  }
  return view;
}

bool fill(msg* request, const Config& config, const Subscription& subscription, const std::string& xml) {
  if (!add_text(request, 263, 0, session_id(config.identity), true) || !add_application(request, kApplicationSh) ||
      fd_msg_add_origin(request, 0) != 0 || !add_text(request, 293, 0, subscription.host) ||
      !add_text(request, 283, 0, subscription.realm))
    return false;
  auto* identity = add_group(request, 700, kVendor3gpp);
  return identity != nullptr && add_text(identity, 601, kVendor3gpp, subscription.public_id) &&
         add_text(request, 702, kVendor3gpp, xml);
}

}  // namespace

void Notifier::subscribe(Subscription subscription) {
  const std::lock_guard lock(mutex_);
  if (std::find(subscriptions_.begin(), subscriptions_.end(), subscription) == subscriptions_.end())
    subscriptions_.push_back(std::move(subscription));
}

bool Notifier::unsubscribe(const Subscription& subscription) {
  const std::lock_guard lock(mutex_);
  return std::erase(subscriptions_, subscription) > 0;
}

void Notifier::changed(const Subscriber& before, const Subscriber& after) {
  const std::lock_guard lock(mutex_);
  std::erase_if(subscriptions_, [&](const Subscription& item) {
    if (item.private_id != after.profile.private_id || !is_news(before, after, item.key)) return false;
    send(item, sh_data(view_of(before, after, item.key)));
    return item.key.reference == DataReference::repository_data && !after.profile.repository.contains(item.key.service);
  });
}

void Notifier::send(const Subscription& subscription, const std::string& xml) {
  server_.later([this, subscription, xml] {
    msg* request = nullptr;
    if (fd_msg_new(find_request(309), MSGFL_ALLOC_ETEID, &request) != 0) return;
    if (fill(request, config_, subscription, xml) && fd_msg_send(&request, on_answer, nullptr) == 0) return;
    fd_msg_free(request);
  });
}

}  // namespace herald::lab
