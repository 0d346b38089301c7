#include "doubles/fake_sip_stack.h"

#include <stdexcept>
#include <utility>

namespace herald::test {
namespace {

std::string with_tag(std::string_view address, const std::string& tag) {
  if (address.find(";tag=") != std::string_view::npos) return std::string(address);
  return std::string(address) + ";tag=" + tag;
}

void copy(const SipMessage& from, SipMessage& to, std::string_view name) {
  for (const auto value : from.headers.all(name)) to.headers.add(std::string(name), std::string(value));
}

class FakeServerTransaction final : public sip::ServerTransaction {
 public:
  FakeServerTransaction(std::shared_ptr<FakeSipStack::Call> call, sip::PeerAddress peer, std::string tag)
      : call_(std::move(call)), peer_(std::move(peer)), tag_(std::move(tag)) {}
  ~FakeServerTransaction() override {
    if (call_->final() == 0) call_->abandoned = true;
    call_->on_cancel = nullptr;
  }
  FakeServerTransaction(const FakeServerTransaction&) = delete;
  FakeServerTransaction& operator=(const FakeServerTransaction&) = delete;

  const SipMessage& request() const noexcept override { return call_->request; }
  const sip::PeerAddress& peer() const noexcept override { return peer_; }
  const std::string& local_tag() const noexcept override { return tag_; }
  void on_cancel(std::function<void()> callback) override { call_->on_cancel = std::move(callback); }

  Expected<void> respond(SipMessage response) override {
    if (call_->final() != 0) return fail(ErrorCode::conflict, "a final response was sent");
    SipMessage out;
    out.start = response.start;
    const auto& request = call_->request;
    copy(request, out, "Via");
    copy(request, out, "From");
    // A proxied response brings the To of the server behind.
    const auto to = response.headers.get("To").value_or(request.headers.get("To").value_or(""));
    out.headers.add("To", response.status() == 100 ? std::string(to) : with_tag(to, tag_));
    copy(request, out, "Call-ID");
    copy(request, out, "CSeq");
    const auto& method = request.method();
    const bool dialog = method == "INVITE" || method == "SUBSCRIBE" || method == "REFER";
    if (dialog && response.status() > 100 && response.status() < 300 && !response.headers.has("Record-Route")) {
      copy(request, out, "Record-Route");
    }
    for (const auto& field : response.headers.fields()) {
      if (!same_header_name(field.name, "To")) out.headers.add(field.name, field.value);
    }
    out.body = response.body;
    call_->responses.push_back(std::move(out));
    return {};
  }

 private:
  std::shared_ptr<FakeSipStack::Call> call_;
  sip::PeerAddress peer_;
  std::string tag_;
};

class FakeClientTransaction final : public sip::ClientTransaction {
 public:
  explicit FakeClientTransaction(std::shared_ptr<FakeSipStack::Sent> sent) : sent_(std::move(sent)) {}
  ~FakeClientTransaction() override {
    if (!sent_->done) sent_->abandoned = true;
    sent_->callback = nullptr;
  }
  FakeClientTransaction(const FakeClientTransaction&) = delete;
  FakeClientTransaction& operator=(const FakeClientTransaction&) = delete;
  void cancel() override { sent_->cancelled = true; }

