#include "hss/server.h"

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <thread>

#include "dictionary/avp.h"
#include "dictionary/dictionary.h"
#include "dictionary/embed.h"
#include "hss/delayed.h"

// Last: its macros leak (FD-12).
#include "dictionary/library.h"

namespace herald::lab {

namespace {

using namespace diameter;

constexpr std::uint32_t kUnknownAvp = 9999;
constexpr std::chrono::milliseconds kOpenPoll{5};
constexpr unsigned kOpenTries = 6000;

struct Route {
  std::uint32_t application;
  std::string name;
  Handler handler;
};

// The library knows one stack per process, and its callbacks outlive no Server: so these are per process too.
struct Dispatch {
  std::map<std::uint32_t, Route> routes;  // by command code; complete before start
  Faults* faults = nullptr;
  std::unique_ptr<Delayed> delayed;
};
Dispatch g_dispatch;

void on_library_log(int level, std::string_view line) noexcept {
  if (level < FD_LOG_ERROR || line.substr(0, 3) == "   ") return;  // dumps of messages are indented
  try {
    auto entry = event("log");
    entry["text"] = line;
    journal(std::move(entry));
  } catch (...) {  // a line of log is not worth an abort
  }
}

// The connection is there before the library lets answers through it; after a crash of the peer it first wants three DWAs.
void tell_when_open(std::string identity, unsigned tries) {
  peer_hdr* peer = nullptr;
  if (fd_peer_getbyid(identity.data(), identity.size(), 0, &peer) != 0 || peer == nullptr) return;
  const auto state = fd_peer_get_state(peer);
  if (state == STATE_OPEN) {
    auto entry = event("peer_open");
    entry["peer"] = identity;
    journal(std::move(entry));
  } else if ((state == STATE_REOPEN || state == STATE_WAITCEA || state == STATE_CLOSED || state == STATE_WAITCNXACK) &&
             tries < kOpenTries) {
    g_dispatch.delayed->after(kOpenPoll, [identity = std::move(identity), tries] { tell_when_open(identity, tries + 1); });
  }
}

void on_peer(fd_hook_type type, msg*, peer_hdr* peer, void* other, fd_hook_permsgdata*, void*) noexcept {
  try {
    std::string identity;
    if (peer != nullptr) identity.assign(peer->info.pi_diamid, peer->info.pi_diamidlen);
    if (type == HOOK_PEER_CONNECT_SUCCESS) {
      g_dispatch.delayed->after(std::chrono::milliseconds(0), [identity] { tell_when_open(identity, 0); });
      return;
    }
    auto entry = event("peer_failed");
    if (!identity.empty()) entry["peer"] = identity;
    if (other != nullptr) entry["reason"] = static_cast<const char*>(other);
    journal(std::move(entry));
  } catch (...) {
  }
}

// The lab lets everybody in, in clear text.
int on_unknown_peer(peer_info* info, int* authorized, int (**)(peer_info*)) noexcept {
  info->config.pic_flags.sec = PI_SEC_NONE;
  *authorized = 1;
  return 0;
}

bool define_unknown_avp() {
  dict_avp_data data{};
  std::string name = "Known-To-Nobody";
  data.avp_code = kUnknownAvp;
  data.avp_vendor = kVendor3gpp;
  data.avp_name = name.data();
  data.avp_basetype = AVP_TYPE_OCTETSTRING;
  data.avp_flag_mask = AVP_FLAG_VENDOR;
  data.avp_flag_val = AVP_FLAG_VENDOR | AVP_FLAG_MANDATORY;
  return fd_dict_new(fd_g_config->cnf_dict, DICT_AVP, &data, nullptr, nullptr) == 0;
}

bool add_rubbish(msg* answer, const Fault& fault) {
  switch (fault.rubbish) {
    case RubbishKind::xml:
      return add_u32(answer, 268, 0, 2001) && fd_msg_add_origin(answer, 0) == 0 &&
             add_text(answer, 702, kVendor3gpp, "<Sh-Data><RepositoryData>\xff\xfe&nonsense;</Sh-");
    case RubbishKind::no_result:
      return fd_msg_add_origin(answer, 0) == 0;
    case RubbishKind::unknown_m:
      return add_text(answer, kUnknownAvp, kVendor3gpp, "surprise") && add_u32(answer, 268, 0, 2001) &&
             fd_msg_add_origin(answer, 0) == 0;
  }
  return false;
}

// Turns *message into its answer.
bool make_answer(msg** message, std::uint32_t application, const Reply& reply, const Fault& fault) {
  if (fd_msg_new_answer_from_req(fd_g_config->cnf_dict, message, 0) != 0) return false;
  auto* answer = *message;
  if (!add_application(answer, application)) return false;
  if (fault.kind == FaultKind::rubbish) return add_rubbish(answer, fault);
  const bool replaced = fault.kind == FaultKind::result || fault.kind == FaultKind::experimental;
  const auto code = replaced ? fault.code : reply.code;
  const bool experimental = replaced ? fault.kind == FaultKind::experimental : reply.experimental;
  if (!(experimental ? add_experimental_result(answer, code) : add_u32(answer, 268, 0, code))) return false;
  if (fd_msg_add_origin(answer, 0) != 0) return false;
  if (!experimental && code >= 3000 && code < 4000) {
    msg_hdr* header = nullptr;
    if (fd_msg_hdr(answer, &header) == 0) header->msg_flags |= CMD_FLAG_ERROR;
  }
  if (reply.always && !reply.always(answer)) return false;
  return replaced || !reply.payload || reply.payload(answer);
}

std::string_view name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::none:
      return "none";
    case FaultKind::silent:
      return "silent";
    case FaultKind::slow:
      return "slow";
    case FaultKind::result:
      return "result";
    case FaultKind::experimental:
      return "error";
    case FaultKind::rubbish:
      return "rubbish";
  }
  return "";
}

