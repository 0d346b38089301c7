#include "peer_guard.h"

#include <arpa/inet.h>
#include <cctype>
#include <netinet/in.h>
#include <utility>

#include "dictionary/dictionary.h"
#include "herald/log.h"
#include "sh_events.h"
#include "sh_metrics.h"
#include "signals_blocked.h"
//
#include "dictionary/library.h"

namespace herald::diameter {

namespace {

constexpr std::size_t kMaxNotes = 256;

int seconds_of(Duration span) { return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(span).count()); }

peer_hdr* find_peer(const std::string& identity) {
  peer_hdr* peer = nullptr;
  // The library declares it char* and only reads it.
  if (fd_peer_getbyid(const_cast<char*>(identity.c_str()), identity.size(), 0, &peer) != 0) return nullptr;
  return peer;
}

ShClient::PeerState state_of(const DiameterPeer& configured) {
  ShClient::PeerState state;
  state.identity = configured.identity;
  auto* peer = find_peer(configured.identity);
  const int raw = peer != nullptr ? fd_peer_get_state(peer) : -1;
  state.open = raw == STATE_OPEN || raw == STATE_OPEN_NEW;
  state.state = raw < 0 ? "absent" : STATE_STR(raw);
  if (state.state.starts_with("STATE_")) state.state.erase(0, 6);
  for (auto& c : state.state) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return state;
}

}  // namespace

PeerGuard::PeerGuard(std::vector<DiameterPeer> peers, Duration reconnect, Duration watchdog)
    : peers_(std::move(peers)), reconnect_(reconnect), watchdog_(watchdog) {}

Expected<> PeerGuard::add_all() {
  for (const auto& peer : peers_) {
    if (auto added = add(peer); !added) return added;
  }
  return {};
}

Expected<> PeerGuard::add(const DiameterPeer& peer) const {
  peer_info info{};
  std::string identity = peer.identity;
  std::string realm = peer.realm;
  info.pi_diamid = identity.data();  // copied by the library
  info.pi_diamidlen = identity.size();
  info.config.pic_flags.pro4 = PI_P4_TCP;
  info.config.pic_flags.sec = peer.tls ? PI_SEC_DEFAULT : PI_SEC_NONE;
  info.config.pic_flags.exp = PI_EXP_NONE;
  info.config.pic_flags.persist = PI_PRST_ALWAYS;
  info.config.pic_realm = realm.empty() ? nullptr : realm.data();
  info.config.pic_port = peer.port;
  info.config.pic_tctimer = seconds_of(reconnect_);
  info.config.pic_twtimer = seconds_of(watchdog_);
  fd_list_init(&info.pi_endpoints, nullptr);

  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  int rc = 0;
  if (inet_pton(AF_INET, peer.address.c_str(), &v4.sin_addr) == 1)
    rc = fd_ep_add_merge(&info.pi_endpoints, reinterpret_cast<sockaddr*>(&v4), sizeof v4, EP_FL_CONF | EP_ACCEPTALL);
  else if (inet_pton(AF_INET6, peer.address.c_str(), &v6.sin6_addr) == 1)
    rc = fd_ep_add_merge(&info.pi_endpoints, reinterpret_cast<sockaddr*>(&v6), sizeof v6, EP_FL_CONF | EP_ACCEPTALL);
  if (rc != 0) return fail(library_error("fd_ep_add_merge", rc));

  const SignalsBlocked blocked;
  if (rc = fd_peer_add(&info, "herald", nullptr, nullptr); rc != 0) return fail(library_error("fd_peer_add", rc));
  return {};
}

void PeerGuard::note_connected(std::string identity) {
  const std::lock_guard lock(mutex_);
  if (notes_.size() < kMaxNotes) notes_.push_back({std::move(identity), {}, true});
}

void PeerGuard::note_failed(std::string identity, std::string reason) {
  const std::lock_guard lock(mutex_);
  if (notes_.size() < kMaxNotes) notes_.push_back({std::move(identity), std::move(reason), false});
}

void PeerGuard::tell_open(const std::string& identity, Seen& seen) {
  if (seen.open) return;
  seen = Seen{true, false, {}};
  log::event(events::kPeerOpen, {{"peer", identity}});
}

void PeerGuard::tell_closed(const std::string& identity, Seen& seen) {
  if (seen.open) {
    seen.open = false;
    seen.failure_told = true;  // one line for the loss; the attempts that follow say nothing new
    log::event(events::kPeerLost, {{"peer", identity}, {"reason", seen.reason}});
  } else if (!seen.failure_told && !seen.reason.empty()) {
    seen.failure_told = true;
    log::event(events::kConnectFailed, {{"peer", identity}, {"reason", seen.reason}});
  }
}

void PeerGuard::look() {
  std::deque<Note> notes;
  {
    const std::lock_guard lock(mutex_);
    notes.swap(notes_);
  }
  for (const auto& note : notes) {
    auto& seen = seen_[note.identity];
    if (note.connected) {
      tell_open(note.identity, seen);
    } else {
      seen.reason = note.reason;
      tell_closed(note.identity, seen);
    }
  }
  int open = 0;
  for (const auto& peer : peers_) {
    const auto state = state_of(peer);
    auto& seen = seen_[peer.identity];
    if (state.open) {
      ++open;
      tell_open(peer.identity, seen);
    } else if (seen.open) {
      if (seen.reason.empty()) seen.reason = state.state;
      tell_closed(peer.identity, seen);
    }
    if (state.state == "absent") {
      const auto added = add(peer);
      log::event(events::kPeerAddedAgain, {{"peer", peer.identity}, {"outcome", added ? "added" : added.error().text}});
    }
  }
  ShMetrics::instance().peers_open.set(open);
}

std::vector<ShClient::PeerState> PeerGuard::states() const {
  std::vector<ShClient::PeerState> states;
  for (const auto& peer : peers_) states.push_back(state_of(peer));
  return states;
}

}  // namespace herald::diameter
