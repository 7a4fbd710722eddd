# The texts of specs/*.perm as a source file of mgit_perm.
file(GLOB families CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/specs/*.perm)
list(JOIN families "|" joined)
set(generated ${CMAKE_CURRENT_BINARY_DIR}/families.cpp)
add_custom_command(
  OUTPUT ${generated}
  COMMAND ${CMAKE_COMMAND} -DOUT=${generated} "-DSPECS=${joined}"
          -P ${CMAKE_SOURCE_DIR}/src/perm/embed_families.cmake
  DEPENDS ${families} ${CMAKE_SOURCE_DIR}/src/perm/embed_families.cmake
  VERBATIM)
target_sources(mgit_perm PRIVATE ${generated})
