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

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
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

# herald_library(NAME FOLDER): every .cpp of one folder, nothing below it.
function(herald_library name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  list(LENGTH sources count)
  if(count EQUAL 0)
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PRIVATE herald_options)
endfunction()
