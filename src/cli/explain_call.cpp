#include "cli/explain_call.h"

#include <fmt/format.h>

#include <algorithm>

#include "callgate/bpf/assembly.h"
#include "callgate/formats/text.h"
#include "callgate/kernel/explain.h"
#include "callgate/meaning/provenance.h"
#include "cli/meaning_json.h"

namespace callgate::cli {
namespace {

/// What each program says, and which of them the kernel follows.
struct Answers {
  std::vector<Trace> traces;
  std::size_t winner = 0;  ///< the strictest; of equals the youngest
};

Answers answers_of(std::span<const Program> programs, const SeccompData& data) {
  Answers answers;
  for (const Program& program : programs) {
    answers.traces.push_back(trace(program, data));
    const std::uint32_t best = answers.traces[answers.winner].result;
    if (precedence(answers.traces.back().result) <= precedence(best))
      answers.winner = answers.traces.size() - 1;
  }
  return answers;
}

/// A rule in a line: its text where the file is at hand, else its action, this call and condition.
std::string rule_text(const ExplainedSource& source, const Rule& rule, const SeccompData& data) {
  Diagnostic quote{.place = rule.place};
  std::vector<Diagnostic> quotes{quote};
  quote_lines(quotes, source.question.source.texts);
  std::string line = quotes.front().source_line;
  line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
  if (!line.empty()) return line;
  const auto arch = classify(data.arch, data.nr);
  const Syscall* call = arch ? find_syscall(*arch, data.nr) : nullptr;
  std::string text = to_string(rule.action) + " " +
                     (call != nullptr ? std::string(call->name) : std::to_string(data.nr));
  if (rule.condition.kind != Condition::Kind::always)
    text += " if " + when_text(rule.condition, call);
  return text;
}

std::string default_text(const Policy& policy, Verdict::Source source) {
  switch (source) {
    case Verdict::Source::otherwise: return "no rule: otherwise " + to_string(policy.otherwise);
    case Verdict::Source::unknown:
      return fmt::format("no rule, and no call of Linux {}: unknown {}",
                         to_string(abi_level(policy)), to_string(policy.unknown));
    case Verdict::Source::unlisted:
      return "an ABI that the policy is not for: unlisted " + to_string(policy.unlisted);
    case Verdict::Source::rule: break;
  }
  return {};
}

std::string_view source_name(Verdict::Source source) {
  switch (source) {
    case Verdict::Source::rule: return "rule";
    case Verdict::Source::otherwise: return "otherwise";
    case Verdict::Source::unknown: return "unknown";
    case Verdict::Source::unlisted: break;
  }
  return "unlisted";
}

/// A policy's rules, its Meaning and its program say the same, or something is broken.
Result<void> check_agreement(const ExplainedSource& source, const SeccompData& data) {
  if (!source.made) return {};
  const Explanation why =
      explain(*source.policy(), source.made->arches, source.made->program, data);
  if (why.agrees) return {};
  return fail("the rules and the program disagree about " + call_text(data),
              "this is a defect of callgate: please report it");
}

std::string path_text(const Program& program, const Trace& trace) {
  const auto notes = instruction_notes(program.instructions(), program.target());
  std::string text;
  for (const std::uint16_t index : trace.path) {
    const std::string step = instruction_text(program.instructions(), index, program.target());
    text += notes[index].empty()
                ? fmt::format("    {:4}: {}\n", index, step)
                : fmt::format("    {:4}: {:<40} ; {}\n", index, step, notes[index]);
  }
  return text;
}

KernelRelease kernel_for(const CallExpression& call, Release release) {
  return KernelRelease(release, {.native = arch_info(call.arch).native});
}

/// The audit architecture of a call's machine, for programs of that byte order only.
bool runs_there(const Program& program, const CallExpression& call) {
  return classify(call.data.arch, call.data.nr).has_value() &&
         arch_info(arch_info(call.arch).native).target == program.target();
}

std::string programs_text(const ExplainedSource& source, const Answers& answers,
                          std::optional<Arch> arch) {
  const std::span<const Program> programs = source.programs();
  std::string text;
  for (std::size_t i = 0; i < programs.size(); ++i) {
    std::string title = "path";
    if (programs.size() > 1) {
      title =
          fmt::format("filter {} of {}{}", i + 1, programs.size(), i == 0 ? ", the oldest" : "");
      title += fmt::format(": {}{}", action_text(arch, answers.traces[i].result),
                           i == answers.winner ? ", which counts" : "");
    }
    text += fmt::format("  {}, {} of {} instructions:\n", title, answers.traces[i].path.size(),
                        programs[i].size());
    text += path_text(programs[i], answers.traces[i]);
  }
  return text;
}

}  // namespace

std::optional<DecidedBy> decided_by(const ExplainedSource& source, const SeccompData& data) {
  const Policy* policy = source.policy();
  if (policy == nullptr) return std::nullopt;
  DecidedBy by{.verdict = evaluate(*policy, source.question.arches, data)};
  if (!by.verdict.rule) {
    by.text = default_text(*policy, by.verdict.source);
    return by;
  }
  const Rule& rule = policy->rules[*by.verdict.rule];
  by.place = rule.place;
  by.text = rule_text(source, rule, data);
  return by;
}

std::string decided_text(const DecidedBy& by) {
  if (!by.verdict.rule) return by.text;
  const std::string number = fmt::format("rule {}", *by.verdict.rule + 1);
  if (by.place.line == 0) return number + ": " + by.text;
  return fmt::format("{}:{}: {}", by.place.file, by.place.line, by.text);
}

void write_decided(JsonWriter& writer, const std::optional<DecidedBy>& by) {
  json_key(writer, "by");
  if (!by) {
    writer.Null();
    return;
  }
  writer.StartObject();
  json_member(writer, "source", source_name(by->verdict.source));
  if (by->verdict.rule) json_member(writer, "rule", *by->verdict.rule);
  if (by->place.line != 0) {
    json_member(writer, "file", by->place.file);
    json_member(writer, "line", by->place.line);
  }
  json_member(writer, "text", by->text);
  writer.EndObject();
}

Result<std::string> call_report(const ExplainedSource& source, const CallExpression& call,
                                Release release) {
  CALLGATE_CHECK(check_agreement(source, call.data));
  const Answers answers = answers_of(source.programs(), call.data);
  const auto arch = classify(call.data.arch, call.data.nr);
  const std::uint32_t ret = source.question.subject.at(call.data);
  std::string text = fmt::format(
      "{}{}: {}\n", call.text, arch ? fmt::format(" on {}", arch_info(*arch).name) : std::string(),
      action_text(arch, ret));
  if (const auto by = decided_by(source, call.data))
    text += fmt::format("  by {}\n", decided_text(*by));
  else
    text += "  by the program alone: raw BPF has no rules\n";
  const Program& program = source.programs()[answers.winner];
  if (runs_there(program, call))
    text += explain_call(kernel_for(call, release), program, call.data);
  return text + programs_text(source, answers, arch);
}

Result<void> write_call(JsonWriter& writer, const ExplainedSource& source,
                        const CallExpression& call, Release release) {
  CALLGATE_CHECK(check_agreement(source, call.data));
  const Answers answers = answers_of(source.programs(), call.data);
  const auto arch = classify(call.data.arch, call.data.nr);
  writer.StartObject();
  json_member(writer, "text", call.text);
  json_key(writer, "arch");
  arch ? json_string(writer, arch_info(*arch).name) : static_cast<void>(writer.Null());
  write_witness(writer, call.data);
  write_return(writer, arch, source.question.subject.at(call.data));
  write_decided(writer, decided_by(source, call.data));
  const Program& program = source.programs()[answers.winner];
  if (runs_there(program, call)) {
    const KernelRelease kernel = kernel_for(call, release);
    json_key(writer, "kernel");
    writer.StartObject();
    json_member(writer, "release", to_string(release));
    const KernelVerdict verdict = lone_verdict(kernel, program, call.data);
    json_member(writer, "verdict", call_result_name(verdict.result));
    json_member(writer, "reason", call_reason_name(verdict.reason));
    json_member(writer, "explanation", explain_call(kernel, program, call.data));
    writer.EndObject();
  }
  json_member(writer, "winner", answers.winner);
  json_key(writer, "paths");
  writer.StartArray();
  for (const Trace& one : answers.traces) {
    writer.StartArray();
    for (const std::uint16_t index : one.path) writer.Uint(index);
    writer.EndArray();
  }
  writer.EndArray();
  writer.EndObject();
  return {};
}

}  // namespace callgate::cli
