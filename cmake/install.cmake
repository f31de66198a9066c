# What other projects link, and what `cmake --install` puts where.
#
#   callgate::<folder>   one static library a folder of src/, but for the command's own
#   callgate::callgate   everything that the author of a program needs
#   callgate::runtime    installing a compiled program, and nothing above that
#   callgate::command    the command, for callgate_add_policy()
#
# Components: command (the command, its manual and completion), runtime (shared libraries), dev
# (headers, static libraries, the CMake package, pkg-config).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# callgate_closure(OUT FOLDER...): the folders and all that they use, users before used: the order
# in which a linker wants them. The table of src/CMakeLists.txt lists used before users.
function(callgate_closure out)
  get_property(folders GLOBAL PROPERTY CALLGATE_FOLDERS)
  list(REVERSE folders)
  set(needed ${ARGN})
  set(closure)
  foreach(folder IN LISTS folders)
    if(folder IN_LIST needed)
      get_property(uses GLOBAL PROPERTY CALLGATE_${folder}_USES)
      list(APPEND needed ${uses})
      list(APPEND closure ${folder})
    endif()
  endforeach()
  set(${out} ${closure} PARENT_SCOPE)
endfunction()

# The C part of the runtime is a library of its own.
if(TARGET callgate_embedded)
  set_target_properties(callgate_embedded PROPERTIES EXPORT_NAME embedded)
  get_property(callgate_folders GLOBAL PROPERTY CALLGATE_FOLDERS)
  set_property(GLOBAL PROPERTY CALLGATE_FOLDERS embedded ${callgate_folders})
  set_property(GLOBAL APPEND PROPERTY CALLGATE_runtime_USES embedded)
endif()

get_property(callgate_folders GLOBAL PROPERTY CALLGATE_FOLDERS)
list(REMOVE_ITEM callgate_folders cli)

# What the author of a program needs.
set(callgate_author_folders compiler formats runtime)
foreach(folder confine strict)
  if(TARGET callgate_${folder})
    list(APPEND callgate_author_folders ${folder})
  endif()
endforeach()
add_library(callgate_callgate INTERFACE)
add_library(callgate::callgate ALIAS callgate_callgate)
set_target_properties(callgate_callgate PROPERTIES EXPORT_NAME callgate)
foreach(folder IN LISTS callgate_author_folders)
  target_link_libraries(callgate_callgate INTERFACE callgate::${folder})
endforeach()

if(NOT CALLGATE_INSTALL)
  return()
endif()

# Libraries, headers, command.
list(TRANSFORM callgate_folders PREPEND callgate_ OUTPUT_VARIABLE callgate_targets)
install(TARGETS ${callgate_targets} callgate_callgate EXPORT callgateTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT dev FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
set_target_properties(callgate PROPERTIES EXPORT_NAME command)
install(TARGETS callgate EXPORT callgateTargets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
if(TARGET callgate_shared)
  set_target_properties(callgate_shared PROPERTIES EXPORT_NAME shared)
  install(TARGETS callgate_shared EXPORT callgateTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()

include(${PROJECT_SOURCE_DIR}/cmake/manual.cmake)

# The CMake package.
set(callgate_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/callgate)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/callgateConfig.cmake.in
  ${PROJECT_BINARY_DIR}/package/callgateConfig.cmake INSTALL_DESTINATION ${callgate_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/callgateConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(EXPORT callgateTargets NAMESPACE callgate:: DESTINATION ${callgate_package_dir}
  COMPONENT dev)
install(FILES ${PROJECT_BINARY_DIR}/package/callgateConfig.cmake
              ${PROJECT_BINARY_DIR}/package/callgateConfigVersion.cmake
  DESTINATION ${callgate_package_dir} COMPONENT dev)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/callgate_add_policy.cmake
  DESTINATION ${callgate_package_dir} COMPONENT dev)

# pkg-config. callgate_link_line(OUT FOLDER...): what links the static libraries of these folders.
function(callgate_link_line out)
  callgate_closure(closure ${ARGN})
  set(line)
  foreach(folder IN LISTS closure)
    get_target_property(type callgate_${folder} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
      string(APPEND line " -lcallgate_${folder}")
    endif()
  endforeach()
  set(${out} "${line}" PARENT_SCOPE)
endfunction()

# The prefix is told by where the file lies.
function(callgate_pkg_config name description requires libraries)
  file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" up ${up})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/callgate.pc.in
                 ${PROJECT_BINARY_DIR}/package/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/${name}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endfunction()

callgate_link_line(line ${callgate_author_folders})
callgate_pkg_config(callgate "write, prove and install seccomp policies (C++20)" fmt "${line}")
callgate_link_line(line runtime)
callgate_pkg_config(callgate-runtime "install compiled seccomp policies (C++20)" "" "${line}")
callgate_link_line(line embedded)
callgate_pkg_config(callgate-embedded "install seccomp policies that are built in (C99)" "" "${line}")
if(TARGET callgate_shared)
  callgate_pkg_config(callgate-c "write, prove and install seccomp policies (C)" "" " -lcallgate")
endif()
