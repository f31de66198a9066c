// unit_filters LIBSECCOMP: reads lines "PID UNIT [DROP-IN...]" and answers each with one: "equal",
// or how the filters of that process differ from what callgate reads in the unit.
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "callgate/abi/syscalls.h"
#include "callgate/base/file.h"
#include "callgate/formats/systemd.h"
#include "callgate/formats/text.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"
#include "callgate/supervise/read_filters.h"

namespace callgate {
namespace {

std::string one_line(std::string text) {
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

std::string difference(const Differs& differs, std::span<const Program> stack,
                       const Policy& policy) {
  const SeccompData& data = differs.witness;
  std::ostringstream out;
  out << std::hex << "differs: arch " << data.arch << " nr " << data.nr << " args";
  for (const auto arg : data.args) out << ' ' << arg;
  out << ": " << stack.size() << " filters say " << differs.left << ", the policy "
      << differs.right;
  if (const auto arch = classify(data.arch, data.nr)) {
    const Syscall* call = find_syscall(*arch, data.nr);
    out << " (" << arch_info(*arch).name << ' ' << (call ? call->name : "no call") << ')';
  }
  return out.str() + (std::getenv("UNIT_FILTERS_VERBOSE") ? "\n" + print_policy(policy) : "");
}

Result<Policy> policy_of(std::istream& words, Release libseccomp) {
  std::vector<UnitFile> files;
  for (std::string path; words >> path;) {
    CALLGATE_TRY(std::string text, read_file(path));
    files.push_back({path, std::move(text)});
  }
  if (files.size() == 1 && files.front().path.ends_with(".policy")) {
    CALLGATE_TRY(ParsedPolicy parsed, parse_policy(files.front().text, files.front().path));
    return std::move(parsed.policy);
  }
  CALLGATE_TRY(UnitImport import, read_unit(files, {.libseccomp = libseccomp}));
  return std::move(import.policy);
}

Result<std::string> judge(std::istream& words, Release libseccomp) {
  pid_t process = 0;
  words >> process;
  CALLGATE_TRY(const Policy policy, policy_of(words, libseccomp));
  const auto findings = check(policy, policy.arches);
  if (has_errors(findings)) return fail(Error(findings));
  CALLGATE_TRY(const ThreadFilters filters, read_filters(process));
  std::vector<Program> stack;
  for (const InstalledFilter& filter : filters.filters) {
    CALLGATE_TRY(Program program, Program::verify(filter.instructions, {}));
    stack.push_back(std::move(program));
  }
  const Answer answer = equal(StackSubject{stack}, PolicySubject{policy, policy.arches});
  if (std::holds_alternative<Equal>(answer)) {
    return "equal " + std::to_string(stack.size());
  }
  if (const auto* differs = std::get_if<Differs>(&answer)) {
    return difference(*differs, stack, policy);
  }
  return "undecided: " + std::get<Undecided>(answer).call;
}

}  // namespace
}  // namespace callgate

int main(int argc, char** argv) {
  using namespace callgate;
  const auto level = argc == 2 ? parse_release(argv[1]) : std::nullopt;
  if (!level) return 2;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    const auto answer = judge(words, *level);
    std::cout << (answer ? *answer : "error: " + one_line(answer.error().text())) << std::endl;
  }
}
