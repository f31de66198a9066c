// Names in literals, looked up while the program is compiled: a misspelt one does not compile, and
// the compiler's message names the function below that could not be called.
#pragma once

#include <cstddef>
#include <string_view>

#include "callgate/abi/name_tables.h"

namespace callgate {

/// Never defined, never constant: what a wrong literal is reported by.
void there_is_no_such_system_call();
void there_is_no_such_group();
void there_is_no_such_parameter();
void there_is_no_such_constant();

namespace names {

/// True if a sorted table holds the name.
template <std::size_t size>
[[nodiscard]] constexpr bool holds(const char* const (&table)[size], std::string_view name) {
  std::size_t first = 0;
  for (std::size_t count = size; count > 0;) {
    const std::size_t half = count / 2;
    if (std::string_view(table[first + half]) < name) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first < size && std::string_view(table[first]) == name;
}

}  // namespace names

/// A call by name, or a group by its name behind an @: a literal, checked when it is compiled.
struct CallName {
  std::string_view name;  ///< without the @
  bool is_group = false;

  // NOLINTNEXTLINE(google-explicit-constructor): `on("read", ...)` is the way to write it.
  consteval CallName(const char* literal) : name(literal) {
    if (literal[0] == '@') {
      is_group = true;
      name.remove_prefix(1);
      if (!names::holds(names::group_names, name)) there_is_no_such_group();
    } else if (!names::holds(names::call_names, name)) {
      there_is_no_such_system_call();
    }
  }
};

/// A parameter that some call has, by the name in its manual page.
struct ParameterName {
  std::string_view name;

  // NOLINTNEXTLINE(google-explicit-constructor)
  consteval ParameterName(const char* literal) : name(literal) {
    if (!names::holds(names::parameter_names, name)) there_is_no_such_parameter();
  }
};

/// A named value that some parameter takes on some ABI ("O_RDONLY").
struct ConstantName {
  std::string_view name;

  // NOLINTNEXTLINE(google-explicit-constructor)
  consteval ConstantName(const char* literal) : name(literal) {
    if (!names::holds(names::constant_names, name)) there_is_no_such_constant();
  }
};

}  // namespace callgate
