// Errors are values: a function that can fail returns Result<T>; CALLGATE_TRY passes its error on.
//
//   Result<int> twice(std::string_view text) {
//     CALLGATE_TRY(const int number, parse_int(text));
//     return 2 * number;
//   }
#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "callgate/base/diagnostic.h"

namespace callgate {

/// Why an operation failed: at least one diagnostic of severity `error`, and what else was found.
struct Error {
  std::vector<Diagnostic> diagnostics;

  Error() = default;
  /// An error without a place.
  explicit Error(std::string message, std::string hint = {});
  explicit Error(Diagnostic diagnostic);
  explicit Error(std::vector<Diagnostic> all) : diagnostics(std::move(all)) {}

  /// The first error's message.
  [[nodiscard]] std::string message() const;
  /// All diagnostics, rendered.
  [[nodiscard]] std::string text() const { return render(diagnostics); }
};

/// A value or an Error.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

/// `return fail("message", "hint");` in a function that returns Result<T>.
[[nodiscard]] inline tl::unexpected<Error> fail(std::string message, std::string hint = {}) {
  return tl::unexpected<Error>(Error(std::move(message), std::move(hint)));
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

/// "what: strerror(errno_value)", for failed system calls.
[[nodiscard]] Error system_error(std::string what, int errno_value);

}  // namespace callgate

#define CALLGATE_JOIN_(a, b) a##b
#define CALLGATE_JOIN(a, b) CALLGATE_JOIN_(a, b)
#define CALLGATE_TRY_(name, declaration, ...)                                     \
  auto name = (__VA_ARGS__);                                                      \
  if (!name) return ::tl::unexpected<::callgate::Error>(std::move(name).error()); \
  declaration = *std::move(name)
/// Declares a variable with the value of a Result, or returns its error.
#define CALLGATE_TRY(declaration, ...) \
  CALLGATE_TRY_(CALLGATE_JOIN(callgate_try_, __LINE__), declaration, __VA_ARGS__)
/// Returns the error of a Result<void>, if any.
#define CALLGATE_CHECK(...)                                                            \
  do {                                                                                 \
    if (auto callgate_checked = (__VA_ARGS__); !callgate_checked)                      \
      return ::tl::unexpected<::callgate::Error>(std::move(callgate_checked).error()); \
  } while (false)
