// `callgate emu`: what a filter returns for calls.
#include <fmt/format.h>

#include "callgate/abi/action.h"
#include "callgate/bpf/assembly.h"
#include "callgate/bpf/emulate.h"
#include "callgate/formats/call.h"
#include "callgate/kernel/explain.h"
#include "cli/program_file.h"
#include "cli/program_json.h"
#include "cli/verbs.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate emu filter.bpf 'openat(AT_FDCWD, \"x\", O_RDWR|O_CREAT)' getpid\n"
    "  callgate emu filter.bpf --trace 'clone(flags=CLONE_NEWUSER)'\n"
    "  callgate emu filter.bpf 'i386:socket(AF_INET, SOCK_STREAM, 0)'\n"
    "  callgate emu filter.bpf --arch x86_64 --nr 16 --arg 1=0x5412\n"
    "  callgate emu filter.bpf --kernel 4.4 'ptrace(PTRACE_ATTACH, 1)'\n"
    "What is shown is the filter's own answer; arguments that are not given are 0. With --kernel,\n"
    "also what that release makes of it for a lone process without tracer and supervisor.";

struct EmuOptions {
  std::string file;
  std::vector<std::string> calls;
  std::string target;
  std::string arch;
  std::string number;
  std::vector<std::string> arguments;
  std::string ip = "0";
  std::string kernel;
  bool trace = false;
  bool json = false;
};

/// A call and what the filter said.
struct Answer {
  CallExpression call;
  Trace trace;
  std::optional<KernelRelease> kernel;  ///< the release that was asked for
};

Result<std::uint64_t> integer_option(std::string_view option, std::string_view text) {
  if (const auto value = parse_integer(text)) return *value;
  return fail(fmt::format("{} takes a number, not `{}`", option, text));
}

/// The call that --nr and --arg spell.
Result<CallExpression> raw_call(const EmuOptions& options, Arch arch) {
  CallExpression call;
  call.arch = arch;
  CALLGATE_TRY(const std::uint64_t number, integer_option("--nr", options.number));
  if (number > 0xffffffff && number < 0xffffffff80000000u)
    return fail("--nr takes a number of 32 bits");
  call.data.nr = static_cast<std::uint32_t>(number);
  call.data.arch = arch_info(arch).audit;
  call.call = find_syscall(arch, call.data.nr);
  for (const std::string& text : options.arguments) {
    const std::size_t equals = text.find('=');
    if (equals != 1 || text[0] < '0' || text[0] > '5')
      return fail(fmt::format("--arg takes INDEX=VALUE with an index from 0 to 5, not `{}`", text));
    CALLGATE_TRY(call.data.args[static_cast<std::size_t>(text[0] - '0')],
                 integer_option("--arg", std::string_view(text).substr(2)));
  }
  call.text = fmt::format("{:#x}", call.data.nr);
  return call;
}

Result<std::vector<CallExpression>> read_calls(const EmuOptions& options) {
  Arch arch = native_arch();
  if (!options.arch.empty()) {
    const auto found = find_arch(options.arch);
    if (!found) return fail(fmt::format("no architecture `{}`", options.arch));
    arch = *found;
  }
  if (options.calls.empty() && options.number.empty())
    return fail("no call given", "name one, such as getpid, or use --nr");
  if (options.number.empty() && !options.arguments.empty()) return fail("--arg needs --nr");
  std::vector<CallExpression> calls;
  for (const std::string& text : options.calls) {
    CALLGATE_TRY(CallExpression call, parse_call(text, arch));
    calls.push_back(std::move(call));
  }
  if (!options.number.empty()) {
    CALLGATE_TRY(CallExpression call, raw_call(options, arch));
    calls.push_back(std::move(call));
  }
  CALLGATE_TRY(const std::uint64_t ip, integer_option("--ip", options.ip));
  for (CallExpression& call : calls) call.data.instruction_pointer = ip;
  return calls;
}

/// The release of --kernel, on the machine that serves a call's ABI; none without the option.
Result<std::optional<KernelRelease>> release_for(const EmuOptions& options, Arch arch,
                                                 Target target) {
  if (options.kernel.empty()) return std::nullopt;
  const auto release = parse_release(options.kernel);
  if (!release) {
    return fail(fmt::format("--kernel takes a release, not `{}`", options.kernel),
                "such as 4.4 or 2.6.12");
  }
  const Arch native = arch_info(arch).native;
  if (arch_info(native).target != target) {
    return fail(fmt::format("--kernel needs a filter for {}, and --target names another machine",
                            arch_info(native).name));
  }
  return KernelRelease(*release, {.native = native});
}

std::string answer_text(Arch arch, std::uint32_t result) {
  const std::string text = return_text_on(arch, result);
  return action_of(result) ? fmt::format("{} ({:#010x})", text, result)
                           : text + " (unknown action: the kernel kills the process)";
}

