// The hooks a servlet does not override. SV-4.
#include "herald/sip_servlet.h"

#include "container/request_checks.h"

namespace herald {
namespace {

// By value: the coroutine outlives the call.
Task<void> not_offered(std::vector<std::string_view> methods, SipServletRequest request) {
  auto response = request.create_response(methods.empty() ? 501 : 405);
  if (!methods.empty()) static_cast<void>(response.set_header("Allow", container::allow_list(methods)));
  static_cast<void>(response.send());
  co_return;
}

Task<void> nothing() { co_return; }

// What the peer has ended cannot be refused; and a proxy-minded application has nothing to say to it.
Task<void> agreed(SipServletRequest request) {
  static_cast<void>(request.respond(200));
  co_return;
}

Task<void> options(std::vector<std::string_view> methods, SipServletRequest request) {
  auto response = request.create_response(200);
  if (!methods.empty()) static_cast<void>(response.set_header("Allow", container::allow_list(methods)));
  static_cast<void>(response.send());
  co_return;
}

}  // namespace

Task<void> SipServlet::init(ServletContext&) { return nothing(); }
Task<void> SipServlet::do_invite(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_ack(SipServletRequest) { return nothing(); }
Task<void> SipServlet::do_bye(SipServletRequest request) { return agreed(std::move(request)); }
Task<void> SipServlet::do_cancel(SipServletRequest) { return nothing(); }
Task<void> SipServlet::do_options(SipServletRequest request) { return options(methods(), std::move(request)); }
Task<void> SipServlet::do_prack(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_subscribe(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_notify(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_message(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_info(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_update(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_refer(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_publish(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_register(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_request(SipServletRequest request) { return not_offered(methods(), std::move(request)); }
Task<void> SipServlet::do_provisional_response(SipServletResponse) { return nothing(); }

}  // namespace herald