 private:
  std::shared_ptr<FakeSipStack::Sent> sent_;
};

constexpr Duration kTimerF = std::chrono::seconds(32);

}  // namespace

int FakeSipStack::Call::final() const {
  return responses.empty() || responses.back().status() < 200 ? 0 : responses.back().status();
}

void FakeSipStack::Call::cancel() const {
  const auto callback = on_cancel;
  if (callback) executor->run([&callback] { callback(); });
}

void FakeSipStack::Sent::deliver(sip::ClientResult result) {
  if (done || !callback) return;
  if (result.response.status() >= 200) done = true;
  const auto keep = callback;
  executor->run([&] { keep(std::move(result)); });
}

void FakeSipStack::Sent::answer(int status, std::vector<SipHeaderField> headers, std::string body) {
  sip::ClientResult result;
  if (status < 200 && request.method() == "INVITE") ringing = true;
  result.response = response(status, std::move(headers), std::move(body));
  deliver(std::move(result));
}

SipMessage FakeSipStack::Sent::response(int status, std::vector<SipHeaderField> headers, std::string body) const {
  SipMessage response;
  response.start = SipStatusLine{status, std::string(sip_reason_phrase(status))};
  copy(request, response, "Via");
  copy(request, response, "From");
  const auto to = request.headers.get("To").value_or("");
  response.headers.add("To", status == 100 ? std::string(to) : with_tag(to, remote_tag));
  copy(request, response, "Call-ID");
  copy(request, response, "CSeq");
  for (auto& field : headers) response.headers.add(std::move(field.name), std::move(field.value));
  response.body = std::move(body);
  return response;
}

void FakeSipStack::Sent::fail(int status, ResponseOrigin origin) {
  sip::ClientResult result;
  result.response.start = SipStatusLine{status, std::string(sip_reason_phrase(status))};
  result.origin = origin;
  deliver(std::move(result));
}

std::shared_ptr<FakeSipStack::Call> FakeSipStack::receive(SipMessage request, sip::PeerAddress from) {
  auto call = std::make_shared<Call>();
  call->request = std::move(request);
  call->executor = &executor_;
  auto transaction = std::make_unique<FakeServerTransaction>(call, std::move(from), "local-" + std::to_string(++next_tag_));
  executor_.run([&] {
    if (on_request_) on_request_(std::move(transaction));
  });
  return call;
}

void FakeSipStack::receive_late_success(SipMessage response) {
  executor_.run([&] {
    if (on_late_success_) on_late_success_(std::move(response));
  });
}

void FakeSipStack::receive_ack(SipMessage ack) {
  executor_.run([&] {
    if (on_ack_) on_ack_(std::move(ack));
  });
}

std::shared_ptr<FakeSipStack::Call> FakeSipStack::receive(std::string text, sip::PeerAddress from) {
  std::string wire;
  for (const char c : text) {
    if (c == '\n' && (wire.empty() || wire.back() != '\r')) wire += '\r';
    wire += c;
  }
  auto request = SipMessage::parse(wire);
  if (!request) throw std::runtime_error("the test's own request does not parse: " + request.error().text);
  return receive(std::move(*request), std::move(from));
}

std::string FakeSipStack::contact_uri(sip::Transport transport, std::string_view user) const {
  for (const auto& address : listening_) {
    if (address.transport != transport) continue;
    return "sip:" + std::string(user) + (user.empty() ? "" : "@") + address.host + ":" + std::to_string(address.port);
  }
  return "sip:127.0.0.1";
}

std::unique_ptr<sip::ClientTransaction> FakeSipStack::send(SipMessage request, Deadline deadline, sip::OnResponse callback) {
  auto sent = std::make_shared<Sent>();
  request.headers.add_first("Via", "SIP/2.0/UDP 127.0.0.1:5065;branch=z9hG4bK" + std::to_string(sent_.size() + 1));
  sent->request = std::move(request);
  sent->deadline = deadline;
  sent->callback = std::move(callback);
  sent->executor = &executor_;
  sent_.push_back(sent);
  const auto due = deadline.earlier_of(Deadline::after(executor_.clock(), kTimerF)).when();
  executor_.timers().start_at(due, [weak = std::weak_ptr(sent)] {
    const auto waiting = weak.lock();
    if (waiting && !waiting->ringing) waiting->fail(408, ResponseOrigin::timer);
  });
  if (rule_) {
    executor_.complete([this, sent] {
      if (const auto status = rule_(sent->request)) sent->answer(*status);
    });
  }
  return std::make_unique<FakeClientTransaction>(sent);
}

SipMessage sip_request(std::string_view method, std::string_view uri, std::vector<SipHeaderField> extra, std::string body) {
  static unsigned number = 0;
  ++number;
  SipMessage message;
  message.start = SipRequestLine{std::string(method), std::string(uri)};
  auto& headers = message.headers;
  headers.add("Via", "SIP/2.0/UDP 127.0.0.1:6060;branch=z9hG4bK-t" + std::to_string(number));
  headers.add("From", "<sip:bob@ims.lab>;tag=from-" + std::to_string(number));
  headers.add("To", "<" + std::string(uri) + ">");
  headers.add("Call-ID", "call-" + std::to_string(number));
  headers.add("CSeq", "1 " + std::string(method));
  headers.add("Max-Forwards", "70");
  for (auto& field : extra) headers.remove(field.name);
  for (auto& field : extra) headers.add(std::move(field.name), std::move(field.value));
  message.body = std::move(body);
  return message;
}

}  // namespace herald::test
