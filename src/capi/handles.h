// What the opaque types of callgate.h are, and the border that no exception crosses.
#pragma once

#include <cstddef>
#include <exception>
#include <initializer_list>
#include <new>
#include <string>

#include "callgate.h"
#include "callgate/base/result.h"
#include "callgate/bpf/program.h"
#include "callgate/confine/confine.h"
#include "callgate/policy/policy.h"

struct callgate_error {
  std::string text;
};
struct callgate_policy {
  callgate::Policy policy;
};
struct callgate_program {
  callgate::Program program;
  std::string bytes;
};

namespace callgate::capi {

/// Sets *why; without memory it becomes the object that set_out_of_memory() gives.
void set_error(callgate_error** why, std::string_view text) noexcept;

void set_out_of_memory(callgate_error** why) noexcept;

void free_error(callgate_error* error) noexcept;

/// Options that begin with their size, for a library that knows `known` bytes of them. Errors: too
/// short or beyond belief; members of a newer release that are not zero.
[[nodiscard]] Result<void> check_size(const void* options, std::size_t known,
                                      const std::string& name);
/// Each is 0 or 1.
[[nodiscard]] Result<void> check_flags(std::initializer_list<int> flags, const std::string& name);

/// The options of a call; null is the default. Errors: those of check_size and
/// check_flags; a negative descriptor.
[[nodiscard]] Result<ConfineOptions> confine_options(const callgate_options* options);

/// Runs `work`, which returns a Result; what it throws or fails with goes to *why. `good` makes the
/// C value of its value, `bad` is the C value of a failure.
template <class Work, class Good, class Bad>
auto guarded(callgate_error** why, Bad bad, Work&& work, Good&& good) noexcept {
  if (why != nullptr) *why = nullptr;
  try {
    auto result = work();
    if (result) return good(*std::move(result));
    set_error(why, result.error().text());
  } catch (const std::bad_alloc&) {
    set_out_of_memory(why);
  } catch (const std::exception& failure) {
    set_error(why, failure.what());
  } catch (...) {
    set_error(why, "an unknown exception");
  }
  return bad;
}

/// The same for work that returns a Result<int>: its value, or -1.
template <class Work>
int guarded_int(callgate_error** why, Work&& work) noexcept {
  return guarded(why, -1, work, [](int value) { return value; });
}

/// A copy that callgate_text_free frees; throws std::bad_alloc.
[[nodiscard]] char* text_copy(std::string_view text);

}  // namespace callgate::capi
