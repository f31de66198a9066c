#include "cli/verbs.h"

#include <vector>

namespace callgate::cli {
namespace {

/// In the order in which --help lists them.
const std::vector<AddVerb> all_verbs = {
    add_asm_verb,
    add_disasm_verb,
    add_emu_verb,
};

}  // namespace

void add_all_verbs(CLI::App& app, Action& chosen) {
  for (const AddVerb add : all_verbs) add(app, chosen);
}

}  // namespace callgate::cli
