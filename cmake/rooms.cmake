# mgit_room(NAME [USES room...] [LIBRARIES lib...]): the static library mgit_NAME from src/NAME/*.cpp.
# USES names the rooms below it: arrows point down only (ARCHITECTURE.md).
function(mgit_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  if(NOT sources)
    message(WARNING "room ${name} is empty")
    return()
  endif()
  add_library(mgit_${name} STATIC ${sources})
  list(TRANSFORM ROOM_USES PREPEND mgit_)
  target_link_libraries(mgit_${name} PUBLIC mgit_options ${ROOM_USES} PRIVATE ${ROOM_LIBRARIES})
  target_precompile_headers(mgit_${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/common.h)
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
  target_precompile_headers(test_${room} REUSE_FROM mgit_test_support)
  add_test(NAME unit/${room} COMMAND test_${room})
endfunction()
