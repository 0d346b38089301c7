// The C side: trampolines that never throw, and registration. Each takes what it needs as plain data and returns at once.
#include <atomic>
#include <ctime>

#include "dictionary/avp.h"
#include "dictionary/dictionary.h"
#include "dictionary/embed.h"
#include "stack_core.h"
//
#include "dictionary/library.h"

namespace herald::diameter {

namespace {

constexpr std::uint32_t kPushNotification = 309;
constexpr std::uint32_t kNoSubscriptionToData = 5107;

std::atomic<StackCore*> g_core{nullptr};  // never freed: see DiameterStack::start

void library_log(int level, std::string_view line) noexcept {
  if (auto* core = g_core.load()) core->on_library_log(level, line);
}

void answer_came(void* data, msg** message) noexcept {
  const auto handle = PendingHandle::from_pointer(data);
  ShAnswer answer;
  try {
    answer = read_answer(*message);
  } catch (...) {
    answer.kind = ShAnswer::Kind::dropped;
  }
  fd_msg_free(*message);  // and the request with it (FD-31)
  *message = nullptr;
  if (auto* core = g_core.load()) core->on_answer(handle, std::move(answer));
}

void request_expired(void* data, DiamId_t, std::size_t, msg** request) noexcept {
  const auto handle = PendingHandle::from_pointer(data);
  if (request != nullptr && *request != nullptr) {
    fd_msg_free(*request);
    *request = nullptr;
  }
  ShAnswer answer;
  answer.kind = ShAnswer::Kind::timed_out;
  if (auto* core = g_core.load()) core->pending().complete(handle, std::move(answer));  // usually long ended by our timer
}

std::string_view text_or_nothing(const void* text) noexcept {
  return text != nullptr ? std::string_view(static_cast<const char*>(text)) : std::string_view();
}

void hooked(fd_hook_type type, msg* message, peer_hdr* peer, void* other, fd_hook_permsgdata*, void*) noexcept {
  auto* core = g_core.load();
  if (core == nullptr) return;
  switch (type) {
    case HOOK_DATA_RECEIVED: {
      auto* received = static_cast<fd_cnx_rcvdata*>(other);
      if (received != nullptr && received->buffer != nullptr) core->on_data(received->buffer, received->length);
      break;
    }
    case HOOK_MESSAGE_DROPPED: {
      msg_hdr* header = nullptr;
      if (message != nullptr && fd_msg_hdr(message, &header) == 0 && (header->msg_flags & CMD_FLAG_REQUEST) == 0)
        core->on_dropped_answer(header->msg_eteid, text_or_nothing(other));
      break;
    }
    case HOOK_MESSAGE_PARSING_ERROR:
      // Without a message `other` is the buffer, not a text.
      core->on_parse_error(message != nullptr ? text_or_nothing(other) : std::string_view("not a Diameter message"));
      break;
    case HOOK_PEER_CONNECT_SUCCESS:
    case HOOK_PEER_CONNECT_FAILED:
      if (peer != nullptr && peer->info.pi_diamid != nullptr)
        core->on_peer({peer->info.pi_diamid, peer->info.pi_diamidlen}, type == HOOK_PEER_CONNECT_SUCCESS, text_or_nothing(other));
      break;
    default:
      break;
  }
}

// We subscribe to nothing yet, so every notification gets "no subscription" (SH-43) instead of silence.
int notification_came(msg** message, avp*, session* dialog, void*, disp_action* action) noexcept {
  try {
    // The library made a session object for the Session-Id and would keep it for a month (D4).
    if (dialog != nullptr) fd_sess_destroy(&dialog);
    if (const int rc = fd_msg_new_answer_from_req(fd_g_config->cnf_dict, message, 0); rc != 0) return rc;
    if (!add_application(*message, kApplicationSh) || !add_experimental_result(*message, kNoSubscriptionToData)) return ENOMEM;
    if (const int rc = fd_msg_add_origin(*message, 0); rc != 0) return rc;
    *action = DISP_ACT_SEND;
    if (auto* core = g_core.load()) core->on_notification();
    return 0;
  } catch (...) {
    return ENOMEM;
  }
}

Expected<> hook(std::uint32_t mask) {
  fd_hook_hdl* handle = nullptr;
  if (const int rc = fd_hook_register(mask, &hooked, nullptr, nullptr, &handle); rc != 0)
    return fail(library_error("fd_hook_register", rc));
  return {};
}

std::uint32_t data_size(dict_avp_basetype type) {
  switch (type) {
    case AVP_TYPE_INTEGER32:
    case AVP_TYPE_UNSIGNED32:
    case AVP_TYPE_FLOAT32:
      return 4;
    case AVP_TYPE_INTEGER64:
    case AVP_TYPE_UNSIGNED64:
    case AVP_TYPE_FLOAT64:
      return 8;
    default:
      return 0;
  }
}

int collect_rule(void* data, dict_rule_data* rule) noexcept {
  try {
    dict_avp_data child{};
    if (fd_dict_getval(rule->rule_avp, &child) != 0) return 0;
    const int least = rule->rule_min >= 0 ? rule->rule_min : (rule->rule_position == RULE_OPTIONAL ? 0 : 1);
    const int head = rule->rule_position == RULE_FIXED_HEAD ? static_cast<int>(rule->rule_order) : 0;
    static_cast<AvpModel*>(data)->children.push_back({child.avp_code, child.avp_vendor, least, rule->rule_max, head});
  } catch (...) {
    return ENOMEM;
  }
  return 0;
}

void load_model(MessageModels& models, std::uint32_t code, std::uint32_t vendor) {
  auto* object = find_avp(code, vendor);
  dict_avp_data data{};
  if (object == nullptr || fd_dict_getval(object, &data) != 0) return;
  AvpModel model;
  model.fixed_flags = data.avp_flag_mask;
  model.flags = data.avp_flag_val;
  model.size = data_size(data.avp_basetype);
  model.grouped = data.avp_basetype == AVP_TYPE_GROUPED;
  if (model.grouped) fd_dict_iterate_rules(object, &model, &collect_rule);
  models.add(code, vendor, std::move(model));
}

}  // namespace

void bind_callbacks(StackCore* core) noexcept { g_core = core; }

Expected<> install_library_log() { return install_log(&library_log); }

Expected<> register_callbacks() {
  // The data hook stands alone: the library takes one registration of it only.
  if (auto done = hook(HOOK_MASK(HOOK_DATA_RECEIVED)); !done) return done;
  if (auto done =
          hook(HOOK_MASK(HOOK_MESSAGE_DROPPED, HOOK_MESSAGE_PARSING_ERROR, HOOK_PEER_CONNECT_SUCCESS, HOOK_PEER_CONNECT_FAILED));
      !done)
    return done;
  disp_when when{};
  when.app = find_application(kApplicationSh);
  when.command = find_request(kPushNotification);
  if (const int rc = fd_disp_register(&notification_came, DISP_HOW_CC, &when, nullptr, nullptr); rc != 0)
    return fail(library_error("fd_disp_register", rc));
  return {};
}

Expected<> hand_over(DiameterMessage message, PendingHandle handle, Duration expiry) {
  const auto when = (system_clock().wall() + std::chrono::ceil<std::chrono::milliseconds>(expiry)).time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(when);
  timespec until{};  // the library wants CLOCK_REALTIME
  until.tv_sec = static_cast<std::time_t>(seconds.count());
  until.tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(when - seconds).count();
  auto* raw = message.release();
  // Both callbacks: without the first, the second gets no data (FD-30).
  const int rc = fd_msg_send_timeout(&raw, &answer_came, handle.as_pointer(), &request_expired, &until);
  if (raw != nullptr) fd_msg_free(raw);
  if (rc != 0) return fail(library_error("fd_msg_send_timeout", rc));
  return {};
}

MessageModels load_models() {
  constexpr std::uint32_t kLastBaseCode = 1023;
  MessageModels models;
  for (std::uint32_t code = 1; code <= kLastBaseCode; ++code) load_model(models, code, kVendorBase);
  for (const auto& row : avp_table()) load_model(models, row.code, row.vendor);
  for (const std::uint32_t command : {257U, 258U, 271U, 274U, 275U, 280U, 282U}) {
    if (find_answer(command) != nullptr) models.add_command(command);
  }
  for (const auto& row : command_table()) models.add_command(row.code);
  return models;
}

}  // namespace herald::diameter
