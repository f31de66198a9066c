# Makes formats/builtin_texts.h in the build tree from profiles/*.policy and profiles/promises/, at
# configure time and anew whenever one of them changes.
function(callgate_embed_profiles target)
  file(GLOB profiles CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/profiles/compute.policy
                                       ${PROJECT_SOURCE_DIR}/profiles/compute-interp.policy
                                       ${PROJECT_SOURCE_DIR}/profiles/docker-default.policy
                                       ${PROJECT_SOURCE_DIR}/profiles/none.policy
                                       ${PROJECT_SOURCE_DIR}/profiles/strict.policy)
  set(header "// Made by cmake/embed_profiles.cmake from profiles/*.policy.\n#pragma once\n\n")
  string(APPEND header "#include <array>\n#include <string_view>\n\nnamespace callgate {\n\n")
  string(APPEND header "struct BuiltinText {\n  std::string_view name;\n  std::string_view text;\n};\n\n")
  file(GLOB promises CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/profiles/promises/*.policy)
  set(arrays builtin_texts promise_texts)
  set(lists profiles promises)
  foreach(array texts IN ZIP_LISTS arrays lists)
    list(LENGTH ${texts} count)
    string(APPEND header "inline constexpr std::array<BuiltinText, ${count}> ${array} = {{\n")
    foreach(profile IN LISTS ${texts})
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${profile})
      get_filename_component(name ${profile} NAME_WE)
      file(READ ${profile} text)
      string(APPEND header "    {\"${name}\",\n     R\"policy(${text})policy\"},\n")
    endforeach()
    string(APPEND header "}};\n\n")
  endforeach()
  string(APPEND header "}  // namespace callgate\n")
  set(folder ${PROJECT_BINARY_DIR}/generated/formats)
  file(WRITE ${folder}/builtin_texts.h.new "${header}")
  configure_file(${folder}/builtin_texts.h.new ${folder}/builtin_texts.h COPYONLY)
  target_include_directories(${target} PRIVATE ${PROJECT_BINARY_DIR}/generated)
endfunction()
