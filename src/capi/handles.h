// What the opaque types of callgate.h are, and the border that no exception crosses.
#pragma once

#include <exception>
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

/// Sets *why; without memory it becomes an object that says so.
void set_error(callgate_error** why, std::string_view text) noexcept;

void free_error(callgate_error* error) noexcept;

/// The options of a call; null is the default. Errors: a size that no release of callgate had, a
/// flag that is neither 0 nor 1.
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

/// A copy that callgate_text_free frees; null without memory.
[[nodiscard]] char* text_copy(std::string_view text) noexcept;

}  // namespace callgate::capi
