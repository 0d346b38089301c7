// heraldctl without its process.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace herald::ctl {

// Arguments without the program's name. Returns the exit code: 0 done, 1 the daemon says no, 2 wrong usage or no daemon.
int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err);

}  // namespace herald::ctl
