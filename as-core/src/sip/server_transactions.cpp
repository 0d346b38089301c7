#include "sip/server_transactions.h"

#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <cstring>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_tag.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>
#include <utility>

#include "base/handle_table.h"
#include "herald/log.h"
#include "herald/sip_uri.h"
#include "sip/sip_catalog.h"
#include "sip/sip_metrics.h"
#include "sip/sofia_message.h"

namespace herald::sip {
namespace {

constexpr const char* kDrainRetryAfter = "Retry-After: 5";

Transport transport_of(const char* protocol) noexcept {
  if (protocol && std::strcmp(protocol, "tls") == 0) return Transport::tls;
  if (protocol && std::strcmp(protocol, "tcp") == 0) return Transport::tcp;
  return Transport::udp;
}

PeerAddress peer_of(nta_agent_t* agent, nta_incoming_t* incoming, msg_t* msg) {
  PeerAddress out;
  if (auto* tport = nta_incoming_transport(agent, incoming, msg)) {
    out.transport = transport_of(tport_name(tport)->tpn_proto);
    tport_unref(tport);
  }
  const auto* address = msg_addr(msg);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->su_family == AF_INET) {
    ::inet_ntop(AF_INET, &address->su_sin.sin_addr, text.data(), text.size());
    out.port = ntohs(address->su_sin.sin_port);
  } else if (address->su_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &address->su_sin6.sin6_addr, text.data(), text.size());
    out.port = ntohs(address->su_sin6.sin6_port);
  }
  out.host = text.data();
  return out;
}

// RFC 3261 12.1.1, RFC 6665: only these build a route set.
bool forms_dialog(std::string_view method, int status) {
  if (status <= 100 || status >= 300) return false;
  return method == "INVITE" || method == "SUBSCRIBE" || method == "REFER";
}

bool belongs_to_stack(std::string_view name) {
  for (const auto* own : {"Via", "From", "To", "Call-ID", "CSeq", "Record-Route", "Content-Length", "Timestamp"}) {
    if (same_header_name(name, own)) return true;
  }
  return false;
}

std::string with_tag(std::string_view to, const std::string& tag) {
  const auto parsed = NameAddr::parse(to);
  if (parsed && parsed->params.has("tag")) return std::string(to);
  return std::string(to) + ";tag=" + tag;
}

}  // namespace

struct ServerTransactions::Shared {
  nta_agent_t* agent;
  SofiaRoot* root;
  std::string server;  // Server header
};

class ServerTransactions::Transaction final : public ServerTransaction {
 public:
  Transaction(std::weak_ptr<Shared> shared, nta_incoming_t* incoming, SipMessage request, PeerAddress peer, std::string tag)
      : shared_(std::move(shared)),
        incoming_(incoming),
        request_(std::move(request)),
        peer_(std::move(peer)),
        tag_(std::move(tag)),
        self_(live().insert(this)) {
    nta_incoming_bind(incoming_, &Transaction::on_event, reinterpret_cast<nta_incoming_magic_t*>(self_.as_pointer()));
  }

