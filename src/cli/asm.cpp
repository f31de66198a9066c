// `callgate asm`: assembler text to raw bytes.
#include <unistd.h>

#include "callgate/bpf/assembly.h"
#include "cli/program_file.h"
#include "cli/verbs.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate asm filter.asm -o filter.bpf\n"
    "  callgate disasm filter.bpf | callgate asm - -o same.bpf\n"
    "  callgate asm --unchecked odd.asm -o odd.bpf    # even what the kernel refuses\n"
    "The language: docs/assembly.md.";

struct AsmOptions {
  std::string file;
  std::string output = "-";
  std::string target = "little";
  bool unchecked = false;
};

Result<std::string> assembled_bytes(const AsmOptions& options) {
  CALLGATE_TRY(const Target target, parse_target(options.target));
  CALLGATE_TRY(Assembly assembly, load_instructions(options.file, target));
  if (options.unchecked) {
    report(refusal_warning(assembly, options.file));
    return encode_instructions(assembly.instructions, assembly.target.byte_order);
  }
  CALLGATE_TRY(const Program program, verified(std::move(assembly), options.file));
  return program.bytes();
}

int run_asm(const AsmOptions& options) {
  if (options.output == "-" && ::isatty(STDOUT_FILENO) == 1)
    return report(Error("raw bytes are not for a terminal", "say where: -o FILE"));
  const auto bytes = assembled_bytes(options);
  return bytes ? write_output(options.output, *bytes) : report(bytes.error());
}

}  // namespace

void add_asm_verb(CLI::App& app, Action& chosen) {
  auto [command, options] =
      add_verb<AsmOptions>(app, chosen, "asm", "assemble a filter's text to raw bytes", run_asm);
  command->footer(examples);
  command->add_option("FILE", options->file, "assembler text, or - for standard input")->required();
  command->add_option("-o,--output", options->output, "where the bytes go (- is standard output)");
  command->add_option("--target", options->target, target_help);
  command->add_flag("--unchecked", options->unchecked,
                    "write even what the kernel would refuse, with a warning");
}

}  // namespace callgate::cli
