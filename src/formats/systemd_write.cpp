// A policy as a drop-in. A unit says of a call by name, on every ABI alike, what becomes of it; so
// each call must have one action. What comes out is read back as systemd reads it and proved equal
// to what went in. So nothing here is trusted: where ABIs differ, or where on i386 a call's
// multiplexer would be let through with it, the proof finds a call that differs, and that call is
// named.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "callgate/abi/constants.h"
#include "callgate/abi/groups.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"
#include "formats/oci_names.h"
#include "formats/oci_regions.h"
#include "formats/systemd_filters.h"

namespace callgate {
namespace {

constexpr Action eperm = deny(1);
constexpr std::uint16_t last_errno = 4094;  // of libseccomp
constexpr std::size_t line_width = 100;

/// systemd has these; an errno of 0 only beside a call.
bool is_writable(Action action) {
  if (action.kind == ActionKind::errno_) return action.data <= last_errno;
  return permits(action.kind) || action.kind == ActionKind::kill_process;
}

std::string error_word(Action action) {
  if (action.kind == ActionKind::kill_process) return "kill";
  const std::string_view name = errno_name(action.data);
  return name.empty() ? std::to_string(action.data) : std::string(name);
}

/// `Key=word word ...` on as many lines as it takes; each begins with `mark`.
std::string setting(std::string_view key, std::string_view mark,
                    const std::vector<std::string>& words) {
  std::string text;
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty() && line.size() + 1 + word.size() > line_width) {
      text += line + '\n';
      line.clear();
    }
    line += line.empty() ? fmt::format("{}={}{}", key, mark, word) : ' ' + word;
  }
  return line.empty() ? text : text + line + '\n';
}

Error unproved(const Undecided& answer) {
  return Error(fmt::format("the proof that the unit is right did not finish at {}", answer.call));
}

class UnitWriter {
 public:
  UnitWriter(const Policy& policy, const UnitWriteOptions& options)
      : policy_(policy), options_(options) {}

  Result<UnitExport> run();

 private:
  [[nodiscard]] const Syscall* known(Arch arch, std::string_view name) const {
    return oci::libseccomp_call(arch, name, options_.libseccomp);
  }
  [[nodiscard]] bool is_default(std::string_view name) const;
  [[nodiscard]] bool all_listed() const {
    return options_.arches.size() == systemd::local_arches(options_.machine).size();
  }
  Result<void> check_arches();
  Result<void> check_unlisted();
  Result<void> choose_default();
  Result<void> collect();
  Result<Action> action_of_call(const std::string& name);
  [[nodiscard]] const oci::Regions& regions(Arch arch);
  [[nodiscard]] Action strictest_of(const std::string& name);
  Result<Action> refused(const std::string& name, const Error& why);
  [[nodiscard]] Action most_common_denial() const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string filter_text(Action error) const;
  [[nodiscard]] std::string log_text() const;

  Result<void> settle();
  [[nodiscard]] Policy reference(const Policy& read_back, bool all_nameless) const;
  Result<void> narrow(const Differs& differs, const Policy& read_back);
  Result<void> judge_nameless(const Policy& read_back);
  [[nodiscard]] Error inexpressible(const SeccompData& call, const Policy& read_back) const;
  void state(std::string message) {
    diagnostics_.push_back({Severity::warning, std::move(message), {}, {}, {}});
  }

  const Policy& policy_;
  const UnitWriteOptions& options_;
  Action default_{};
  std::map<Arch, oci::Regions> regions_;
  std::map<std::string, Action> refused_;  ///< what was narrowed
  std::map<std::string, Action> actions_;
  std::vector<Diagnostic> diagnostics_;
};

bool UnitWriter::is_default(std::string_view name) const {
  const Group* always = find_group("systemd/default");
  return always != nullptr &&
         std::find(always->calls.begin(), always->calls.end(), name) != always->calls.end();
}

