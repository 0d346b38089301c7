// What the peers do, told once per change and not per retry, and what the library forgets to keep alive.
// Thread: hooks call note_*() from the library's threads; look() runs on the sender thread.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "diameter/diameter_stack.h"

namespace herald::diameter {

class PeerGuard {
 public:
  explicit PeerGuard(std::vector<DiameterPeer> peers, Duration reconnect, Duration watchdog);

  // Gives all peers to the library, which connects by itself and again after every loss.
  [[nodiscard]] Expected<> add_all();
  void note_connected(std::string identity);
  void note_failed(std::string identity, std::string reason);
  // Reports changes, and adds a peer again that the library has given up.
  void look();
  [[nodiscard]] std::vector<ShClient::PeerState> states() const;

 private:
  struct Note {
    std::string identity;
    std::string reason;
    bool connected = false;
  };
  struct Seen {
    bool open = false;
    bool failure_told = false;
    std::string reason;
  };
  [[nodiscard]] Expected<> add(const DiameterPeer& peer) const;
  void tell_open(const std::string& identity, Seen& seen);
  void tell_closed(const std::string& identity, Seen& seen);

  const std::vector<DiameterPeer> peers_;
  const Duration reconnect_;
  const Duration watchdog_;
  std::mutex mutex_;  // notes_
  std::deque<Note> notes_;
  std::map<std::string, Seen> seen_;  // sender thread only
};

}  // namespace herald::diameter
