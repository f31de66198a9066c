# The start-up layer of `callgate run --strict`, a shared object with the C library as its only
# dependency, and its bytes as part of `target`.
function(callgate_embed_strict_layer target)
  set(folder ${PROJECT_BINARY_DIR}/generated/strict)
  add_library(callgate_strict_layer MODULE ${CMAKE_CURRENT_SOURCE_DIR}/strict/layer/heap.c
                                           ${CMAKE_CURRENT_SOURCE_DIR}/strict/layer/layer.c)
  set_target_properties(callgate_strict_layer PROPERTIES PREFIX "" C_STANDARD 17
                        LIBRARY_OUTPUT_DIRECTORY ${folder})
  # No built-in malloc: the compiler would make calls of calloc out of calloc's own body. Unwind
  # tables, since an exception is thrown through it.
  target_compile_options(callgate_strict_layer PRIVATE -O2 -Wall -Wextra -Werror -fno-builtin
                         -fexceptions -fasynchronous-unwind-tables
                         -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
  target_link_options(callgate_strict_layer PRIVATE -Wl,-e,layer_prepare -Wl,-z,now
                      -Wl,--as-needed -Wl,-s)
  set(carrier ${CMAKE_CURRENT_SOURCE_DIR}/strict/layer_bytes.cpp)
  set_source_files_properties(${carrier} PROPERTIES OBJECT_DEPENDS
    ${folder}/callgate_strict_layer.so COMPILE_DEFINITIONS
    "CALLGATE_STRICT_LAYER=\"${folder}/callgate_strict_layer.so\"")
  add_dependencies(${target} callgate_strict_layer)
endfunction()