std::string describe(const Program& program, const Answer& answer, bool with_trace) {
  std::string text =
      fmt::format("{} on {}: {}\n", answer.call.text, arch_info(answer.call.arch).name,
                  answer_text(answer.call.arch, answer.trace.result));
  if (answer.kernel) text += explain_call(*answer.kernel, program, answer.call.data);
  if (!with_trace) return text;
  const auto notes = instruction_notes(program.instructions(), program.target());
  for (const std::uint16_t index : answer.trace.path) {
    const std::string insn = instruction_text(program.instructions(), index, program.target());
    text += notes[index].empty() ? fmt::format("  {:4}: {}\n", index, insn)
                                 : fmt::format("  {:4}: {:<40} ; {}\n", index, insn, notes[index]);
  }
  return text;
}

/// What the release of --kernel makes of a call.
void write_kernel(JsonWriter& writer, const KernelRelease& release, const Program& program,
                  const Answer& answer) {
  const KernelVerdict verdict = lone_verdict(release, program, answer.call.data);
  const ReturnNote note = explain_return(release, answer.trace.result);
  json_key(writer, "kernel");
  writer.StartObject();
  json_member(writer, "release", to_string(release.release()));
  json_member(writer, "evidence", release.evidence() == Evidence::ran ? "ran" : "read from source");
  json_member(writer, "verdict", call_result_name(verdict.result));
  json_member(writer, "reason", call_reason_name(verdict.reason));
  json_key(writer, "value");
  writer.Int64(verdict.value);
  json_key(writer, "signal");
  writer.Int(verdict.signal);
  json_key(writer, "core_dump");
  writer.Bool(verdict.core);
  json_key(writer, "audit_record");
  writer.Bool(verdict.audit.has_value());
  json_member(writer, "explanation", note.text);
  json_key(writer, "as_newest");
  writer.Bool(note.as_newest);
  if (note.change != nullptr) {
    json_member(writer, "change", note.change->name);
    json_member(writer, "since", to_string(note.change->since));
  }
  writer.EndObject();
}

void write_answer(JsonWriter& writer, const Program& program, const Answer& answer) {
  writer.StartObject();
  json_member(writer, "call", answer.call.text);
  json_member(writer, "arch", arch_info(answer.call.arch).name);
  json_member(writer, "nr", answer.call.data.nr);
  json_key(writer, "args");
  writer.StartArray();
  for (const std::uint64_t argument : answer.call.data.args)
    json_string(writer, fmt::format("{:#x}", argument));
  writer.EndArray();
  json_member(writer, "result", answer.trace.result);
  json_member(writer, "action", return_text_on(answer.call.arch, answer.trace.result));
  json_key(writer, "path");
  writer.StartArray();
  for (const std::uint16_t index : answer.trace.path) writer.Uint(index);
  writer.EndArray();
  if (answer.kernel) write_kernel(writer, *answer.kernel, program, answer);
  writer.EndObject();
}

std::string render_answers(const EmuOptions& options, const Program& program,
                           std::span<const Answer> answers) {
  std::string text;
  if (!options.json) {
    for (const Answer& answer : answers) text += describe(program, answer, options.trace);
    if (!answers.empty() && answers.front().kernel) text += evidence_text(*answers.front().kernel);
    return text;
  }
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  json_key(writer, "calls");
  writer.StartArray();
  for (const Answer& answer : answers) write_answer(writer, program, answer);
  writer.EndArray();
  writer.EndObject();
  return buffer.GetString() + std::string("\n");
}

Result<std::string> emulate_calls(const EmuOptions& options) {
  CALLGATE_TRY(const std::vector<CallExpression> calls, read_calls(options));
  CALLGATE_TRY(const Target target, options.target.empty()
                                        ? Result<Target>(arch_info(calls.front().arch).target)
                                        : parse_target(options.target));
  CALLGATE_TRY(const Program program, load_program(options.file, target));
  std::vector<Answer> answers;
  for (const CallExpression& call : calls) {
    CALLGATE_TRY(const std::optional<KernelRelease> kernel,
                 release_for(options, call.arch, program.target()));
    answers.push_back({call, trace(program, call.data), kernel});
  }
  return render_answers(options, program, answers);
}

int run_emu(const EmuOptions& options) {
  const auto text = emulate_calls(options);
  return text ? write_output("-", *text) : report(text.error());
}

}  // namespace

void add_emu_verb(CLI::App& app, Action& chosen) {
  auto [command, options] = add_verb<EmuOptions>(
      app, chosen, "emu", "run a filter on calls, without the kernel", run_emu);
  command->footer(examples);
  command->add_option("FILE", options->file, "raw filter or assembler text")->required();
  command->add_option("CALL", options->calls, "calls, such as 'openat(AT_FDCWD, 0, O_RDWR)'");
  command->add_option("--arch", options->arch, "ABI of calls that name none (default: native)");
  command->add_option("--nr", options->number, "a call by its number, with --arg");
  command->add_option("--arg", options->arguments, "INDEX=VALUE: a raw argument word of --nr")
      ->allow_extra_args(false);
  command->add_option("--ip", options->ip, "instruction pointer of the calls");
  command->add_option("--target", options->target,
                      std::string(target_help) + "; default: the first call's ABI");
  command->add_option("--kernel", options->kernel, "a release, such as 4.4: what it makes of it");
  command->add_flag("--trace", options->trace, "print every instruction that runs");
  command->add_flag("--json", options->json, "as JSON (docs/json.md)");
}

}  // namespace callgate::cli
