// From the section that a runtime sees to a policy with the meaning of the filter it installs.
//
// What libseccomp makes of rules for one call of one architecture (db.c, and measured against
// 2.5.4): the first unconditional rule decides and erases every conditional one; conditional rules
// of one action are a union. Rules of different actions whose conditions meet have no documented
// meaning and are refused here. So the policy lists the unconditional rules first, then the
// conditional ones, and the first match is what the filter does.
//
// On 32-bit ABIs and x32 libseccomp compares the low half of a word with the low half of the value.
// On i386 a rule for a socket or ipc call also becomes one for the multiplexer, with the call's
// selector in place of whatever the rule said of argument 0.
//
// runc puts a stub before the filter (libcontainer/seccomp/patchbpf/enosys_linux.go): numbers past
// the largest that the section names get ENOSYS.
//
// Known weakness: names that only other architectures have are told from misspelt ones by
// callgate's tables alone; both are skipped with a warning.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "callgate/abi/syscalls.h"
#include "callgate/formats/oci.h"
#include "formats/oci_cubes.h"
#include "formats/oci_names.h"
#include "formats/oci_section.h"

namespace callgate {
namespace {

using oci::ArchSet;
using oci::Argument;
using oci::Masked;
using oci::Named;
using oci::Section;
using oci::SectionRule;
using oci::Text;

constexpr Action enosys = deny(38);
constexpr std::uint32_t highest_x86_64 = x32_bit - 1;
constexpr std::uint32_t bit_30_clear_from = 0x80000000;  // and to the next:
constexpr std::uint32_t bit_30_set_from = 0xc0000000;

/// Argument words are compared by their low halves on these.
bool compares_low_halves(Arch arch) { return arch == Arch::x32 || arch_info(arch).word_bits == 32; }

/// One condition of a rule at the width that counts.
struct WordTest {
  Argument arg;
  unsigned bits = 64;

  [[nodiscard]] std::uint64_t width() const {
    return bits == 32 ? 0xffffffffull : ~std::uint64_t{0};
  }
  [[nodiscard]] std::uint64_t value() const { return arg.value & width(); }
  [[nodiscard]] std::uint64_t value_two() const { return arg.value_two & width(); }
};

/// The words for which a test holds.
std::vector<Masked> set_of(const WordTest& test) {
  const std::uint64_t value = test.value();
  const std::uint64_t last = test.width();
  switch (test.arg.op) {
    case oci::Operator::eq: return {{last, value}};
    case oci::Operator::ne: return oci::complement({last, value});
    case oci::Operator::lt:
      return value == 0 ? std::vector<Masked>{} : oci::prefixes(0, value - 1, test.bits);
    case oci::Operator::le: return oci::prefixes(0, value, test.bits);
    case oci::Operator::ge: return oci::prefixes(value, last, test.bits);
    case oci::Operator::gt:
      return value == last ? std::vector<Masked>{} : oci::prefixes(value + 1, last, test.bits);
    case oci::Operator::masked_eq:
      if ((test.value_two() & ~value) != 0) return {};
      return {{value, test.value_two()}};
  }
  return {};
}

bool sets_meet(const std::vector<Masked>& left, const std::vector<Masked>& right) {
  return std::any_of(left.begin(), left.end(), [&](const Masked& l) {
    return std::any_of(right.begin(), right.end(),
                       [&](const Masked& r) { return oci::intersect(l, r); });
  });
}

/// A conjunction of tests on distinct words.
using Tests = std::vector<WordTest>;

bool can_hold(const Tests& tests) {
  return std::none_of(tests.begin(), tests.end(),
                      [](const WordTest& test) { return set_of(test).empty(); });
}

/// For each word, what a conjunction lets it be; empty for a word that it does not test.
using WordSets = std::array<std::vector<Masked>, 6>;

WordSets sets_of(const Tests& tests) {
  WordSets sets;
  for (const WordTest& test : tests) sets[test.arg.index] = set_of(test);
  return sets;
}

/// Both conjunctions must be able to hold.
bool can_both_hold(const WordSets& a, const WordSets& b) {
  for (std::size_t word = 0; word < a.size(); ++word) {
    if (!a[word].empty() && !b[word].empty() && !sets_meet(a[word], b[word])) return false;
  }
  return true;
}

Relation relation_of(oci::Operator op) {
  switch (op) {
    case oci::Operator::ne: return Relation::ne;
    case oci::Operator::lt: return Relation::lt;
    case oci::Operator::le: return Relation::le;
    case oci::Operator::ge: return Relation::ge;
    case oci::Operator::gt: return Relation::gt;
    case oci::Operator::eq:
    case oci::Operator::masked_eq: return Relation::eq;
  }
  return Relation::eq;
}

/// A test as a policy's condition; none if it always holds.
std::optional<Condition> condition_of(const WordTest& test) {
  callgate::Test result;
  result.operand.kind = test.bits == 32 ? Operand::Kind::low : Operand::Kind::word;
  result.operand.index = test.arg.index;
  result.relation = relation_of(test.arg.op);
  std::uint64_t value = test.value();
  if (test.arg.op == oci::Operator::masked_eq) {
    if (value == 0) return std::nullopt;
    if (value != test.width()) result.mask = Value::of(value);
    value = test.value_two();
  }
  result.values = {{.first = Value::of(value), .last = std::nullopt}};
  return Condition::of(std::move(result));
}

Condition condition_of(const Tests& tests) {
  Condition all{.kind = Condition::Kind::all};
  for (const WordTest& test : tests) {
    if (auto one = condition_of(test)) all.children.push_back(*std::move(one));
  }
  if (all.children.empty()) return {};
  if (all.children.size() == 1) return all.children.front();
  return all;
}

/// args[0].lo in {selectors}, for a multiplexer.
Condition selected_by(const std::vector<std::uint32_t>& selectors) {
  callgate::Test test;
  test.operand.kind = Operand::Kind::low;
  test.relation = selectors.size() == 1 ? Relation::eq : Relation::in;
  for (const std::uint32_t selector : selectors) {
    test.values.push_back({.first = Value::of(selector), .last = std::nullopt});
  }
  return Condition::of(std::move(test));
}

class Importer {
 public:
  Importer(const Section& section, const OciContext& context, json::Reporter& reporter)
      : section_(section),
        context_(context),
        reporter_(reporter),
        names_(section.arches, context.libseccomp) {
    for (std::size_t i = 0; i < section.arches.size(); ++i) {
      const Arch arch = section.arches[i];
      decided_[static_cast<std::size_t>(arch)].resize(syscalls(arch).size());
      if (compares_low_halves(arch)) low_arches_ |= ArchSet{1} << i;
    }
  }

