// `callgate disasm`: raw bytes to assembler text.
#include "callgate/abi/syscalls.h"
#include "callgate/bpf/assembly.h"
#include "callgate/bpf/emulate.h"
#include "cli/common.h"
#include "cli/program_file.h"
#include "cli/program_json.h"
#include "cli/verbs.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate disasm filter.bpf\n"
    "  callgate disasm --cache filter.bpf         # which calls the kernel allows without running "
    "it\n"
    "  callgate disasm --no-comments filter.bpf   # only the instructions\n"
    "  callgate disasm --json filter.bpf";

struct DisasmOptions {
  std::string file;
  std::string output = "-";
  std::string target;
  std::string arches;
  bool no_comments = false;
  bool cache = false;
  bool json = false;
};

/// One call's place in the kernel's constant-action bitmap.
struct CachedCall {
  Arch arch;
  const Syscall* call;
  CacheStatus status;
};

/// Whether the kernel keeps a bit for a call: for the numbers of its tables, and so not for arm's
/// private calls or for x32's; none on mips (SECCOMP_ARCH_NATIVE and _COMPAT of
/// arch/*/include/asm/seccomp.h).
bool has_bitmap(Arch arch, std::uint32_t number) {
  constexpr std::uint32_t arm_private = 0xf0000;
  return arch_info(arch).action_cache && number < arm_private;
}

/// Every call of the ABIs.
std::vector<CachedCall> find_cached(const Program& program, std::span<const Arch> arches) {
  std::vector<CachedCall> all;
  for (const Arch arch : arches) {
    for (const Syscall& call : syscalls(arch)) {
      CacheStatus status = cache_status(program, arch_info(arch).audit, call.number);
      status.cached = status.cached && has_bitmap(arch, call.number);
      all.push_back({arch, &call, status});
    }
  }
  return all;
}

std::string cache_text(const Program& program, std::span<const CachedCall> all) {
  std::string text;
  for (std::size_t first = 0; first < all.size();) {
    std::size_t last = first;
    std::size_t cached = 0;
    std::string rows;
    for (; last < all.size() && all[last].arch == all[first].arch; ++last) {
      const CachedCall& one = all[last];
      if (one.status.cached) {
        ++cached;
        continue;
      }
      rows += ";   " + std::string(one.call->name) + ": stops at " +
              std::to_string(one.status.stopped_at) + ", " +
              instruction_text(program.instructions(), one.status.stopped_at, program.target()) +
              "\n";
    }
    if (!arch_info(all[first].arch).action_cache) {
      text += "; constant-action cache, " + std::string(arch_info(all[first].arch).name) +
              ": the kernel keeps none\n";
      first = last;
      continue;
    }
    text += "; constant-action cache, " + std::string(arch_info(all[first].arch).name) + ": " +
            std::to_string(cached) + " of " + std::to_string(last - first) +
            " calls allowed without running the filter; the others:\n" + rows;
    first = last;
  }
  return text;
}

void write_cache(JsonWriter& writer, std::span<const CachedCall> all) {
  json_key(writer, "cache");
  writer.StartArray();
  for (const CachedCall& one : all) {
    writer.StartObject();
    json_member(writer, "arch", arch_info(one.arch).name);
    json_member(writer, "call", one.call->name);
    json_member(writer, "number", one.call->number);
    json_flag(writer, "cached", one.status.cached);
    json_member(writer, "stopped_at", one.status.stopped_at);
    json_member(writer, "steps", one.status.steps);
    writer.EndObject();
  }
  writer.EndArray();
}

/// The ABIs that --arch names, else those whose audit number the program compares arch with, else
/// the native one.
Result<std::vector<Arch>> cache_arches(const DisasmOptions& options, const Program& program) {
  CALLGATE_TRY(std::vector<Arch> arches, parse_arches(options.arches));
  if (!arches.empty()) return arches;
  arches = tested_arches(program.instructions());
  std::erase_if(arches, [](Arch arch) { return arch_info(arch).number_flag != 0; });
  if (arches.empty()) arches.push_back(native_arch());
  return arches;
}

Result<std::string> disasm_text(const DisasmOptions& options) {
  CALLGATE_TRY(const std::vector<Arch> named, parse_arches(options.arches));
  const Target first = named.empty() ? Target{} : arch_info(named.front()).target;
  CALLGATE_TRY(const Target target,
               options.target.empty() ? Result<Target>(first) : parse_target(options.target));
  CALLGATE_TRY(const Assembly assembly, load_instructions(options.file, target));
  std::vector<CachedCall> cached;
  std::string cache;
  if (options.cache) {
    CALLGATE_TRY(const Program program, verified(assembly, options.file));
    CALLGATE_TRY(const std::vector<Arch> arches, cache_arches(options, program));
    cached = find_cached(program, arches);
    if (!options.json) cache = cache_text(program, cached);
  }
  report(refusal_warning(assembly, options.file));
  if (!options.json)
    return disassemble(assembly.instructions, assembly.target, {.comments = !options.no_comments}) +
           cache;
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  write_program_members(writer, assembly.instructions, assembly.target);
  if (options.cache) write_cache(writer, cached);
  writer.EndObject();
  return buffer.GetString() + std::string("\n");
}

int run_disasm(const DisasmOptions& options) {
  const auto text = disasm_text(options);
  return text ? write_output(options.output, *text) : report(text.error());
}

}  // namespace

void add_disasm_verb(CLI::App& app, Action& chosen) {
  auto [command, options] = add_verb<DisasmOptions>(
      app, chosen, "disasm", "print a raw filter as assembler text", run_disasm);
  command->footer(examples);
  command->add_option("FILE", options->file, "raw filter or assembler text, - for standard input")
      ->required();
  command->add_option("-o,--output", options->output, "where the text goes (- is standard output)");
  command->add_option("--target", options->target, target_help);
  command->add_flag("--no-comments", options->no_comments, "instructions and labels only");
  command->add_flag("--cache", options->cache,
                    "tell for each call whether the kernel allows it without running the filter");
  command->add_option("--arch", options->arches,
                      "ABIs of --cache, comma-separated; the first is a raw filter's machine");
  command->add_flag("--json", options->json, "as JSON (docs/json.md)");
}

}  // namespace callgate::cli
