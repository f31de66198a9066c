# One CMake library a folder: callgate_<name>, alias callgate::<name>. It is made of every .cpp in
# src/<name> (cli/main.cpp is the program's). A folder without sources is header-only. The global
# property CALLGATE_FOLDERS lists them in the order of the table, for cmake/install.cmake, and
# CALLGATE_<name>_USES what each one links directly.
function(callgate_library name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/cli/main\\.cpp$")
  set(kind PUBLIC)
  if(sources)
    add_library(callgate_${name} STATIC ${sources})
    target_link_libraries(callgate_${name} PRIVATE $<BUILD_INTERFACE:callgate_options>)
    # The lower folders and the runtime use no third-party library but tl::expected.
    if(NOT name MATCHES "^(base|abi|bpf|kernel|runtime)$")
      target_link_libraries(callgate_${name} PRIVATE fmt::fmt)
    endif()
  else()
    add_library(callgate_${name} INTERFACE)
    set(kind INTERFACE)
  endif()
  add_library(callgate::${name} ALIAS callgate_${name})
  target_compile_features(callgate_${name} ${kind} cxx_std_20)
  # An installed header needs nothing of src/.
  target_include_directories(callgate_${name} ${kind} $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  foreach(dependency IN LISTS ARGN)
    target_link_libraries(callgate_${name} ${kind} callgate::${dependency})
  endforeach()
  set_target_properties(callgate_${name} PROPERTIES EXPORT_NAME ${name})
  set_property(GLOBAL APPEND PROPERTY CALLGATE_FOLDERS ${name})
  set_property(GLOBAL PROPERTY CALLGATE_${name}_USES ${ARGN})
endfunction()
