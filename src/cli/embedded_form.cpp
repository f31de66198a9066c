#include "cli/embedded_form.h"

#include <fmt/format.h>

#include "cli/output_forms.h"

namespace callgate::cli {
namespace {

/// Within a C string: what is not printable ASCII, or means something there, as an octal escape.
std::string c_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool is_plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '?';
    escaped +=
        is_plain ? std::string(1, c) : fmt::format("\\{:03o}", static_cast<unsigned char>(c));
  }
  return escaped;
}

}  // namespace

std::string embedded_source(const Compilation& compilation, std::string_view name,
                            std::string_view policy, std::string_view comment) {
  const std::string word = identifier(name);
  const Program& program = compilation.program;
  std::string text =
      fmt::format("/* {} */\n#include <callgate/runtime/embedded.h>\n\n", comment_text(comment));
  text += "static const callgate_instruction code[] = {\n";
  for (const Instruction& step : program.instructions()) {
    text +=
        fmt::format("    {{0x{:02x}, {}, {}, 0x{:08x}u}},\n", step.code, step.jt, step.jf, step.k);
  }
  text += "};\n\nstatic const callgate_embedded_abi abis[] = {\n";
  for (const Arch arch : compilation.arches) {
    const ArchInfo& info = arch_info(arch);
    text += fmt::format("    {{0x{:08x}u, 0x{:08x}u}}, /* {} */\n", info.audit, info.number_flag,
                        info.name);
  }
  const Target target = program.target();
  text += fmt::format(
      "}};\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n"
      "extern const callgate_embedded_program {0};\n"
      "#ifdef __cplusplus\n}}\n#endif\n"
      "const callgate_embedded_program {0} = {{\"{1}\", code, abis, {2}, {3}, {4}, {5}}};\n",
      word, c_escaped(policy), program.size(), compilation.arches.size(),
      target.byte_order == ByteOrder::big ? 1 : 0, target.shift_rule == ShiftRule::low6 ? 1 : 0);
  return text;
}

}  // namespace callgate::cli
