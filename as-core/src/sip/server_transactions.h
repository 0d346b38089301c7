// Incoming requests over NTA. Private to sip/.
// Thread: the shard's.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <sofia-sip/nta.h>
#include <string>

#include "sip/sofia_agent.h"
#include "sip/sofia_root.h"

namespace herald::sip {

// Makes transactions out of what NTA hands up, and refuses what is not fit for a handler. Transactions may outlive it; they
// are silent then.
class ServerTransactions {
 public:
  ServerTransactions(SofiaRoot& root, SofiaAgent& agent, const StackOptions& options);
  ~ServerTransactions();
  ServerTransactions(const ServerTransactions&) = delete;
  ServerTransactions& operator=(const ServerTransactions&) = delete;

  void on_request(SipStack::OnRequest handler) { handler_ = std::move(handler); }
  void on_ack(SipStack::OnAck handler) { ack_handler_ = std::move(handler); }
  void on_late_success(SipStack::OnLateSuccess handler) { late_success_ = std::move(handler); }
  void stop() noexcept { stopped_ = true; }

  // Takes the message over.
  void receive(msg_t* msg, sip_t* sip);

 private:
  class Transaction;
  struct Shared;  // what transactions need of this, while it lives

  void receive_ack(msg_t* msg, sip_t* sip);
  void receive_response(msg_t* msg, sip_t* sip);
  void refuse(nta_incoming_t* incoming, std::string_view method, int status, const char* phrase);
  std::string new_tag();

  SofiaRoot& root_;
  SofiaAgent& agent_;
  const std::size_t max_message_bytes_;
  SipStack::OnRequest handler_;
  SipStack::OnAck ack_handler_;
  SipStack::OnLateSuccess late_success_;
  bool stopped_ = false;
  std::mt19937_64 random_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace herald::sip