  Policy run();

 private:
  /// A conditional rule of one call, for the question whether rules of different actions meet.
  struct Use {
    std::size_t sets;  ///< in word_sets_
    Action action;
    oci::Span span;
  };
  using CallKey = std::pair<Arch, std::uint32_t>;

  void report(Severity severity, oci::Span at, std::string message, std::string hint = {},
              std::string id = {}) {
    reporter_.add(severity, at.offset, at.length, std::move(message), std::move(hint),
                  std::move(id));
  }

  // Names.
  void explain_unknown(const Text& name);

  // Rules.
  void rule(const SectionRule& rule);
  void direct(const SectionRule& rule, std::span<const Named> names, const Tests& tests);
  void direct_part(const SectionRule& rule, std::span<const Named> names, const Tests& tests,
                   bool low);
  void multiplexed(const SectionRule& rule, std::span<const Named> names, const Tests& tests);
  void push(const SectionRule& rule, std::vector<Selector> calls, std::vector<Arch> arches,
            Condition condition, bool conditional);
  void use(Arch arch, const Syscall& call, const SectionRule& rule, const Tests& tests);
  void decide(Arch arch, const Syscall& call);
  [[nodiscard]] bool is_decided(Arch arch, const Syscall& call) const;
  void check_overlaps();
  void report_clash(const CallKey& key, const Use& earlier, const Use& later);
  [[nodiscard]] bool is_erased(const callgate::Rule& rule) const;

  // runc's stub.
  [[nodiscard]] bool has_stub() const;
  [[nodiscard]] std::vector<Arch> stub_arches() const;
  [[nodiscard]] std::uint32_t largest_named(Arch arch) const;
  void stub();
  void stub_rule(Arch arch, std::vector<Selector> calls, Action action);
  void stub_x86(std::optional<std::uint32_t> x86_64, std::optional<std::uint32_t> x32);

