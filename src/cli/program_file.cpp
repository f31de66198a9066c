#include "cli/program_file.h"

#include "callgate/base/file.h"

namespace callgate::cli {

Result<Target> parse_target(std::string_view text) {
  if (const auto arch = find_arch(text)) return arch_info(*arch).target;
  Target target;
  const std::size_t comma = text.find(',');
  const std::string_view order = text.substr(0, comma);
  const std::string_view rule =
      comma == std::string_view::npos ? std::string_view("low5") : text.substr(comma + 1);
  if ((order != "little" && order != "big") || (rule != "low5" && rule != "low6"))
    return fail("no target `" + std::string(text) + "`",
                "an ABI such as s390x, or little, big, little,low6 or big,low6");
  target.byte_order = order == "big" ? ByteOrder::big : ByteOrder::little;
  target.shift_rule = rule == "low6" ? ShiftRule::low6 : ShiftRule::low5;
  return target;
}

Result<Assembly> load_instructions(const std::string& path, Target target) {
  CALLGATE_TRY(const std::string bytes, read_file(path));
  if (bytes.find_first_not_of(" \t\r\n") == std::string::npos) {
    return fail(path + ": empty, where a filter has at least one instruction");
  }
  // Every opcode that the kernel takes is below 256, so raw instructions hold a NUL; a text has
  // none.
  const bool is_raw = bytes.find('\0') != std::string::npos;
  if (!is_raw) return assemble(bytes, path, target);
  auto code = decode_instructions(bytes, target.byte_order);
  if (!code) {
    Error error = std::move(code).error();
    error.diagnostics.front().place.file = path;
    return fail(std::move(error));
  }
  Assembly assembly;
  assembly.instructions = *std::move(code);
  assembly.target = target;
  return assembly;
}

Result<Program> load_program(const std::string& path, Target target) {
  CALLGATE_TRY(Assembly assembly, load_instructions(path, target));
  return verified(std::move(assembly), path);
}

Result<Program> verified(Assembly assembly, const std::string& path) {
  auto program = verify(std::move(assembly));
  if (program) return program;
  Error error = std::move(program).error();
  if (error.diagnostics.front().place.file.empty()) error.diagnostics.front().place.file = path;
  return fail(std::move(error));
}

std::vector<Diagnostic> refusal_warning(const Assembly& assembly, const std::string& path) {
  auto program = verify(assembly);
  if (program) return {};
  Diagnostic diagnostic = program.error().diagnostics.front();
  diagnostic.severity = Severity::warning;
  if (diagnostic.place.file.empty()) diagnostic.place.file = path;
  return {diagnostic};
}

}  // namespace callgate::cli
