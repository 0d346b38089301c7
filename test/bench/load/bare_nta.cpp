// The bare part of a push's SIP leg: an NTA client that sends the same MESSAGE, window of 64, to a port that answers 200.
//   bench_bare_nta TARGET_PORT COUNT   prints {"sent":N,"answered":N}
#include <cstdio>
#include <cstdlib>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_wait.h>
#include <string>

namespace {

struct Run {
  su_root_t* root = nullptr;
  nta_agent_t* agent = nullptr;
  nta_leg_t* leg = nullptr;
  std::string target;
  long count = 0;
  long sent = 0;
  long answered = 0;
};

int on_response(nta_outgoing_magic_t* magic, nta_outgoing_t* outgoing, sip_t const* sip);

void send_one(Run& run) {
  const auto user = "sip:u" + std::to_string(run.sent % 1000) + "@ims.lab";
  const auto route = "<sip:127.0.0.1:" + run.target + ";lr>";
  const auto call_id = "bench" + std::to_string(run.sent) + "@127.0.0.1";
  const std::string body(140, 'x');
  ++run.sent;
  nta_outgoing_tcreate(
      run.leg, on_response, reinterpret_cast<nta_outgoing_magic_t*>(&run), nullptr, SIP_METHOD_MESSAGE,
      URL_STRING_MAKE(user.c_str()), SIPTAG_FROM_STR("<sip:push@ims.lab>;tag=p81"), SIPTAG_TO_STR(("<" + user + ">").c_str()),
      SIPTAG_CALL_ID_STR(call_id.c_str()), SIPTAG_ROUTE_STR(route.c_str()), SIPTAG_MAX_FORWARDS_STR("70"),
      SIPTAG_HEADER_STR("P-Asserted-Identity: <sip:push@ims.lab>"),
      SIPTAG_HEADER_STR("P-Charging-Vector: icid-value=\"bench-0001\";orig-ioi=\"Type 3ims.lab\""),
      SIPTAG_ACCEPT_CONTACT_STR("*;+g.oma.pusheventapp=\"news.ua\";require;explicit"),
      SIPTAG_DATE_STR("Mon, 23 Nov 2026 02:00:00 GMT"), SIPTAG_PRIORITY_STR("normal"), SIPTAG_CONTENT_TYPE_STR("text/plain"),
      SIPTAG_CONTENT_DISPOSITION_STR("render"), SIPTAG_PAYLOAD_STR(body.c_str()), TAG_END());
}

int on_response(nta_outgoing_magic_t* magic, nta_outgoing_t* outgoing, sip_t const* sip) {
  auto& run = *reinterpret_cast<Run*>(magic);
  if (sip && sip->sip_status->st_status < 200) return 0;
  if (sip && sip->sip_status->st_status == 200) ++run.answered;
  nta_outgoing_destroy(outgoing);
  if (run.sent < run.count)
    send_one(run);
  else if (run.answered == run.count)
    su_root_break(run.root);
  return 0;
}

}  // namespace

int main(int, char** argv) {
  Run run;
  run.target = argv[1];
  run.count = std::atol(argv[2]);
  su_init();
  run.root = su_root_create(nullptr);
  run.agent = nta_agent_create(run.root, URL_STRING_MAKE("sip:127.0.0.1:0;transport=udp"), nullptr, nullptr, TAG_END());
  if (!run.agent) return 1;
  run.leg = nta_leg_tcreate(run.agent, nullptr, nullptr, NTATAG_NO_DIALOG(1), TAG_END());
  for (int i = 0; i < 64 && run.sent < run.count; ++i) send_one(run);
  su_root_run(run.root);
  std::printf("{\"sent\":%ld,\"answered\":%ld}\n", run.sent, run.answered);
  return run.answered == run.count ? 0 : 1;
}
