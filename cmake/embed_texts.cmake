# callgate_embed_texts(TARGET ARRAY NAME|NAME_WE FILE...): files as texts in a program. Makes
# <folder of TARGET>/ARRAY.h in the build tree, an array of EmbeddedText (base/embedded_text.h) whose
# names are those of the files with or without their ending, at configure time and anew whenever one
# of them changes.
function(callgate_embed_texts target array naming)
  list(LENGTH ARGN count)
  set(header "// Made by cmake/embed_texts.cmake.\n#pragma once\n\n#include <array>\n\n")
  string(APPEND header "#include \"base/embedded_text.h\"\n\nnamespace callgate {\n\n")
  string(APPEND header "inline constexpr std::array<EmbeddedText, ${count}> ${array} = {{\n")
  foreach(file IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} ${naming})
    file(READ ${file} text)
    file(SHA256 ${file} hash)
    string(APPEND header "    {\"${name}\",\n     R\"embedded(${text})embedded\",\n     \"${hash}\"},\n")
  endforeach()
  string(APPEND header "}};\n\n}  // namespace callgate\n")
  string(REPLACE "callgate_" "" folder ${target})
  set(made ${PROJECT_BINARY_DIR}/generated/${folder}/${array}.h)
  file(WRITE ${made}.new "${header}")
  configure_file(${made}.new ${made} COPYONLY)
  target_include_directories(${target} PRIVATE ${PROJECT_BINARY_DIR}/generated)
endfunction()
