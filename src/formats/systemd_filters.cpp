// What each setting loads, in the order in which systemd 252 does (exec_child and the apply_*
// functions of src/core/execute.c, the seccomp_* functions of src/shared/seccomp-util.c). Held
// against the filters of a running systemd by tests/integration/systemd_test.py.
#include "formats/systemd_filters.h"

#include <fmt/format.h>

#include <algorithm>

#include "callgate/abi/groups.h"

namespace callgate::systemd {
namespace {

constexpr Action eperm = deny(1);
constexpr Action enosys = deny(38);
constexpr Action eafnosupport = deny(97);
constexpr std::uint16_t last_errno_of_libseccomp = 4094;

WordTest equals(std::uint8_t index, std::uint64_t value) { return {index, Relation::eq, value}; }
WordTest differs(std::uint8_t index, std::uint64_t value) { return {index, Relation::ne, value}; }
WordTest below(std::uint8_t index, std::uint64_t value) { return {index, Relation::lt, value}; }
WordTest above(std::uint8_t index, std::uint64_t value) { return {index, Relation::gt, value}; }
/// Every bit of `bits` is set.
WordTest has(std::uint8_t index, std::uint64_t bits) { return {index, Relation::eq, bits, bits}; }

std::vector<std::string> group_calls(std::string_view name) {
  const Group* group = find_group("systemd/" + std::string(name));
  if (group == nullptr) return {};
  return {group->calls.begin(), group->calls.end()};
}

class Loader {
 public:
  Loader(const Settings& settings, const UnitContext& context, std::vector<Diagnostic>& diagnostics)
      : settings_(settings), context_(context), diagnostics_(diagnostics) {}

  FilterStack run();

 private:
  void load(std::vector<FilterRule> rules, Action otherwise = allow) {
    stack_.filters.push_back({otherwise, stack_.arches, std::move(rules)});
  }
  void protect_hostname();
  void address_families();
  void deny_write_execute();
  void realtime();
  void suid_sgid();
  void namespaces();
  void kernel();
  void architectures();
  void personality();
  void log();
  void filter();
  void check(const FilterRule& rule, Action otherwise);

