// Outgoing requests over NTA: next hop, resolving, the guard of the hop, one NTA transaction per address tried, and one final
// result. Private to sip/.
// Thread: the shard's.
#pragma once

#include <memory>
#include <sofia-sip/nta.h>
#include <string>
#include <vector>

#include "base/handle_table.h"
#include "sip/next_hop.h"
#include "sip/next_hop_guard.h"
#include "sip/outgoing_text.h"
#include "sip/resolver.h"
#include "sip/send_path.h"
#include "sip/sofia_agent.h"
#include "sip/sofia_root.h"

namespace herald::sip {

class ClientTransactions : public std::enable_shared_from_this<ClientTransactions> {
 public:
  ClientTransactions(SofiaRoot& root, SofiaAgent& agent, const StackOptions& options);
  ~ClientTransactions();
  ClientTransactions(const ClientTransactions&) = delete;
  ClientTransactions& operator=(const ClientTransactions&) = delete;

  std::unique_ptr<ClientTransaction> send(SipMessage request, Deadline deadline, OnResponse callback);
  void send_ack(SipMessage ack);
  void on_late_success(SipStack::OnLateSuccess handler) { late_success_ = std::move(handler); }
  [[nodiscard]] std::vector<HopState> hops() const { return guard_.states(); }
  void refresh_gauges() const;

 private:
  struct Request;  // one send()
  class Ticket;    // what the caller holds

  static HandleTable<std::unique_ptr<Request>>& live();
  static int on_response(nta_outgoing_magic_t* magic, nta_outgoing_t* outgoing, const sip_t* sip) noexcept;

  [[nodiscard]] Request* find(Handle handle);
  void resolved(Handle handle, Expected<std::vector<Target>> targets);
  void advance(Handle handle);
  bool transmit(Handle handle, std::size_t index, const SendPaths::Path& path, OutgoingText text);
  void refuse(Handle handle, const Error& error);
  void receive(Handle handle, const sip_t* sip);
  void end_attempt(Request& request, NextHopGuard::Outcome outcome);
  void deliver(Handle handle, ClientResult result);
  void fail_locally(Handle handle, int status, std::string reason, ResponseOrigin origin,
                    std::optional<Duration> retry_after = std::nullopt);
  void deadline_passed(Handle handle);
  void abandon(Handle handle);
  void cancel(Handle handle);
  static void give_up_invite(const Request& request);
  void pump();
  void arm();

  SofiaRoot& root_;
  SofiaAgent& agent_;
  const std::string user_agent_;
  SipStack::OnLateSuccess late_success_;
  SendPaths paths_;
  NextHopGuard guard_;
  Resolver resolver_;
  std::vector<Handle> mine_;  // may hold ended ones; swept when it grows
  std::size_t sweep_at_ = 1024;
  std::size_t resolving_ = 0, waiting_ = 0, sent_ = 0;
  TimerId guard_timer_;
  std::optional<TimePoint> guard_due_;
  bool pump_posted_ = false;
};

}  // namespace herald::sip
