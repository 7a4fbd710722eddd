# mgit_room(NAME [USES room...] [LIBRARIES lib...]): the static library mgit_NAME from src/NAME/ and its
# sub-folders, but for those that are a target of their own. All rooms share one precompiled header.
# USES names the rooms below it: arrows point down only (ARCHITECTURE.md).
function(mgit_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/src/eval/torch/")
  if(NOT sources)
    message(WARNING "room ${name} is empty")
    return()
  endif()
  add_library(mgit_${name} STATIC ${sources})
  list(TRANSFORM ROOM_USES PREPEND mgit_)
  target_link_libraries(mgit_${name} PUBLIC mgit_options ${ROOM_USES} PRIVATE ${ROOM_LIBRARIES})
  if(name STREQUAL base)
    target_precompile_headers(mgit_base PRIVATE ${CMAKE_SOURCE_DIR}/cmake/common.h)
  else()
    target_precompile_headers(mgit_${name} REUSE_FROM mgit_base)
  endif()
endfunction()

# mgit_light(TARGET): compiled with -O1. Most of a build's time goes into optimising; what only parses,
# prints or checks does not need it.
function(mgit_light target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
endfunction()

# mgit_unit_tests(ROOM): the program test_ROOM from tests/unit/ROOM/*.cpp, one test of ctest.
function(mgit_unit_tests room)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${room}/*.cpp)
  if(NOT sources OR NOT TARGET mgit_${room})
    return()
  endif()
  add_executable(test_${room} ${sources})
  target_link_libraries(test_${room} PRIVATE mgit_${room} mgit_test_support GTest::gtest
                        GTest::gmock GTest::gtest_main fmt::fmt)
  mgit_light(test_${room})
  target_precompile_headers(test_${room} REUSE_FROM mgit_test_support)
  add_test(NAME unit/${room} COMMAND test_${room} --gtest_brief=1)
endfunction()
