// Bytecode in and out, for the verbs that work on it: raw (struct sock_filter[]) or the assembler's
// text, told apart by content.
#pragma once

#include <string>
#include <vector>

#include "callgate/bpf/assembly.h"
#include "callgate/bpf/program.h"

namespace callgate::cli {

/// The `--target` of a verb: an ABI, or little or big, and `,low6` where shifts look at 6 bits.
inline constexpr const char* target_help =
    "machine of a raw filter: an ABI such as s390x, or little or big, and \",low6\" where X shifts "
    "by 6 bits (powerpc, s390)";
[[nodiscard]] Result<Target> parse_target(std::string_view text);

/// Instructions as they were read; raw ones have no places.
[[nodiscard]] Result<Assembly> load_instructions(const std::string& path, Target target);
/// The same, checked as the kernel would.
[[nodiscard]] Result<Program> load_program(const std::string& path, Target target);
/// Instructions that the kernel would accept; `path` is for messages.
[[nodiscard]] Result<Program> verified(Assembly assembly, const std::string& path);

/// What the kernel would say of instructions, as a warning; nothing if it accepts them.
[[nodiscard]] std::vector<Diagnostic> refusal_warning(const Assembly& assembly,
                                                      const std::string& path);

}  // namespace callgate::cli
