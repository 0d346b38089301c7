#include "container/sip_factory_impl.h"

#include "container/core.h"

namespace herald::container {
namespace {

Expected<NameAddr> untagged(std::string_view name, std::string_view text) {
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return fail(ErrorCode::invalid, std::string(name) + " must be one line");
  }
  auto address = NameAddr::parse(text);
  if (!address || !SipUri::parse(address->uri)) return fail(ErrorCode::invalid, std::string(name) + " is no address");
  if (address->params.has("tag")) return fail(ErrorCode::invalid, std::string(name) + " must have no tag");
  return address;
}

bool is_method(std::string_view method) {
  return !method.empty() && method.size() <= 32 &&
         method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ-.!%*_+`'~") == std::string_view::npos;
}

}  // namespace

SipApplicationSession SipFactoryImpl::create_application_session() {
  const auto application = core_.stopped ? nullptr : core_.sessions.create_application(hosted_);
  return SipApplicationSession(application);
}

SipApplicationSession SipFactoryImpl::application_session_by_key(std::string_view key) {
  const auto application = core_.stopped ? nullptr : core_.sessions.application_by_key(hosted_, key);
  return SipApplicationSession(application);
}

Expected<SipServletRequest> SipFactoryImpl::create_request(const SipApplicationSession& session, std::string_view method,
                                                           std::string_view from, std::string_view to) {
  const auto application = session.lock();
  if (!application || !application->valid()) return fail(ErrorCode::gone, "the application session has ended");
  if (!is_method(method) || method == "ACK" || method == "CANCEL") return fail(ErrorCode::invalid, "no method for a new request");
  const auto sender = untagged("From", from);
  if (!sender) return fail(sender.error());
  const auto receiver = untagged("To", to);
  if (!receiver) return fail(receiver.error());

  const auto state = core_.sessions.create_session(*application);
  auto& dialog = state->dialog;
  dialog.call_id = random_token(24) + "@" + core_.call_id_host;
  dialog.local_tag = random_token(12);
  dialog.local_address = sender->text();
  dialog.remote_address = receiver->text();
  auto request = std::make_shared<detail::RequestState>();
  request->message = dialog.make_request(method);
  request->core = core_.weak_from_this();
  request->session = state;
  request->application = application;
  request->trace = TraceId::create();
  request->outgoing = std::make_unique<detail::RequestState::Outgoing>();
  return SipServletRequest(std::move(request));
}

}  // namespace herald::container