void tell(const Route& route, msg* request, const Reply& reply, const Fault& fault) {
  auto entry = event("request");
  entry["app"] = route.application == kApplicationCx ? "cx" : "sh";
  entry["command"] = route.name;
  if (const auto origin = text_of(find_child(request, 264))) entry["from"] = *origin;
  entry.update(reply.note);
  if (fault.kind == FaultKind::none || fault.kind == FaultKind::slow)
    entry[reply.experimental ? "experimental" : "result"] = reply.code;
  if (fault.kind == FaultKind::result || fault.kind == FaultKind::experimental) entry["result"] = fault.code;
  if (fault.kind != FaultKind::none) entry["fault"] = name_of(fault.kind);
  journal(std::move(entry));
}

void send_later(msg* request, const Route& route, Reply reply, const Fault& fault) {
  g_dispatch.delayed->after(fault.delay, [request, application = route.application, reply = std::move(reply)]() mutable {
    auto* message = request;
    if (!make_answer(&message, application, reply, Fault{}) || fd_msg_send(&message, nullptr, nullptr) != 0) fd_msg_free(message);
  });
}

int on_request(msg** message, const Route& route, disp_action* action) {
  const auto fault = g_dispatch.faults->of(route.application);
  // A request that gets no answer leaves no trace in the state either.
  const bool runs = fault.kind == FaultKind::none || fault.kind == FaultKind::slow || fault.kind == FaultKind::rubbish;
  auto reply = runs ? route.handler(*message) : Reply{};
  tell(route, *message, reply, fault);
  if (fault.kind == FaultKind::silent) {
    fd_msg_free(*message);
    *message = nullptr;
    return 0;
  }
  if (fault.kind == FaultKind::slow) {
    send_later(*message, route, std::move(reply), fault);
    *message = nullptr;
    return 0;
  }
  if (!make_answer(message, route.application, reply, fault)) return EINVAL;
  *action = DISP_ACT_SEND;
  return 0;
}

int on_dispatch(msg** message, avp*, session*, void*, disp_action* action) noexcept {
  try {
    msg_hdr* header = nullptr;
    if (fd_msg_hdr(*message, &header) != 0) return EINVAL;
    if ((header->msg_flags & CMD_FLAG_REQUEST) == 0) return 0;
    const auto found = g_dispatch.routes.find(header->msg_code);
    if (found == g_dispatch.routes.end()) return 0;  // the library answers 3001
    return on_request(message, found->second, action);
  } catch (const std::exception& error) {
    auto entry = event("log");
    entry["text"] = error.what();
    journal(std::move(entry));
    return EINVAL;
  }
}