  ~Transaction() override {
    live().take(self_);
    const auto shared = shared_.lock();
    if (!shared || !incoming_) return;
    stats::dropped(stats::Drop::unanswered);
    log::event(catalog::kUnanswered, {{"method", request_.method()}});
    stats::request_in(request_.method(), 500);
    end();  // NTA answers 500 to what was not answered
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  [[nodiscard]] const SipMessage& request() const noexcept override { return request_; }
  [[nodiscard]] const PeerAddress& peer() const noexcept override { return peer_; }
  [[nodiscard]] const std::string& local_tag() const noexcept override { return tag_; }
  void on_cancel(std::function<void()> callback) override { on_cancel_ = std::move(callback); }

  Expected<void> respond(SipMessage response) override {
    if (response.is_request()) return fail(ErrorCode::invalid, "a request is no response");
    const int status = response.status();
    if (status < 100 || status > 699) return fail(ErrorCode::invalid, "status out of range");
    if (answered_) return fail(ErrorCode::conflict, "a final response was sent");
    const auto shared = shared_.lock();
    if (!shared || !incoming_) return fail(ErrorCode::gone, "the SIP stack has ended");
    const auto text = outgoing_text(complete(std::move(response), status, *shared));
    if (!text) return fail(text.error());
    auto msg = to_sofia(*text);
    if (!msg) return fail(msg.error());
    const bool final = status >= 200;
    const bool sent = nta_incoming_mreply(incoming_, msg->release()) == 0;
    if (final) {
      answered_ = true;
      stats::request_in(request_.method(), status);
      end();
    }
    if (sent) return {};
    if (final) stats::dropped(stats::Drop::response_lost);
    log::warn("SIP response could not be sent", {{"method", request_.method()}, {"status", status}});
    return fail(ErrorCode::unavailable, "the response could not be sent");
  }

 private:
  // Every transaction of this thread that NTA may still call.
  static HandleTable<Transaction*>& live() {
    static thread_local HandleTable<Transaction*> table;
    return table;
  }

  // ACK to a failure (absorbed) or CANCEL (answered 200 by NTA already).
  static int on_event(nta_incoming_magic_t* magic, nta_incoming_t*, const sip_t* sip) noexcept {
    auto* const* found = live().find(Handle::from_pointer(magic));
    if (!found || !sip || !sip->sip_request || sip->sip_request->rq_method != sip_method_cancel) return 0;
    auto& self = **found;
    const auto shared = self.shared_.lock();
    if (!shared) return 0;
    shared->root->guarded("cancel", [&] {
      if (self.on_cancel_) {
        const auto callback = self.on_cancel_;  // it may end the transaction
        return callback();
      }
      SipMessage response;
      response.start = SipStatusLine{487, std::string(sip_reason_phrase(487))};
      [[maybe_unused]] const auto sent = self.respond(std::move(response));
    });
    return 0;
  }

  SipMessage complete(SipMessage response, int status, const Shared& shared) const {
    SipMessage out;
    out.start = std::move(response.start);
    auto& line = std::get<1>(out.start);
    if (line.reason.empty()) line.reason = sip_reason_phrase(status);
    for (const auto& via : request_.headers.all("Via")) out.headers.add("Via", std::string(via));
    // A relayed response brings the route set and the To tag of the server behind it: RFC 3261 16.7 step 9.
    const auto& routes = response.headers.has("Record-Route") ? response.headers : request_.headers;
    if (forms_dialog(request_.method(), status)) {
      for (const auto& route : routes.all("Record-Route")) out.headers.add("Record-Route", std::string(route));
    }
    out.headers.add("From", std::string(request_.headers.get("From").value_or("")));
    const auto to = response.headers.get("To").value_or(request_.headers.get("To").value_or(""));
    out.headers.add("To", status == 100 ? std::string(to) : with_tag(to, tag_));
    out.headers.add("Call-ID", std::string(request_.headers.get("Call-ID").value_or("")));
    out.headers.add("CSeq", std::string(request_.headers.get("CSeq").value_or("")));
    for (const auto& field : response.headers.fields()) {
      if (!belongs_to_stack(field.name)) out.headers.add(field.name, field.value);
    }
    if (!shared.server.empty() && !out.headers.has("Server")) out.headers.add("Server", shared.server);
    out.body = std::move(response.body);
    return out;
  }

  void end() noexcept { nta_incoming_destroy(std::exchange(incoming_, nullptr)); }

  std::weak_ptr<Shared> shared_;
  nta_incoming_t* incoming_;
  SipMessage request_;
  PeerAddress peer_;
  std::string tag_;
  Handle self_;
  std::function<void()> on_cancel_;
  bool answered_ = false;
};

ServerTransactions::ServerTransactions(SofiaRoot& root, SofiaAgent& agent, const StackOptions& options)
    : root_(root),
      agent_(agent),
      max_message_bytes_(options.max_message_bytes),
      random_(std::random_device{}()),
      shared_(std::make_shared<Shared>(Shared{agent.get(), &root, options.user_agent})) {}

ServerTransactions::~ServerTransactions() = default;

std::string ServerTransactions::new_tag() {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(random_()));  // NOLINT
  return text.data();
}

