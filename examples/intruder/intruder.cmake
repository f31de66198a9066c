# example_intruder(TARGET): with -DEXAMPLE_INTRUDER=ON the server obeys an intruder (intruder.h).
option(EXAMPLE_INTRUDER "build the test's intruder in: for tests only" OFF)
function(example_intruder target)
  if(EXAMPLE_INTRUDER)
    target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR})
    target_compile_definitions(${target} PRIVATE EXAMPLE_INTRUDER=1)
  endif()
endfunction()
