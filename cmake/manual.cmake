# The manual and the completions: the command writes them, so they know every verb. Included by
# install.cmake.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  message(STATUS "cross-compiling: no manual pages, no completion (the command cannot run here)")
  return()
endif()

set(callgate_share ${PROJECT_BINARY_DIR}/share)
set(callgate_policy_page)
find_program(CALLGATE_LOWDOWN lowdown)
if(CALLGATE_LOWDOWN)
  set(callgate_policy_page COMMAND ${CMAKE_COMMAND} -DLOWDOWN=${CALLGATE_LOWDOWN}
    -DIN=${PROJECT_SOURCE_DIR}/docs/policy.md -DOUT=${callgate_share}/man/man5/callgate.policy.5
    -P ${PROJECT_SOURCE_DIR}/cmake/policy_page.cmake)
else()
  message(STATUS "lowdown not found: no manual page callgate.policy(5)")
endif()

add_custom_command(OUTPUT ${callgate_share}/made
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${callgate_share}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${callgate_share}/man/man1 ${callgate_share}/man/man5
  COMMAND callgate man --all ${callgate_share}/man/man1
  ${callgate_policy_page}
  COMMAND callgate completion bash -o ${callgate_share}/callgate
  COMMAND callgate completion zsh -o ${callgate_share}/_callgate
  COMMAND callgate completion fish -o ${callgate_share}/callgate.fish
  COMMAND ${CMAKE_COMMAND} -E touch ${callgate_share}/made
  DEPENDS callgate ${PROJECT_SOURCE_DIR}/docs/policy.md ${PROJECT_SOURCE_DIR}/cmake/policy_page.cmake
  COMMENT "Writing the manual and the completions"
  VERBATIM)
add_custom_target(callgate_manual ALL DEPENDS ${callgate_share}/made)

set(CALLGATE_ZSH_FUNCTIONS ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING
  "where the completion of zsh goes")
install(DIRECTORY ${callgate_share}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT command)
install(FILES ${callgate_share}/callgate COMPONENT command
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${callgate_share}/_callgate COMPONENT command DESTINATION ${CALLGATE_ZSH_FUNCTIONS})
install(FILES ${callgate_share}/callgate.fish COMPONENT command
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
