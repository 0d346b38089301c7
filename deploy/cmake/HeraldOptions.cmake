# Language, warnings and sanitizers: the same for every target.
include(GNUInstallDirs)

option(HERALD_TESTS "Build the tests" ON)
option(HERALD_FUZZ "Build the fuzzers (clang)" OFF)
set(HERALD_SANITIZE "" CACHE STRING "Sanitizers: 'address,undefined' or 'thread'")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(HERALD_MODULE_DIRECTORY ${CMAKE_BINARY_DIR}/lib/herald)

# Off in the presets of clang: its precompiled headers hold paths, so that ccache finds nothing again in another checkout; and off
# in debug, where a file that forgets an #include must not compile.
option(HERALD_PCH "Precompile the standard library's headers" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  if(HERALD_PCH)
    list(PREPEND CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros)
  endif()
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(herald_options INTERFACE)
target_compile_options(herald_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Werror -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives of these in coroutines and std::optional.
  target_compile_options(herald_options INTERFACE -Wno-maybe-uninitialized -Wno-dangling-pointer -Wno-mismatched-new-delete)
endif()
if(HERALD_SANITIZE)
  add_compile_options(-fsanitize=${HERALD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HERALD_SANITIZE})
endif()

if(HERALD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # the fuzzers steer by the coverage of what they call
endif()

# A precompiled header must be made with the flags of those who use it: one for libraries, one for test programs.
function(herald_precompiled name)
  if(NOT HERALD_PCH)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;USES")
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/${name}.cpp CONTENT "")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE herald_options ${arg_USES})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()
if(HERALD_PCH)
  # The second for ccache. The others: GCC 12 forgets that what comes from a precompiled header is the library's, and reports false
  # positives inside std::string.
  add_compile_options(-pthread -fpch-preprocess -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endif()
set(HERALD_STD_HEADERS
  <algorithm> <array> <atomic> <chrono> <coroutine> <cstdint> <deque> <functional> <map> <memory> <mutex> <optional> <random> <set>
  <span> <sstream> <string> <string_view> <thread> <unordered_map> <unordered_set> <utility> <variant> <vector> <tl/expected.hpp>)
herald_precompiled(herald_pch HEADERS ${HERALD_STD_HEADERS})

# herald_library(NAME FOLDER…): every .cpp of these folders, nothing below them.
function(herald_library name)
  list(TRANSFORM ARGN APPEND "/*.cpp" OUTPUT_VARIABLE patterns)
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  list(LENGTH sources count)
  if(count EQUAL 0)
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PRIVATE herald_options)
  if(HERALD_PCH)
    target_precompile_headers(${name} REUSE_FROM herald_pch)
  endif()
endfunction()
