// Cases held against a program: a case holds where everything that the program can return for the
// part of the call that it gives is what it expects.
#include <fmt/format.h>

#include <algorithm>

#include "callgate/abi/constants.h"
#include "callgate/bpf/assembly.h"
#include "callgate/formats/cases.h"
#include "callgate/meaning/proof.h"

namespace callgate {
namespace {

std::string_view source_name(Verdict::Source source) {
  switch (source) {
    case Verdict::Source::otherwise: return "otherwise";
    case Verdict::Source::unknown: return "unknown";
    case Verdict::Source::unlisted: return "unlisted";
    case Verdict::Source::rule: break;
  }
  return "a rule";
}

bool decides(const ExpectedVerdict& expected, const Verdict& verdict, const Policy& policy) {
  if (!expected.by) return true;
  if (verdict.source != *expected.by) return false;
  return verdict.source != Verdict::Source::rule ||
         policy.rules[*verdict.rule].place.line == expected.line;
}

/// "args[1] (pathname), ip"
std::string words_text(const CallExpression& call, std::uint32_t tested) {
  std::string text;
  const auto add = [&](const std::string& word) { text += (text.empty() ? "" : ", ") + word; };
  for (std::uint8_t i = 0; i < 6; ++i) {
    if ((tested >> i & 1) == 0) continue;
    std::string word = fmt::format("args[{}]", i);
    if (call.call != nullptr) {
      for (const Parameter& parameter : call.call->parameters) {
        const bool is_pair = parameter.placement == Placement::word_pair;
        if ((is_pair || parameter.placement == Placement::word) &&
            (parameter.low == i || (is_pair && parameter.high == i)))
          word += fmt::format(" ({})", parameter.name);
      }
    }
    add(call.given[i] == Known::low32 ? "the high half of " + word : word);
  }
  if ((tested >> 6 & 1) != 0) add("ip");
  return text;
}

std::string returns_text(const CallExpression& call, const FailedCase& failed) {
  std::string text;
  const bool is_foreign = call.data.arch != arch_info(call.arch).audit;
  for (const std::uint32_t ret : failed.returns) {
    text += text.empty() ? "" : " or ";
    text += is_foreign ? return_text(ret) : return_text_on(call.arch, ret);
  }
  return text.empty() ? "more than can be told" : text;
}

}  // namespace

std::string ExpectedVerdict::text() const {
  std::string text = kind == Kind::allowed  ? "allowed"
                     : kind == Kind::denied ? "denied"
                     : kind == Kind::action ? to_string(action)
                                            : "delegated";
  if (by == Verdict::Source::rule) return fmt::format("{} by line {}", text, line);
  return by ? fmt::format("{} by {}", text, source_name(*by)) : text;
}

bool ExpectedVerdict::holds_for(Arch arch, std::uint32_t ret) const {
  const auto got = action_of(ret);
  const ActionKind kind_of_got = got ? got->kind : ActionKind::kill_process;  // as the kernel does
  switch (kind) {
    case Kind::allowed: return permits(kind_of_got);
    case Kind::denied: return denies(kind_of_got);
    case Kind::delegated: return !permits(kind_of_got) && !denies(kind_of_got);
    case Kind::action: break;
  }
  return got && normalise(ret) == normalise(action_on(arch, action).ret());
}

std::vector<FailedCase> failed_cases(std::span<const VerdictCase> cases, const Program& program,
                                     const Policy* policy, std::span<const Arch> arches) {
  std::vector<FailedCase> failed;
  for (std::size_t index = 0; index < cases.size(); ++index) {
    const CallExpression& call = cases[index].call;
    const ExpectedVerdict& expected = cases[index].expected;
    Outcomes found = outcomes(program, call.partial());
    const bool holds = !found.any && !found.returns.empty() &&
                       std::all_of(found.returns.begin(), found.returns.end(),
                                   [&](auto ret) { return expected.holds_for(call.arch, ret); });
    if (holds && !expected.by) continue;
    FailedCase failure{index, std::move(found.returns), found.tested, std::nullopt};
    if (found.any) failure.returns.clear();
    if (policy != nullptr) failure.verdict = evaluate(*policy, arches, call.data);
    if (holds && failure.verdict && decides(expected, *failure.verdict, *policy)) continue;
    failed.push_back(std::move(failure));
  }
  return failed;
}

Diagnostic explain_failure(const VerdictCase& expected, const FailedCase& failed,
                           const Policy* policy) {
  const CallExpression& call = expected.call;
  std::string message = fmt::format("{}: expected {}, got {}", call.text, expected.expected.text(),
                                    returns_text(call, failed));
  if (failed.verdict && policy != nullptr && failed.returns.size() == 1) {
    const Verdict& verdict = *failed.verdict;
    const Place* rule = verdict.rule ? &policy->rules[*verdict.rule].place : nullptr;
    message += rule != nullptr ? fmt::format(", by {}:{}", rule->file, rule->line)
                               : fmt::format(", by `{}`", source_name(verdict.source));
  }
  std::string hint;
  if (failed.returns.size() != 1 && failed.tested != 0) {
    hint = "it depends on what the case does not say: " + words_text(call, failed.tested);
  }
  return {.message = std::move(message),
          .place = expected.place,
          .hint = std::move(hint),
          .source_line = expected.source_line};
}

}  // namespace callgate
