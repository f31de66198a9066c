#include "callgate/base/result.h"

#include <system_error>

namespace callgate {

Error::Error(std::string message, std::string hint) {
  diagnostics.push_back({.message = std::move(message), .hint = std::move(hint)});
}

Error::Error(Diagnostic diagnostic) { diagnostics.push_back(std::move(diagnostic)); }

std::string Error::message() const {
  for (const Diagnostic& diagnostic : diagnostics)
    if (diagnostic.severity == Severity::error) return diagnostic.message;
  return diagnostics.empty() ? "unknown error" : diagnostics.front().message;
}

Error system_error(std::string what, int errno_value) {
  what += ": " + std::generic_category().message(errno_value);
  return Error(std::move(what));
}

}  // namespace callgate