  const Section& section_;
  const OciContext& context_;
  json::Reporter& reporter_;
  Policy policy_;
  std::vector<callgate::Rule> unconditional_;
  std::vector<callgate::Rule> conditional_;
  oci::NameTable names_;
  ArchSet low_arches_ = 0;  ///< those that compare low halves
  std::vector<WordSets> word_sets_;
  std::map<CallKey, std::vector<Use>> uses_;
  /// By an unconditional rule: for each ABI, by the call's place in its table.
  std::array<std::vector<bool>, all_arches.size()> decided_;
};

void Importer::explain_unknown(const Text& name) {
  const bool newer = std::any_of(all_arches.begin(), all_arches.end(), [&](Arch arch) {
    const Syscall* call = find_syscall(arch, name.value);
    return call != nullptr && call->since > context_.libseccomp;
  });
  const std::string who = to_string(context_.reader);
  if (newer) {
    report(Severity::warning, name.span,
           fmt::format("{} skips {}: it is newer than {}, the newest release whose calls its "
                       "libseccomp knows",
                       who, name.value, to_string(context_.libseccomp)),
           {}, "reader-drops");
  } else if (is_syscall_name(name.value)) {
    report(Severity::note, name.span,
           fmt::format("{} is a call of other architectures only: no effect here", name.value), {},
           "call-elsewhere");
  } else {
    const std::string_view near = nearest(name.value, syscall_names());
    report(Severity::warning, name.span,
           fmt::format("{} is no system call that callgate knows: {} skips it, or it is one of "
                       "another architecture",
                       name.value, who),
           near.empty() ? std::string() : fmt::format("did you mean {}?", near), "unknown-name");
  }
}

void Importer::push(const SectionRule& rule, std::vector<Selector> calls, std::vector<Arch> arches,
                    Condition condition, bool conditional) {
  const Place place = reporter_.place(rule.rule->span.offset, rule.rule->span.length);
  for (Selector& call : calls) call.place = place;
  callgate::Rule result{.action = rule.action,
                        .calls = std::move(calls),
                        .condition = std::move(condition),
                        .arches = std::move(arches)};
  result.place = place;
  (conditional ? conditional_ : unconditional_).push_back(std::move(result));
}

void Importer::decide(Arch arch, const Syscall& call) {
  const auto place = static_cast<std::size_t>(&call - syscalls(arch).data());
  decided_[static_cast<std::size_t>(arch)][place] = true;
}

bool Importer::is_decided(Arch arch, const Syscall& call) const {
  const std::vector<bool>& decided = decided_[static_cast<std::size_t>(arch)];
  return !decided.empty() && decided[static_cast<std::size_t>(&call - syscalls(arch).data())];
}

/// The rule, under tests that are the last of word_sets_, if there are any.
void Importer::use(Arch arch, const Syscall& call, const SectionRule& rule, const Tests& tests) {
  if (tests.empty())
    decide(arch, call);
  else
    uses_[{arch, call.number}].push_back({word_sets_.size() - 1, rule.action, rule.rule->span});
}

/// One conjunction for all names of a rule: as few policy rules as sections are needed.
void Importer::direct(const SectionRule& rule, std::span<const Named> names, const Tests& tests) {
  direct_part(rule, names, tests, false);
  if (!tests.empty()) direct_part(rule, names, tests, true);
}

/// For the ABIs that compare whole words, or low halves; without tests, for all of them.
void Importer::direct_part(const SectionRule& rule, std::span<const Named> names,
                           const Tests& tests, bool low) {
  Tests at_width = tests;
  for (WordTest& test : at_width) test.bits = low ? 32 : 64;
  const bool holds = can_hold(at_width);
  if (holds && !at_width.empty()) word_sets_.push_back(sets_of(at_width));
  const ArchSet of_width = tests.empty() ? ~ArchSet{0} : low ? low_arches_ : ~low_arches_;
  std::map<std::vector<Arch>, std::vector<Selector>> by_section;
  std::vector<Selector>* section = nullptr;
  std::optional<ArchSet> section_arches;
  for (const Named& name : names) {
    const ArchSet arches = name.known & of_width;
    if (arches == 0 || name.is_repeated) continue;
    for (ArchSet rest = arches; holds && rest != 0; rest &= rest - 1) {
      const auto place = static_cast<std::size_t>(std::countr_zero(rest));
      use(section_.arches[place], *name.calls[place], rule, at_width);
    }
    const ArchSet needed = (name.named & ~arches) != 0 ? arches : 0;
    if (section_arches != needed) section = &by_section[names_.arches_in(needed)];
    if (!section_arches) section->reserve(names.size());
    section_arches = needed;
    section->push_back(Selector::named(name.text->value));
  }
  if (by_section.empty()) return;
  if (!holds) {
    report(Severity::warning, rule.rule->span, "the conditions of this rule never hold", {},
           "rule-unreachable");
    return;
  }
  for (auto& [arches, calls] : by_section) {
    push(rule, std::move(calls), arches, condition_of(at_width), !tests.empty());
  }
}

void Importer::multiplexed(const SectionRule& rule, std::span<const Named> names,
                           const Tests& tests) {
  Tests rest;
  for (const WordTest& test : tests) {
    if (test.arg.index != 0) rest.push_back({test.arg, 32});
  }
  const bool holds = can_hold(rest);
  std::map<std::uint32_t, std::vector<std::uint32_t>> selectors;  // by the carrier's number
  std::map<std::uint32_t, std::string_view> carriers;
  for (const Named& name : names) {
    const Syscall* call = name.carrier;
    if (call == nullptr) continue;
    selectors[call->number].push_back(name.selector);
    carriers[call->number] = call->name;
    if (!holds) continue;
    Tests whole = rest;
    whole.push_back({{.index = 0, .value = name.selector}, 32});
    word_sets_.push_back(sets_of(whole));
    use(Arch::i386, *call, rule, whole);
  }
  for (auto& [number, values] : selectors) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    if (!holds) continue;
    Condition condition = selected_by(values);
    const Condition others = condition_of(rest);
    if (others.kind == Condition::Kind::all) {
      Condition all = others;
      all.children.insert(all.children.begin(), std::move(condition));
      condition = std::move(all);
    } else if (others.kind != Condition::Kind::always) {
      condition = {.kind = Condition::Kind::all, .children = {std::move(condition), others}};
    }
    push(rule, {Selector::named(std::string(carriers[number]))}, {Arch::i386}, std::move(condition),
         true);
  }
}

void Importer::rule(const SectionRule& rule) {
  const std::vector<Named> names = names_.look_up(rule.names);
  for (const Named& name : names)
    if (name.known == 0 && name.carrier == nullptr) explain_unknown(*name.text);
  if (rule.action == section_.default_action) return;
  Tests tests;
  std::array<unsigned, 6> uses{};
  for (const Argument& arg : rule.rule->args) {
    tests.push_back({arg});
    ++uses[arg.index];
  }
  const bool repeated = std::any_of(uses.begin(), uses.end(), [](unsigned n) { return n > 1; });
  if (!repeated) {
    direct(rule, names, tests);
    multiplexed(rule, names, tests);
    return;
  }
  report(Severity::warning, rule.rule->args.front().span,
         "an argument is tested twice: every condition of this rule becomes a rule of its own, and "
         "any one suffices",
         "write the conditions as MASKED_EQ, or as disjoint rules", "argument-twice");
  for (const WordTest& test : tests) {
    direct(rule, names, {test});
    multiplexed(rule, names, {test});
  }
}

void Importer::check_overlaps() {
  for (const auto& [key, uses] : uses_) {
    const bool is_one_action = std::all_of(
        uses.begin(), uses.end(),
        [first = uses.front().action](const Use& each) { return each.action == first; });
    if (is_one_action || is_decided(key.first, *find_syscall(key.first, key.second))) continue;
    for (std::size_t i = 1; i < uses.size(); ++i) {
      const Use& later = uses[i];
      const auto end = uses.begin() + static_cast<std::ptrdiff_t>(i);
      const auto clash = std::find_if(uses.begin(), end, [&](const Use& earlier) {
        return earlier.action != later.action &&
               can_both_hold(word_sets_[earlier.sets], word_sets_[later.sets]);
      });
      if (clash == end) continue;
      report_clash(key, *clash, later);
      break;
    }
  }
}

void Importer::report_clash(const CallKey& key, const Use& earlier, const Use& later) {
  const Syscall* call = find_syscall(key.first, key.second);
  report(
      Severity::error, later.span,
      fmt::format("{} on {}: this rule ({}) and that of line {} ({}) can both hold, and which then "
                  "counts libseccomp leaves open",
                  call->name, arch_info(key.first).name, to_string(later.action),
                  reporter_.place(earlier.span.offset).line, to_string(earlier.action)),
      "make their conditions exclude each other");
}

bool Importer::has_stub() const {
  const ActionKind kind = section_.default_action.kind;
  return context_.reader.runtime == OciRuntime::runc && kind != ActionKind::allow &&
         kind != ActionKind::log && kind != ActionKind::trace;
}

std::vector<Arch> Importer::stub_arches() const {
  constexpr Release native_since{1, 1, 15};
  return context_.reader.version < native_since ? section_.listed_arches : section_.arches;
}

std::uint32_t Importer::largest_named(Arch arch) const {
  std::uint32_t largest = 0;
  for (const SectionRule& each : section_.rules) {
    for (const Text& name : each.names) {
      // libseccomp answers for a multiplexed call with a negative number, which never is the
      // largest.
      const bool hidden = arch == Arch::i386 && names_.is_carried(name.value);
      const Syscall* call = oci::libseccomp_call(arch, name.value, context_.libseccomp);
      if (call != nullptr && !hidden) largest = std::max(largest, call->number);
    }
  }
  return largest;
}

void Importer::stub_rule(Arch arch, std::vector<Selector> calls, Action action) {
  callgate::Rule rule{
      .action = action, .calls = std::move(calls), .condition = {}, .arches = {arch}};
  policy_.rules.push_back(std::move(rule));
}

/// The stub looks at bit 30 alone, so numbers from 0x80000000 with that bit clear count as x86-64's
/// there, though libseccomp's own filter and callgate take them for x32's.
void Importer::stub_x86(std::optional<std::uint32_t> x86_64, std::optional<std::uint32_t> x32) {
  const bool lists_x32 =
      std::find(policy_.arches.begin(), policy_.arches.end(), Arch::x32) != policy_.arches.end();
  if (x86_64) {
    stub_rule(Arch::x86_64, {Selector::numbers(*x86_64 + 1, highest_x86_64)}, enosys);
    stub_rule(Arch::x32, {Selector::numbers(bit_30_clear_from, bit_30_set_from - 1)}, enosys);
  }
  if (x32) {
    stub_rule(Arch::x32,
              {Selector::numbers(*x32 + 1, bit_30_clear_from - 1),
               Selector::numbers(bit_30_set_from, skipped_call - 1)},
              enosys);
    stub_rule(Arch::x86_64, {Selector::numbers(skipped_call, skipped_call)}, enosys);
  }
  if (x86_64 && !lists_x32) {
    stub_rule(Arch::x32, {Selector::any()}, policy_.unlisted);
    policy_.arches.push_back(Arch::x32);
  }
}

void Importer::stub() {
  if (!has_stub()) return;
  std::optional<std::uint32_t> x86_64;
  std::optional<std::uint32_t> x32;
  for (const Arch arch : stub_arches()) {
    const std::uint32_t largest = largest_named(arch);
    if (largest == 0) continue;
    if (arch == Arch::x86_64) {
      x86_64 = largest;
    } else if (arch == Arch::x32) {
      x32 = largest;
    } else {
      stub_rule(arch, {Selector::numbers(largest + 1, skipped_call)}, enosys);
    }
  }
  stub_x86(x86_64, x32);
}

/// A conditional rule for a multiplexer that another rule decides without condition.
bool Importer::is_erased(const callgate::Rule& rule) const {
  if (rule.condition.kind == Condition::Kind::always || rule.arches != std::vector{Arch::i386} ||
      rule.calls.size() != 1) {
    return false;
  }
  const Syscall* call = find_syscall(Arch::i386, rule.calls.front().name);
  return call != nullptr && is_decided(Arch::i386, *call);
}

Policy Importer::run() {
  policy_.abi = context_.libseccomp;
  policy_.arches = section_.arches;
  policy_.otherwise = section_.unfiltered ? allow : section_.default_action;
  policy_.unknown = policy_.otherwise;
  policy_.unlisted = section_.unfiltered ? allow : kill_thread;
  if (section_.unfiltered) return std::move(policy_);
  stub();
  for (const SectionRule& each : section_.rules) rule(each);
  check_overlaps();
  for (auto* part : {&unconditional_, &conditional_}) {
    for (callgate::Rule& each : *part) {
      if (!is_erased(each)) policy_.rules.push_back(std::move(each));
    }
  }
  return std::move(policy_);
}

}  // namespace

Result<OciImport> read_oci(std::string_view json, const std::string& file,
                           const OciContext& context) {
  json::Reporter reporter(json, file);
  const json::Tree tree = json::read(json, reporter);
  if (reporter.failed()) return fail(Error(reporter.take()));
  const oci::Profile profile = oci::decode(tree, reporter);
  if (reporter.failed()) return fail(Error(reporter.take()));
  const Section section = oci::select(profile, context, reporter);
  if (reporter.failed()) return fail(Error(reporter.take()));
  OciImport result{.policy = Importer(section, context, reporter).run(), .diagnostics = {}};
  if (reporter.failed()) return fail(Error(reporter.take()));
  result.diagnostics = reporter.take();
  for (const oci::Text& flag : profile.flags) result.flags.push_back(flag.value);
  return result;
}

}  // namespace callgate
