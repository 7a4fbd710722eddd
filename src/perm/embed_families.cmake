# cmake -DOUT=families.cpp -DSPECS="a.perm|b.perm" -P embed_families.cmake
# Writes the texts of the families into one .cpp. Pieces stay below the limit for string literals.
string(REPLACE "|" ";" SPECS "${SPECS}")
list(SORT SPECS)
set(entries "")
foreach(path IN LISTS SPECS)
  get_filename_component(name ${path} NAME)
  file(READ ${path} text)
  if(text MATCHES "[)]perm\"")
    message(FATAL_ERROR "${path} cannot be embedded")
  endif()
  string(APPEND entries "      {\"${name}\", R\"perm(${text})perm\"},\n")
endforeach()
file(WRITE ${OUT} "// Written by src/perm/embed_families.cmake from specs/*.perm.
#include \"perm/families.h\"

namespace mgit::speclang {

const std::vector<Family>& families() {
  static const std::vector<Family> kFamilies = {
${entries}  };
  return kFamilies;
}

}  // namespace mgit::speclang
")
