// A Unix socket that takes one command a line and answers one line:
//   fault sh|cx none|silent|slow MS|result CODE|error CODE|rubbish KIND
//   users                                      who is registered, as JSON
#pragma once

#include <string>
#include <thread>

#include "herald/expected.h"
#include "hss/faults.h"
#include "hss/subscribers.h"

namespace herald::lab {

// Pure: a command and what it does.
[[nodiscard]] std::string run_command(std::string_view line, Faults& faults, const SubscriberStore& users);

class Control {
 public:
  Control(Faults& faults, const SubscriberStore& users) : faults_(faults), users_(users) {}
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  ~Control();

  [[nodiscard]] Expected<> listen(const std::string& path);

 private:
  void run();
  void serve(int connection);

  Faults& faults_;
  const SubscriberStore& users_;
  std::string path_;
  int listener_ = -1;
  int stop_ = -1;
  std::thread thread_;
};

// The other side, for `herald-hss --tell`. Returns the answer line.
[[nodiscard]] Expected<std::string> tell(const std::string& path, const std::string& command);

}  // namespace herald::lab