Result<void> UnitWriter::check_arches() {
  const std::vector<Arch> local = systemd::local_arches(options_.machine);
  const auto& arches = options_.arches;
  if (local.empty()) {
    return fail(
        fmt::format("what systemd loads on {} is not modelled", arch_info(options_.machine).name));
  }
  if (std::find(arches.begin(), arches.end(), options_.machine) == arches.end()) {
    return fail(fmt::format("systemd never refuses the calls of the machine's own ABI, {}",
                            arch_info(options_.machine).name),
                "name it among the policy's architectures");
  }
  for (const Arch arch : arches) {
    if (std::find(local.begin(), local.end(), arch) != local.end()) continue;
    return fail(fmt::format("{} is no ABI of a machine whose own is {}", arch_info(arch).name,
                            arch_info(options_.machine).name),
                "write one drop-in a machine: --arch");
  }
  std::vector<Diagnostic> findings = check(policy_, arches);
  if (has_errors(findings)) return fail(Error(std::move(findings)));
  return {};
}

/// Where every ABI of the machine is listed, no other call can occur.
Result<void> UnitWriter::check_unlisted() {
  if (all_listed() || policy_.unlisted == kill_thread) return {};
  const std::string stated = fmt::format(
      "a call of an architecture that is not listed gets kill_thread under systemd, "
      "not {}",
      to_string(policy_.unlisted));
  // Nothing but kill_process is stricter than kill_thread.
  const bool is_narrowed = policy_.unlisted != kill_process;
  if (is_narrowed && options_.approximate_stricter) {
    state(stated);
    return {};
  }
  const std::string remedy = "say `unlisted kill_thread` in the policy";
  return fail(stated, is_narrowed ? remedy + ", or use --approximate=stricter" : remedy);
}

/// Numbers that the policy does not know get `unknown`, which only the default action can say; then
/// every call that would get `otherwise` is listed.
Result<void> UnitWriter::choose_default() {
  const bool unknown_counts =
      denies(policy_.otherwise.kind) && policy_.unknown != policy_.otherwise;
  default_ = unknown_counts ? policy_.unknown : policy_.otherwise;
  const bool fits =
      is_writable(default_) && (default_.kind != ActionKind::errno_ || default_.data != 0);
  if (fits) return {};
  const std::string stated =
      fmt::format("{} cannot be what every other call gets under systemd", to_string(default_));
  if (!options_.approximate_stricter) {
    return fail(stated,
                "allow, log, errno and kill_process can; --approximate=stricter takes "
                "kill_process");
  }
  default_ = kill_process;
  state(stated + ": kill_process takes its place");
  return {};
}

const oci::Regions& UnitWriter::regions(Arch arch) {
  return regions_.try_emplace(arch, policy_, arch).first->second;
}

/// Over all ABIs and arguments; kill_process where that cannot be told.
Action UnitWriter::strictest_of(const std::string& name) {
  Action result = allow;
  for (const Arch arch : options_.arches) {
    const Syscall* call = known(arch, name);
    if (call == nullptr) continue;
    const auto parts = regions(arch).of(*call);
    if (!parts) return kill_process;
    for (const oci::Region& part : *parts) {
      if (precedence(part.action.ret()) < precedence(result.ret())) result = part.action;
    }
  }
  return result;
}

Result<Action> UnitWriter::refused(const std::string& name, const Error& why) {
  if (!options_.approximate_stricter) return fail(why);
  Action action = denies(default_.kind) ? default_ : eperm;
  if (precedence(strictest_of(name).ret()) < precedence(action.ret())) action = kill_process;
  refused_[name] = action;
  state(fmt::format("{}: it gets {} altogether", why.message(), to_string(action)));
  return action;
}

/// By the first ABI that has the call.
Result<Action> UnitWriter::action_of_call(const std::string& name) {
  if (const auto narrowed = refused_.find(name); narrowed != refused_.end()) {
    return narrowed->second;
  }
  const Arch arch = *std::find_if(options_.arches.begin(), options_.arches.end(),
                                  [&](Arch each) { return known(each, name) != nullptr; });
  const auto parts = regions(arch).of(*known(arch, name));
  if (!parts) return refused(name, parts.error());
  const oci::Region& first = parts->front();
  const bool is_plain = parts->size() == 1;
  if (is_plain && is_writable(first.action)) return first.action;
  return refused(
      name, Error(Diagnostic{
                Severity::error,
                is_plain ? fmt::format("a unit cannot say {} of {}", to_string(first.action), name)
                         : fmt::format("a unit cannot look at the arguments of {}", name),
                first.rule ? policy_.rules[*first.rule].place : Place{},
                "--approximate=stricter refuses the call altogether",
                {}}));
}

