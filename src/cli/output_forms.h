// A program in the forms in which compile and convert write it.
#pragma once

#include <string>

#include "callgate/bpf/program.h"

namespace callgate::cli {

/// struct sock_filter[] as a C and C++ header: `static const struct sock_filter NAME[]` and its
/// length. `name` is made an identifier; `comment` goes to the head.
[[nodiscard]] std::string program_header(const Program& program, std::string_view name,
                                         std::string_view comment);
/// A C identifier from a file's or policy's name: "my-app.policy" is my_app.
[[nodiscard]] std::string identifier(std::string_view name);
/// A line that cannot end the C comment it stands in.
[[nodiscard]] std::string comment_text(std::string_view text);

}  // namespace callgate::cli
