#include "cli/verbs.h"

#include <vector>

namespace callgate::cli {
namespace {

/// In the order in which --help lists them, one a line.
// clang-format off
const std::vector<AddVerb> all_verbs = {
    add_run_verb,
    add_judge_verb,
    add_check_verb,
    add_fmt_verb,
    add_compile_verb,
    add_convert_verb,
    add_merge_verb,
    add_diff_verb,
    add_explain_verb,
    add_replay_verb,
    add_test_verb,
    add_asm_verb,
    add_disasm_verb,
    add_emu_verb,
    add_dump_verb,
    add_syscalls_verb,
    add_doctor_verb,
    add_completion_verb,
    add_complete_verb,
    add_man_verb,
};
// clang-format on

}  // namespace

void add_all_verbs(CLI::App& app, Action& chosen) {
  for (const AddVerb add : all_verbs) add(app, chosen);
}

}  // namespace callgate::cli