std::string library_configuration(const Config& config) {
  auto text = "Identity = \"" + config.identity + "\"; Realm = \"" + config.realm +
              "\"; Port = " + std::to_string(config.listen_port) +
              "; SecPort = 0; No_SCTP; No_IPv6; NoRelay; TcTimer = 1; TwTimer = 6; AppServThreads = 4;\n";
  for (const auto& peer : config.peers) {
    text += "ConnectPeer = \"" + peer.identity + "\" { ConnectTo = \"" + peer.address +
            "\"; Port = " + std::to_string(peer.port) + "; No_TLS; };\n";
  }
  return text;
}

// A peer whose thread is not there yet when the core starts waits up to five seconds before it connects for the first time.
void wait_for_peer_threads(const Config& config) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  for (const auto& peer : config.peers) {
    peer_hdr* header = nullptr;
    std::string id = peer.identity;
    if (fd_peer_getbyid(id.data(), id.size(), 0, &header) != 0 || header == nullptr) continue;
    while (fd_peer_get_state(header) == STATE_NEW && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  }
}

Expected<> check(int rc, std::string_view where) {
  if (rc != 0) return fail(library_error(where, rc));
  return {};
}

}  // namespace

Server::~Server() { stop(); }

void Server::handle(std::uint32_t command, std::uint32_t application, std::string name, Handler handler) {
  g_dispatch.routes[command] = {application, std::move(name), std::move(handler)};
}

void Server::later(std::function<void()> task) {
  if (g_dispatch.delayed) g_dispatch.delayed->after(std::chrono::milliseconds(0), std::move(task));
}

Expected<> Server::start() {
  g_dispatch.faults = &faults_;
  g_dispatch.delayed = std::make_unique<Delayed>();
  if (auto done = install_log(on_library_log); !done) return done;
  if (auto done = check(fd_core_initialize(), "fd_core_initialize"); !done) return done;
  initialized_ = true;
  if (auto done = parse_configuration(library_configuration(config_)); !done) return done;
  if (auto done = define_dictionary(); !done) return done;
  if (!define_unknown_avp()) return fail(ErrorCode::internal, "the dictionary refuses the lab's own AVP");
  if (auto done = add_endpoint(config_.listen_address); !done) return done;
  for (const auto application : {kApplicationCx, kApplicationSh}) {
    if (auto done = advertise(application); !done) return done;
  }
  for (const auto& [command, route] : g_dispatch.routes) {
    disp_when when{};
    when.app = find_application(route.application);
    when.command = find_request(command);
    if (auto done = check(fd_disp_register(on_dispatch, DISP_HOW_CC, &when, nullptr, nullptr), "fd_disp_register"); !done)
      return done;
  }
  if (auto done = check(fd_peer_validate_register(on_unknown_peer), "fd_peer_validate_register"); !done) return done;
  fd_hook_hdl* hook = nullptr;
  const auto mask = HOOK_MASK(HOOK_PEER_CONNECT_SUCCESS, HOOK_PEER_CONNECT_FAILED);
  if (auto done = check(fd_hook_register(mask, on_peer, nullptr, nullptr, &hook), "fd_hook_register"); !done) return done;
  wait_for_peer_threads(config_);
  if (auto done = check(fd_core_start(), "fd_core_start"); !done) return done;
  if (auto done = check(fd_core_waitstartcomplete(), "fd_core_waitstartcomplete"); !done) return done;
  return {};
}

void Server::stop() {
  if (!initialized_) return;
  initialized_ = false;
  fd_core_shutdown();
  // Against Kamailio's cdp the library waits its full 16 s for the connection to end. An HSS of a lab has nothing to lose: the
  // DPR is out, so a moment is enough and the process may end around the rest.
  auto done = std::make_shared<std::promise<void>>();
  auto ended = done->get_future();
  std::thread([done] {
    fd_core_wait_shutdown_complete();
    done->set_value();
  }).detach();
  ended.wait_for(std::chrono::milliseconds(500));
}

}  // namespace herald::lab