  const Settings& settings_;
  const UnitContext& context_;
  std::vector<Diagnostic>& diagnostics_;
  FilterStack stack_;
};

void Loader::protect_hostname() {
  if (!settings_.is_on("ProtectHostname")) return;
  load({{eperm, {"sethostname", "setdomainname"}, {}, settings_.place_of("ProtectHostname")}});
}

/// Not on ABIs that have socketcall(2).
void Loader::address_families() {
  const auto& list = settings_.families;
  constexpr std::uint16_t end = 46;  // af_max(): past AF_MCTP, the last of glibc 2.36
  if (!list || (!list->allows && list->families.empty())) return;
  std::vector<FilterRule> rules;
  const auto refuse = [&](std::vector<WordTest> tests) {
    rules.push_back({eafnosupport, {"socket"}, std::move(tests), list->place});
  };
  if (list->allows && list->families.empty()) {
    refuse({});
  } else if (list->allows) {
    refuse({below(0, *list->families.begin())});
    refuse({above(0, *list->families.rbegin())});
    for (std::uint16_t family = 1; family < end; ++family) {
      if (!list->families.contains(family)) refuse({equals(0, family)});
    }
  } else {
    for (const std::uint16_t family : list->families) refuse({equals(0, family)});
  }
  load(std::move(rules));
  std::erase(stack_.filters.back().arches, Arch::i386);
}

void Loader::deny_write_execute() {
  constexpr std::uint64_t prot_write = 2;
  constexpr std::uint64_t prot_exec = 4;
  constexpr std::uint64_t shm_exec = 0100000;
  if (!settings_.is_on("MemoryDenyWriteExecute")) return;
  const Place place = settings_.place_of("MemoryDenyWriteExecute");
  const std::vector<WordTest> both = {has(2, prot_write | prot_exec)};
  load({{eperm, {"mmap"}, both, place, {Arch::x86_64, Arch::x32, Arch::aarch64}},
        {eperm, {"mmap2"}, both, place, {Arch::i386, Arch::arm}},
        {eperm, {"mmap"}, {}, place, {Arch::i386}},
        {eperm, {"mprotect", "pkey_mprotect"}, {has(2, prot_exec)}, place},
        {eperm,
         {"shmat"},
         {has(2, shm_exec)},
         place,
         {Arch::x86_64, Arch::x32, Arch::aarch64, Arch::arm}}});
}

/// All but SCHED_OTHER, SCHED_BATCH and SCHED_IDLE.
void Loader::realtime() {
  if (!settings_.is_on("RestrictRealtime")) return;
  constexpr std::uint64_t sched_idle = 5;
  const Place place = settings_.place_of("RestrictRealtime");
  std::vector<FilterRule> rules;
  for (const std::uint64_t policy : {1u, 2u, 4u}) {  // SCHED_FIFO, SCHED_RR, 4 was SCHED_ISO's
    rules.push_back({eperm, {"sched_setscheduler"}, {equals(1, policy)}, place});
  }
  rules.push_back({eperm, {"sched_setscheduler"}, {above(1, sched_idle)}, place});
  load(std::move(rules));
}

void Loader::suid_sgid() {
  constexpr std::uint64_t o_creat = 0100;
  const bool dynamic = settings_.is_on("DynamicUser");
  if (!settings_.is_on("RestrictSUIDSGID") && !dynamic) return;
  const Place place = settings_.place_of(dynamic ? "DynamicUser" : "RestrictSUIDSGID");
  std::vector<FilterRule> rules;
  for (const std::uint64_t mode : {04000u, 02000u}) {
    rules.push_back({eperm, {"chmod", "fchmod", "mkdir", "mknod", "creat"}, {has(1, mode)}, place});
    rules.push_back(
        {eperm, {"fchmodat", "fchmodat2", "mkdirat", "mknodat"}, {has(2, mode)}, place});
    rules.push_back({eperm, {"open"}, {has(1, o_creat), has(2, mode)}, place});
    rules.push_back({eperm, {"openat"}, {has(2, o_creat), has(3, mode)}, place});
  }
  rules.push_back({enosys, {"openat2"}, {}, place});
  load(std::move(rules));
}

void Loader::namespaces() {
  if (!settings_.namespaces || (*settings_.namespaces & all_namespaces) == all_namespaces) return;
  const std::uint64_t retained = *settings_.namespaces;
  const Place place = settings_.namespaces_place;
  const bool none = (retained & all_namespaces) == 0;
  std::vector<FilterRule> rules = {{enosys, {"clone3"}, {}, place}};
  rules.push_back(
      {eperm, {"setns"}, none ? std::vector<WordTest>{} : std::vector{equals(1, 0)}, place});
  for (std::uint64_t flag = 1; flag < std::uint64_t{1} << 32; flag <<= 1) {
    constexpr std::uint64_t time = 0x80;
    if ((flag & (all_namespaces | time)) == 0 || (flag & retained) != 0) continue;
    rules.push_back({eperm, {"unshare", "clone"}, {has(0, flag)}, place});
    if (!none) rules.push_back({eperm, {"setns"}, {has(1, flag)}, place});
  }
  load(std::move(rules));
}

/// The settings that refuse a set of calls altogether.
void Loader::kernel() {
  const auto refuse = [&](const std::string& setting, std::vector<std::string> calls) {
    if (!settings_.is_on(setting)) return;
    load({{eperm, std::move(calls), {}, settings_.place_of(setting)}});
  };
  refuse("ProtectKernelTunables", {"_sysctl"});
  refuse("ProtectKernelModules", group_calls("module"));
  refuse("ProtectKernelLogs", {"syslog"});
  refuse("ProtectClock", group_calls("clock"));
  refuse("PrivateDevices", group_calls("raw-io"));
}

/// What is loaded before covers the refused ABIs too, what comes after does not.
void Loader::architectures() {
  if (settings_.arches.empty()) return;
  std::vector<Arch> kept;
  for (const Arch arch : stack_.arches) {
    const bool listed = settings_.arches.contains(std::string(systemd_arch_name(arch)));
    if (listed || arch == context_.arch) kept.push_back(arch);
  }
  if (kept.size() != stack_.arches.size()) stack_.unlisted = kill_thread;
  stack_.arches = std::move(kept);
}

void Loader::personality() {
  if (!settings_.is_on("LockPersonality")) return;
  load({{eperm,
         {"personality"},
         {differs(0, settings_.personality)},
         settings_.place_of("LockPersonality")}});
}

void Loader::log() {
  const auto& list = settings_.log;
  if (!list || (!list->allows && list->calls.empty())) return;
  FilterRule rule{list->allows ? log_ : allow, {}, {}, list->place};
  for (const auto& [name, call] : list->calls) rule.calls.push_back(name);
  load({std::move(rule)}, list->allows ? allow : log_);
}

/// libseccomp refuses a rule whose action is the filter's default one, or whose errno is past its
/// last, and systemd then does not start the service.
void Loader::check(const FilterRule& rule, Action otherwise) {
  const bool is_default = rule.action == otherwise;
  const bool is_past =
      rule.action.kind == ActionKind::errno_ && rule.action.data > last_errno_of_libseccomp;
  if (!is_default && !is_past) return;
  diagnostics_.push_back(
      {Severity::error,
       is_default
           ? fmt::format("{} is what every call gets that is not listed: libseccomp refuses such a "
                         "rule, and the service does not start",
                         to_string(rule.action))
           : fmt::format("errno {} is past {}, the last that libseccomp takes: the service does "
                         "not start",
                         rule.action.data, last_errno_of_libseccomp),
       rule.place,
       is_default ? "leave the errno out" : "",
       {}});
}

void Loader::filter() {
  const auto& list = settings_.filter;
  if (!list || (!list->allows && list->calls.empty())) return;
  const Action otherwise = list->allows ? settings_.error : allow;
  std::vector<FilterRule> rules;
  for (const auto& [name, call] : list->calls) {
    const Action action = call.action.value_or(list->allows ? allow : settings_.error);
    const auto same = std::find_if(rules.begin(), rules.end(),
                                   [&](const FilterRule& rule) { return rule.action == action; });
    if (same != rules.end()) {
      same->calls.push_back(name);
    } else {
      rules.push_back({action, {name}, {}, call.place});
    }
  }
  for (const FilterRule& rule : rules) check(rule, otherwise);
  load(std::move(rules), otherwise);
}

FilterStack Loader::run() {
  stack_.arches = local_arches(context_.arch);
  protect_hostname();
  address_families();
  deny_write_execute();
  realtime();
  suid_sgid();
  namespaces();
  kernel();
  architectures();
  personality();
  log();
  filter();
  return std::move(stack_);
}

}  // namespace

std::vector<Arch> local_arches(Arch machine) {
  if (machine == Arch::x86_64) return {Arch::x86_64, Arch::i386, Arch::x32};
  if (machine == Arch::aarch64) return {Arch::aarch64, Arch::arm};
  return {};
}

FilterStack filters_of(const Settings& settings, const UnitContext& context,
                       std::vector<Diagnostic>& diagnostics) {
  return Loader(settings, context, diagnostics).run();
}

}  // namespace callgate::systemd