Result<void> UnitWriter::collect() {
  actions_.clear();
  for (const std::string_view each : syscall_names()) {
    const std::string name(each);
    const bool is_known = std::any_of(options_.arches.begin(), options_.arches.end(),
                                      [&](Arch arch) { return known(arch, name) != nullptr; });
    if (!is_known) continue;
    CALLGATE_TRY(actions_[name], action_of_call(name));
  }
  return {};
}

/// In a list of refused calls; the rest are written with an errno of their own.
Action UnitWriter::most_common_denial() const {
  std::map<std::uint32_t, std::size_t> counts;
  for (const auto& [name, action] : actions_) {
    if (denies(action.kind) && action != deny(0)) ++counts[action.ret()];
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? kill_process : *action_of(most->first);
}

std::string UnitWriter::filter_text(Action error) const {
  const bool allows = denies(default_.kind);
  std::vector<std::string> listed;
  std::vector<std::string> removed;
  for (const auto& [name, action] : actions_) {
    if (permits(action.kind)) {
      if (allows) listed.push_back(name);
    } else if (action != error) {
      removed.push_back(name + ':' + error_word(action));
    } else if (!allows || is_default(name)) {
      removed.push_back(name);
    }
  }
  if (allows && listed.empty()) listed.emplace_back("@default");
  return setting("SystemCallFilter", "", listed) + setting("SystemCallFilter", "~", removed);
}

std::string UnitWriter::log_text() const {
  const bool logs_others = default_ == log_;
  std::vector<std::string> listed;
  for (const auto& [name, action] : actions_) {
    if (logs_others ? action == allow : action == log_) listed.push_back(name);
  }
  return setting("SystemCallLog", logs_others ? "~" : "", listed);
}

/// An empty assignment first: a drop-in replaces what the unit says, it does not add to it.
std::string UnitWriter::text() const {
  const Action error = denies(default_.kind) ? default_ : most_common_denial();
  std::string text = "[Service]\nSystemCallArchitectures=\n";
  if (!all_listed()) {
    text += "SystemCallArchitectures=native";
    for (const Arch arch : options_.arches) {
      if (arch != options_.machine) text += fmt::format(" {}", systemd::systemd_arch_name(arch));
    }
    text += '\n';
  }
  text += fmt::format("SystemCallErrorNumber={}\n", error_word(error));
  text += "SystemCallLog=\n" + log_text();
  return text + "SystemCallFilter=\n" + filter_text(error);
}

/// The policy, with the read-back unit's answers for -1 and, if asked, for every other number
/// without a name: what is equal to this differs from the policy nowhere else.
Policy UnitWriter::reference(const Policy& read_back, bool all_nameless) const {
  Policy result = policy_;
  std::vector<Rule> first;
  const auto answer = [&](Arch arch, std::uint32_t from, std::uint32_t to) {
    first.push_back({.action = read_back.otherwise,
                     .calls = {Selector::numbers(from, to)},
                     .condition = {},
                     .arches = {arch}});
  };
  for (const Arch arch : options_.arches) {
    std::uint32_t next = arch == Arch::x32 ? x32_bit : 0;
    const std::uint32_t last = arch == Arch::x86_64 ? x32_bit - 1 : skipped_call - 1;
    if (arch != Arch::x32) answer(arch, skipped_call, skipped_call);
    if (!all_nameless) continue;
    for (const Syscall& call : syscalls(arch)) {
      if (known(arch, call.name) == nullptr) continue;
      if (call.number > next) answer(arch, next, call.number - 1);
      next = call.number + 1;
    }
    answer(arch, next, last);
  }
  for (const auto& [name, action] : refused_) {
    first.push_back(
        {.action = action, .calls = {Selector::named(name)}, .condition = {}, .arches = {}});
  }
  result.rules.insert(result.rules.begin(), first.begin(), first.end());
  result.unlisted = read_back.unlisted;
  return result;
}

Error UnitWriter::inexpressible(const SeccompData& call, const Policy& read_back) const {
  const Arch arch = classify(call.arch, call.nr).value_or(options_.machine);
  const Syscall* named = find_syscall(arch, call.nr);
  const Verdict verdict = evaluate(policy_, options_.arches, call);
  return Error(Diagnostic{
      Severity::error,
      fmt::format(
          "{} on {}: {} cannot be expressed for systemd, where it would get {}",
          named != nullptr ? std::string(named->name) : fmt::format("number {:#x}", call.nr),
          arch_info(arch).name, to_string(verdict.action),
          to_string(evaluate(read_back, options_.arches, call).action)),
      verdict.rule ? policy_.rules[*verdict.rule].place : Place{},
      "in a unit all architectures share what is said of a name, and on i386 a socket or ipc call "
      "counts for its multiplexer; --approximate=stricter refuses more, or leave architectures out "
      "with --arch",
      {}});
}

/// Refuses the call at which the unit differs, if that is allowed.
Result<void> UnitWriter::narrow(const Differs& differs, const Policy& read_back) {
  const SeccompData& call = differs.witness;
  const std::optional<Arch> arch = classify(call.arch, call.nr);
  const Syscall* named = arch ? find_syscall(*arch, call.nr) : nullptr;
  Error why = inexpressible(call, read_back);
  if (named == nullptr || !options_.approximate_stricter) return fail(std::move(why));
  std::vector<std::string> names = {std::string(named->name)};
  for (const Multiplexed& carried : named->multiplexes) names.emplace_back(carried.name);
  bool changed = false;
  for (const std::string& each : names) {
    if (refused_.contains(each)) continue;
    changed = true;
    const Error each_why(fmt::format("what the policy says of {} on {} cannot be said in a unit",
                                     each, arch_info(*arch).name));
    CALLGATE_TRY([[maybe_unused]] const Action action, refused(each, each_why));
  }
  if (!changed) return fail(std::move(why));
  return {};
}

/// Numbers without a name, -1 among them, get the default. Where that differs it is said, and
/// refused where it would let through what the policy denies.
Result<void> UnitWriter::judge_nameless(const Policy& read_back) {
  const Action got = read_back.otherwise;
  for (const Arch arch : options_.arches) {
    const SeccompData skipped{.nr = skipped_call, .arch = arch_info(arch).audit};
    const Action wanted = evaluate(policy_, options_.arches, skipped).action;
    if (normalise(wanted.ret()) == normalise(got.ret())) continue;
    if (!denies(got.kind)) return fail(inexpressible(skipped, read_back));
    state(fmt::format("number -1, which is no call, gets {}", to_string(got)));
    break;
  }
  const Answer answer = callgate::equal(reference(read_back, false), read_back, options_.arches);
  if (std::holds_alternative<Equal>(answer)) return {};
  if (const auto* open = std::get_if<Undecided>(&answer)) return fail(unproved(*open));
  const SeccompData& call = std::get<Differs>(answer).witness;
  if (!options_.approximate_stricter || !denies(got.kind)) {
    return fail(inexpressible(call, read_back));
  }
  state(fmt::format("numbers that have no name for a libseccomp of {} get {}, {:#x} not {}",
                    to_string(options_.libseccomp), to_string(got), call.nr,
                    to_string(evaluate(policy_, options_.arches, call).action)));
  return {};
}

Result<void> UnitWriter::settle() {
  UnitContext context{.arch = options_.machine, .libseccomp = options_.libseccomp};
  for (;;) {
    CALLGATE_CHECK(collect());
    const UnitFile file{.path = "the drop-in written", .text = text()};
    CALLGATE_TRY(const UnitImport back, read_unit({&file, 1}, context));
    const Answer answer =
        callgate::equal(reference(back.policy, true), back.policy, options_.arches);
    if (std::holds_alternative<Equal>(answer)) return judge_nameless(back.policy);
    if (const auto* open = std::get_if<Undecided>(&answer)) return fail(unproved(*open));
    CALLGATE_CHECK(narrow(std::get<Differs>(answer), back.policy));
  }
}

Result<UnitExport> UnitWriter::run() {
  CALLGATE_CHECK(check_arches());
  CALLGATE_CHECK(check_unlisted());
  CALLGATE_CHECK(choose_default());
  CALLGATE_CHECK(settle());
  const auto exec = actions_.find("execve");
  if (exec != actions_.end() && !permits(exec->second.kind)) {
    state("a service with this drop-in cannot start: systemd's execve is made under its filters");
  }
  return UnitExport{text(), std::move(diagnostics_)};
}

}  // namespace

Result<UnitExport> write_unit(const Policy& policy, const UnitWriteOptions& options) {
  return UnitWriter(policy, options).run();
}

}  // namespace callgate