void ServerTransactions::receive(msg_t* msg, sip_t* sip) {
  SofiaMessage owned(msg);
  if (!sip->sip_request) return receive_response(owned.release(), sip);
  if (sip->sip_request->rq_method == sip_method_ack) return receive_ack(owned.release(), sip);
  if (sip->sip_request->rq_method == sip_method_cancel) {  // it matched no transaction. RFC 3261 9.2
    nta_msg_treply(agent_.get(), owned.release(), SIP_481_NO_TRANSACTION, TAG_END());
    stats::request_in("CANCEL", 481);
    return;
  }
  auto received = from_sofia(owned.get(), sip);
  auto* incoming = nta_incoming_create(agent_.get(), nullptr, owned.release(), sip, TAG_END());
  if (!incoming) {
    stats::dropped(stats::Drop::malformed);
    log::warn("SIP request dropped: no transaction");
    return;
  }
  const std::string method = received ? received->message.method() : std::string(nta_incoming_method_name(incoming));
  if (!received) {
    stats::dropped(received.error().code == ErrorCode::too_large ? stats::Drop::too_many_headers : stats::Drop::malformed);
    log::event(catalog::kBadMessage, {{"method", method}, {"error", received.error().text}});
    return refuse(incoming, method, 400, received.error().code == ErrorCode::too_large ? "Too Many Header Fields" : nullptr);
  }
  if (received->bytes > max_message_bytes_) {
    stats::dropped(stats::Drop::too_large);
    log::event(catalog::kBadMessage, {{"method", method}, {"error", "over the size limit"}, {"bytes", received->bytes}});
    return refuse(incoming, method, 513, "Message Too Large");
  }
  // What belongs to a dialog is served to the end: a refresh must not fail because the node drains.
  const bool in_dialog = nta_incoming_gettag(incoming) != nullptr;
  if ((stopped_ && !in_dialog) || !handler_) {
    stats::dropped(stopped_ ? stats::Drop::not_listening : stats::Drop::no_handler);
    log::debug("SIP request refused: not taking any");
    return refuse(incoming, method, 503, nullptr);
  }
  auto* request = nta_incoming_getrequest(incoming);
  auto peer = peer_of(agent_.get(), incoming, request);
  msg_destroy(request);
  // A request inside a dialog carries our tag already.
  const auto* tag = nta_incoming_gettag(incoming) ? nta_incoming_gettag(incoming) : nta_incoming_tag(incoming, new_tag().c_str());
  auto transaction =
      std::make_unique<Transaction>(shared_, incoming, std::move(received->message), std::move(peer), tag ? tag : new_tag());
  root_.guarded("request", [&] { handler_(std::move(transaction)); });
}

// NTA has no transaction for it. What is no answer to an INVITE needs none from us.
void ServerTransactions::receive_response(msg_t* msg, sip_t* sip) {
  const SofiaMessage owned(msg);
  const bool success = sip->sip_status && sip->sip_status->st_status >= 200 && sip->sip_status->st_status < 300;
  const bool invite = sip->sip_cseq && sip->sip_cseq->cs_method == sip_method_invite;
  if (success && invite && late_success_) {
    auto received = from_sofia(msg, sip);
    if (received && received->bytes <= max_message_bytes_) {
      root_.guarded("late success", [&] { late_success_(std::move(received->message)); });
      return;
    }
  }
  stats::dropped(stats::Drop::stray_response);
  log::debug("stray SIP response dropped");
}

void ServerTransactions::receive_ack(msg_t* msg, sip_t* sip) {
  const SofiaMessage owned(msg);
  auto received = from_sofia(msg, sip);
  if (!received || received->bytes > max_message_bytes_) {
    stats::dropped(stats::Drop::malformed);
    log::event(catalog::kBadMessage, {{"method", "ACK"}});
    return;
  }
  if (ack_handler_) root_.guarded("ack", [&] { ack_handler_(std::move(received->message)); });
}

void ServerTransactions::refuse(nta_incoming_t* incoming, std::string_view method, int status, const char* phrase) {
  stats::request_in(method, status);
  const std::string tag = new_tag();
  nta_incoming_tag(incoming, tag.c_str());
  nta_incoming_treply(incoming, status, phrase, TAG_IF(status == 503, SIPTAG_HEADER_STR(kDrainRetryAfter)), TAG_END());
  nta_incoming_destroy(incoming);
}

}  // namespace herald::sip
