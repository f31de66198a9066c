// Every verb's entry, one line each; verbs.cpp puts them in the order of --help.
#pragma once

#include "cli/verb.h"

namespace callgate::cli {

void add_run_verb(CLI::App& app, Action& chosen);
void add_judge_verb(CLI::App& app, Action& chosen);
void add_check_verb(CLI::App& app, Action& chosen);
void add_fmt_verb(CLI::App& app, Action& chosen);
void add_syscalls_verb(CLI::App& app, Action& chosen);
void add_asm_verb(CLI::App& app, Action& chosen);
void add_disasm_verb(CLI::App& app, Action& chosen);
void add_emu_verb(CLI::App& app, Action& chosen);
void add_compile_verb(CLI::App& app, Action& chosen);
void add_convert_verb(CLI::App& app, Action& chosen);
void add_merge_verb(CLI::App& app, Action& chosen);
void add_diff_verb(CLI::App& app, Action& chosen);
void add_explain_verb(CLI::App& app, Action& chosen);
void add_replay_verb(CLI::App& app, Action& chosen);
void add_test_verb(CLI::App& app, Action& chosen);

void add_dump_verb(CLI::App& app, Action& chosen);
void add_doctor_verb(CLI::App& app, Action& chosen);
void add_completion_verb(CLI::App& app, Action& chosen);
void add_complete_verb(CLI::App& app, Action& chosen);
void add_man_verb(CLI::App& app, Action& chosen);
}  // namespace callgate::cli
