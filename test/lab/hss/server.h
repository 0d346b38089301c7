// The Diameter node: freeDiameter with our dictionary, requests of Cx and Sh handed to functions, faults applied on the way.
// Thread: start and stop from main; handlers run on the library's threads and must be quick.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "herald/expected.h"
#include "hss/config.h"
#include "hss/faults.h"
#include "hss/journal.h"

struct msg;

namespace herald::lab {

struct Reply {
  std::uint32_t code = 2001;
  bool experimental = false;                                       // in Experimental-Result{10415}, not Result-Code
  nlohmann::ordered_json note = nlohmann::ordered_json::object();  // what the journal tells about it
  // What must be in the answer whatever the result: Kamailio reads User-Name and Public-Identity of an MAA first (CX-01).
  std::function<bool(msg*)> always;
  std::function<bool(msg*)> payload;  // only without a fault that replaces the result
};

// The request is the library's: read it, keep nothing of it.
using Handler = std::function<Reply(msg* request)>;

class Server {
 public:
  Server(const Config& config, Faults& faults) : config_(config), faults_(faults) {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Runs a task on a thread that may send requests.
  void later(std::function<void()> task);

  // Before start.
  void handle(std::uint32_t command, std::uint32_t application, std::string name, Handler handler);
  [[nodiscard]] Expected<> start();
  void stop();  // may leave threads of the library behind: leave by std::_Exit

 private:
  const Config& config_;
  Faults& faults_;
  bool initialized_ = false;
};

}  // namespace herald::lab
