// callgate diff: what changes from one policy, filter or process to another.
#include <fmt/format.h>

#include <algorithm>

#include "cli/diff_report.h"
#include "cli/page.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate diff old.policy new.policy            which calls change, from what to what\n"
    "  callgate diff docker-default seccomp.json --caps none\n"
    "  callgate diff app.policy -p 1234               against what a running process has\n"
    "  callgate diff -p 1234 -p 5678                  two processes\n"
    "  callgate diff d.json d.json --caps none --caps all     one profile, two bounding sets\n"
    "  callgate diff old.bpf new.bpf --fail-on looser         for CI: only what lets more through\n"
    "  callgate diff old.policy new.policy -o changes.html    a page, side by side\n"
    "  callgate diff app.policy app.policy --arch x86_64 --arch aarch64    by names\n"
    "A source is a policy file, an OCI profile, a unit, raw BPF, a built-in profile or a process\n"
    "(-p PID, pid:PID). An option given twice is for the first and the second source.\n"
    "Exit codes: 0 equal (or, with --fail-on looser, nothing looser), 1 they differ,\n"
    "2 misuse or bad input.";

struct DiffVerb {
  SourceOptions sources;
  std::string fail_on = "any";
  std::string output = "-";
  bool permission = false;
  bool names = false;
  bool json = false;
};

/// The ABIs whose audit number none of the others has.
bool share_machine(const std::vector<Arch>& left, const std::vector<Arch>& right) {
  return std::any_of(left.begin(), left.end(), [&](Arch a) {
    return std::any_of(right.begin(), right.end(),
                       [&](Arch b) { return arch_info(a).audit == arch_info(b).audit; });
  });
}

/// Each left ABI beside the first right one of its width that has no partner yet; what is left
/// over goes to the lists of the report.
std::vector<std::pair<Arch, Arch>> pairs_of(const std::vector<Arch>& left,
                                            const std::vector<Arch>& right, DiffReport& report) {
  std::vector<std::pair<Arch, Arch>> pairs;
  report.right_alone = right;
  for (const Arch arch : left) {
    const auto partner = std::find_if(
        report.right_alone.begin(), report.right_alone.end(),
        [&](Arch other) { return arch_info(other).word_bits == arch_info(arch).word_bits; });
    if (partner == report.right_alone.end()) {
      report.left_alone.push_back(arch);
      continue;
    }
    pairs.emplace_back(arch, *partner);
    report.right_alone.erase(partner);
  }
  if (!pairs.empty()) return pairs;
  report.left_alone.assign(left.begin() + 1, left.end());
  report.right_alone.assign(right.begin() + 1, right.end());
  return {{left.front(), right.front()}};
}

Result<DiffReport> compare(const DiffVerb& verb, const QuestionedSource& left,
                           const QuestionedSource& right) {
  DiffReport report{.left = &left, .right = &right, .permission = verb.permission};
  DifferenceOptions options;
  options.compared = verb.permission ? Compared::permission : Compared::returns;
  const std::vector<Arch> left_arches = arches_of(left);
  const std::vector<Arch> right_arches = arches_of(right);
  if (!left_arches.empty() && !right_arches.empty() && !share_machine(left_arches, right_arches)) {
    for (const auto& [from, to] : pairs_of(left_arches, right_arches, report)) {
      CALLGATE_TRY(CrossDifference found,
                   difference_across(left.subject, from, right.subject, to, options));
      report.across.push_back({from, to, std::move(found)});
    }
    return report;
  }
  if (!left.asked.empty() && left.asked == right.asked) options.arches = left.asked;
  report.restricted = !options.arches.empty();
  CALLGATE_TRY(report.difference, difference(left.subject, right.subject, options));
  return report;
}

Result<int> compared(const DiffVerb& verb) {
  const std::vector<std::string> names = source_names(verb.sources);
  if (names.size() != 2) {
    return fail(fmt::format("{} sources, and a difference is of two", names.size()),
                "callgate diff A B; -p PID stands for one");
  }
  CALLGATE_TRY(const std::vector<QuestionedSource> sources, load_sources(verb.sources, names));
  CALLGATE_TRY(const DiffReport report, compare(verb, sources.front(), sources.back()));
  const bool as_page = is_page(verb.output);
  CALLGATE_TRY(std::string text, verb.json || as_page
                                     ? report_json(report)
                                     : report_text(report, {.names = verb.names ? 0u : 24u}));
  if (as_page) text = page("diff", names[0] + " \u2192 " + names[1], text);
  const bool fails = verb.fail_on == "looser" ? report.may_be_looser() : !report.is_equal();
  return write_output(verb.output, text, fails ? exit_no : exit_yes);
}

int run_diff(const DiffVerb& verb) {
  const auto code = compared(verb);
  return code ? *code : report(code.error());
}

}  // namespace

void add_diff_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] = add_verb<DiffVerb>(
      app, chosen, "diff", "which calls two policies decide differently", run_diff);
  command->footer(examples);
  add_sources(*command, verb->sources, "SOURCE");
  command
      ->add_option("--fail-on", verb->fail_on,
                   "looser: exit with 1 only where the second source lets more through")
      ->check(CLI::IsMember({"any", "looser"}));
  command->add_flag("--permission", verb->permission, "compare allowed, delegated and denied only");
  command->add_flag("--names", verb->names, "name every call, however many");
  command->add_flag("--json", verb->json, "as JSON (docs/json.md)");
  command->add_option("-o,--output", verb->output, output_help);
}

}  // namespace callgate::cli
