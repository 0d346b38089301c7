// What is left of our INVITEs while a 2xx may still come for them: each wants an ACK, also when it is a repetition, and one that
// nobody waits for any more wants a BYE as well. RFC 3261 13.2.2.4, 9.1.
//
// Only INVITEs that went out are remembered, so that nobody can make us send requests by made-up responses.
// Thread: one shard. Bounded: the oldest goes first.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "herald/clock.h"
#include "herald/sip_message.h"

namespace herald::container {

class InviteMemory {
 public:
  explicit InviteMemory(const Clock& clock, std::size_t max = 20000) : clock_(clock), max_(max) {}

  void sent(const SipMessage& invite);
  // The application has its final response: it is the application that sends the ACK to a 2xx.
  void answered(const SipMessage& response);
  void acknowledged(const SipMessage& ack);

  struct Reply {
    SipMessage ack;
    std::optional<SipMessage> bye;
  };
  // To a 2xx that no transaction takes; nothing: it is none of ours, or the application's ACK is still to come.
  [[nodiscard]] std::optional<Reply> reply_to(const SipMessage& success);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::string local_tag;
    std::uint32_t cseq = 0;
    TimePoint until{};
    std::map<std::string, std::optional<SipMessage>> acks;  // by the peer's tag; none yet: the application will send it
  };
  Entry* find(const SipMessage& message);
  void keep_until(const std::string& call_id, Entry& entry, TimePoint until);
  void sweep();

  const Clock& clock_;
  std::size_t max_;
  std::unordered_map<std::string, Entry> entries_;  // by Call-ID
  std::deque<std::pair<TimePoint, std::string>> order_;
};

}  // namespace herald::container
