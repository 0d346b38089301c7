#include <csignal>
#include <exception>
#include <iostream>

#include "ctl/ctl.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return herald::ctl::run({argv + 1, argv + argc}, std::cout, std::cerr);
  } catch (const std::exception& error) {
    std::cerr << "heraldctl: " << error.what() << '\n';
    return 2;
  }
}
