#include "capi/handles.h"

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

}  // namespace

void set_error(callgate_error** why, std::string_view text) noexcept {
  if (why == nullptr) return;
  try {
    *why = new callgate_error{std::string(text)};
  } catch (...) {
    set_out_of_memory(why);
  }
}

void set_out_of_memory(callgate_error** why) noexcept {
  if (why != nullptr) *why = &out_of_memory;
}

Result<void> check_size(const void* options, std::size_t known, const std::string& name) {
  constexpr std::size_t most = 4096;
  std::size_t size = 0;
  std::memcpy(&size, options, sizeof size);
  if (size < known || size > most) return fail(name + ".size is not sizeof(" + name + ")");
  const auto* bytes = static_cast<const unsigned char*>(options);
  for (const unsigned char byte : std::span(bytes, size).subspan(known)) {
    if (byte != 0) return fail(name + " asks for what this release of libcallgate does not know");
  }
  return {};
}

Result<void> check_flags(std::initializer_list<int> flags, const std::string& name) {
  for (const int flag : flags) {
    if (flag != 0 && flag != 1) return fail("a flag of " + name + " is neither 0 nor 1");
  }
  return {};
}

Result<ConfineOptions> confine_options(const callgate_options* options) {
  if (options == nullptr) return ConfineOptions{};
  const std::string name = "callgate_options";
  CALLGATE_CHECK(check_size(options, sizeof *options, name));
  CALLGATE_CHECK(check_flags(
      {options->this_thread_only, options->log, options->keep_privs, options->debug}, name));
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

char* text_copy(std::string_view text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) throw std::bad_alloc();
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
