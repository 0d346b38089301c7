// The library's dictionary and encoder without a running stack. Once per process.
#pragma once

#include <string>
#include <vector>

namespace herald::diameter::test {

// Initialises the library and defines the dictionary; later calls do nothing.
void library_ready();

std::string hex(const std::string& octets);
std::string unhex(const std::string& text);  // spaces are ignored

}  // namespace herald::diameter::test
