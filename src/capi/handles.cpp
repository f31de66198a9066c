#include "capi/handles.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>

#ifndef CALLGATE_VERSION
#error "the build says which release this is"
#endif

namespace callgate::capi {
namespace {

/// Stands for an error that there is no memory for; made when the library is loaded.
callgate_error out_of_memory{"error: out of memory\n"};

/// Of the first release; later ones only add members.
constexpr std::size_t first_size = offsetof(callgate_options, debug_fd) + sizeof(int);

/// A newer caller's members that this library does not know must be at their default.
bool is_zero_behind(const callgate_options& options) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&options);
  for (const unsigned char byte :
       std::span(bytes, options.size).subspan(sizeof(callgate_options))) {
    if (byte != 0) return false;
  }
  return true;
}

}  // namespace

void set_error(callgate_error** why, std::string_view text) noexcept {
  if (why == nullptr) return;
  try {
    *why = new callgate_error{std::string(text)};
  } catch (...) {
    *why = &out_of_memory;
  }
}

Result<ConfineOptions> confine_options(const callgate_options* options) {
  if (options == nullptr) return ConfineOptions{};
  constexpr std::size_t most = 4096;
  if (options->size < first_size || options->size > most)
    return fail("callgate_options.size is not sizeof(callgate_options)");
  if (options->size > sizeof(callgate_options) && !is_zero_behind(*options))
    return fail("callgate_options asks for what this release of libcallgate does not know");
  for (const int flag :
       {options->this_thread_only, options->log, options->keep_privs, options->debug}) {
    if (flag != 0 && flag != 1) return fail("a flag of callgate_options is neither 0 nor 1");
  }
  if (options->debug_fd < 0) return fail("callgate_options.debug_fd is negative");
  ConfineOptions result;
  result.all_threads = options->this_thread_only == 0;
  result.log = options->log != 0;
  result.no_new_privs = options->keep_privs == 0;
  result.debug = options->debug != 0;
  if (options->debug_fd != 0) result.debug_fd = options->debug_fd;
  return result;
}

void free_error(callgate_error* error) noexcept {
  if (error != &out_of_memory) delete error;
}

char* text_copy(std::string_view text) noexcept {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) return nullptr;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

}  // namespace callgate::capi

const char* callgate_version(void) { return CALLGATE_VERSION; }

const char* callgate_error_text(const callgate_error* error) {
  return error == nullptr ? "" : error->text.c_str();
}
void callgate_error_free(callgate_error* error) { callgate::capi::free_error(error); }
void callgate_text_free(char* text) { std::free(text); }
