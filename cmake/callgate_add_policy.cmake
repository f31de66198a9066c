# callgate_add_policy(TARGET FILE.policy [NAME name] [ARCHES arch...])
#
# Compiles and proves the policy when TARGET is built, embeds the program in TARGET and links the
# small runtime, which needs libc alone. What TARGET then has:
#
#   #include "worker_policy.h"            /* NAME_policy.h; NAME is the file's name by default */
#   callgate::install(worker_policy, {.all_threads = true})                     // C++
#   callgate_install_embedded(&worker_policy, CALLGATE_ALL_THREADS)             /* C */
#
# A mistake in the policy is an error of the build, with file and line. The program is made anew when
# the policy or a file that it includes changes. ARCHES are by default those that the policy names,
# else the one of the machine that builds; under cross-compilation they must be said. The command is
# callgate::command, or CALLGATE_COMMAND where that cannot run on the machine that builds.
function(callgate_add_policy target policy)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "NAME" "ARCHES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "callgate_add_policy: unexpected ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT TARGET ${target})
    message(FATAL_ERROR "callgate_add_policy: ${target} is not a target")
  endif()
  if(CMAKE_CROSSCOMPILING AND NOT arg_ARCHES)
    message(FATAL_ERROR "callgate_add_policy: cross-compiling, so ARCHES must say for what")
  endif()
  cmake_path(ABSOLUTE_PATH policy BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
  if(NOT EXISTS ${policy})
    message(FATAL_ERROR "callgate_add_policy: no file ${policy}")
  endif()
  if(NOT arg_NAME)
    cmake_path(GET policy STEM arg_NAME)
  endif()
  string(MAKE_C_IDENTIFIER "${arg_NAME}_policy" symbol)

  set(command callgate::command)
  if(CALLGATE_COMMAND)
    set(command ${CALLGATE_COMMAND})
  endif()
  set(arches)
  if(arg_ARCHES)
    list(JOIN arg_ARCHES "," joined)
    set(arches --arch ${joined})
  endif()

  # In the language that the project has: the source is both.
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  set(ending cpp)
  if("C" IN_LIST languages)
    set(ending c)
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/callgate/${target})
  set(source ${folder}/${symbol}.${ending})
  file(MAKE_DIRECTORY ${folder})
  file(CONFIGURE OUTPUT ${folder}/${symbol}.h @ONLY CONTENT [[
/* Made by callgate_add_policy from @policy@. */
#pragma once
#include <callgate/runtime/embedded.h>
#ifdef __cplusplus
extern "C" {
#endif
extern const callgate_embedded_program @symbol@;
#ifdef __cplusplus
}
#endif
]])
  add_custom_command(OUTPUT ${source}
    COMMAND ${command} compile ${policy} ${arches} -f embedded --name ${symbol} -o ${source}
            --depfile ${source}.d
    DEPENDS ${policy} ${command}
    DEPFILE ${source}.d
    COMMENT "Compiling and proving ${arg_NAME}.policy"
    VERBATIM)
  target_sources(${target} PRIVATE ${source})
  target_include_directories(${target} PRIVATE ${folder})
  target_link_libraries(${target} PRIVATE callgate::embedded)
endfunction()
