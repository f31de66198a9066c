// A policy as a pure OCI profile. Each call becomes regions of its argument words (oci_regions.h),
// each region's cubes become rules of MASKED_EQ tests, one an argument, that exclude each other. (A
// comparison of whole words that 32-bit ABIs share stays as it is: cubes of a 64-bit range do not.)
// What comes out is read back as the runtime reads it and proved equal to what went in. So nothing
// here is trusted: where ABIs that share a name would need different rules, where libseccomp adds
// the multiplexers' rules of i386, where runc's stub answers for numbers that have no name, the
// proof finds a call that differs, and that call is named.
#include "callgate/formats/oci_write.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <map>
#include <set>

#include "callgate/abi/syscalls.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"
#include "formats/oci_names.h"
#include "formats/oci_regions.h"

namespace callgate {
namespace {

using oci::Cube;
using oci::Masked;
using oci::Region;

constexpr std::uint64_t all_bits = ~std::uint64_t{0};
constexpr Action enosys = deny(38);
constexpr std::uint16_t last_errno = 4094;  // of libseccomp

std::string_view action_word(ActionKind kind) {
  switch (kind) {
    case ActionKind::allow: return "SCMP_ACT_ALLOW";
    case ActionKind::log: return "SCMP_ACT_LOG";
    case ActionKind::errno_: return "SCMP_ACT_ERRNO";
    case ActionKind::trap: return "SCMP_ACT_TRAP";
    case ActionKind::trace: return "SCMP_ACT_TRACE";
    case ActionKind::user_notif: return "SCMP_ACT_NOTIFY";
    case ActionKind::kill_thread: return "SCMP_ACT_KILL_THREAD";
    case ActionKind::kill_process: return "SCMP_ACT_KILL_PROCESS";
  }
  return {};
}

/// Why an action cannot be written, or nothing.
std::string_view unwritable(Action action) {
  if (action.kind == ActionKind::trap && action.data != 0) return "trap with a value";
  if (action.kind == ActionKind::user_notif) return "notify, which needs a listener's path";
  if (action.kind == ActionKind::errno_ && action.data > last_errno) {
    return "an errno past 4094, the last that libseccomp takes";
  }
  return {};
}

/// One condition of a rule as it is written.
struct OutTest {
  unsigned index = 0;
  std::string_view op = "SCMP_CMP_EQ";
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;  ///< of SCMP_CMP_MASKED_EQ
  // As in callgate/abi/arch.h.
  auto operator<=>(const OutTest&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// One rule of the profile: names that share an action and a conjunction.
struct OutRule {
  Action action;
  std::vector<OutTest> tests;
  std::vector<std::string> names;
};

std::vector<OutTest> tests_of(const Cube& cube) {
  std::vector<OutTest> tests;
  for (unsigned i = 0; i < cube.words.size(); ++i) {
    const Masked& word = cube.words[i];
    if (word.mask == all_bits) tests.push_back({.index = i, .value = word.value});
    if (word.mask != 0 && word.mask != all_bits) {
      tests.push_back({i, "SCMP_CMP_MASKED_EQ", word.mask, word.value});
    }
  }
  return tests;
}

std::string_view ordered_op(Relation relation) {
  switch (relation) {
    case Relation::lt: return "SCMP_CMP_LT";
    case Relation::le: return "SCMP_CMP_LE";
    case Relation::gt: return "SCMP_CMP_GT";
    case Relation::ge: return "SCMP_CMP_GE";
    case Relation::ne: return "SCMP_CMP_NE";
    default: return {};
  }
}

/// A condition on whole raw words as it stands, where masked comparisons would not do: where 32-bit
/// ABIs share the rule, a range must stay a range. Each element is a conjunction; none if the
/// condition has another shape.
std::optional<std::vector<std::vector<OutTest>>> as_it_stands(const Condition& condition) {
  if (condition.kind == Condition::Kind::any) {
    std::vector<std::vector<OutTest>> all;
    for (const Condition& child : condition.children) {
      auto part = as_it_stands(child);
      if (!part) return std::nullopt;
      all.insert(all.end(), part->begin(), part->end());
    }
    return all;
  }
  if (condition.kind != Condition::Kind::test) return std::nullopt;
  const Test& test = condition.test;
  if (test.operand.kind != Operand::Kind::word || test.mask) return std::nullopt;
  std::vector<std::vector<OutTest>> all;
  for (const Interval& interval : test.values) {
    const bool plain = interval.first.names.empty() && !interval.first.complement;
    const bool equality = test.relation == Relation::eq || test.relation == Relation::in;
    const std::string_view op = equality ? "SCMP_CMP_EQ" : ordered_op(test.relation);
    if (!plain || interval.last || op.empty()) return std::nullopt;
    all.push_back({{test.operand.index, op, interval.first.number, 0}});
  }
  return all;
}

class Writer {
 public:
  Writer(const Policy& policy, const OciWriteOptions& options)
      : policy_(policy), options_(options) {}

  Result<OciExport> run();

 private:
  [[nodiscard]] std::string runtime() const { return to_string(options_.reader); }
  [[nodiscard]] OciContext context() const;
  [[nodiscard]] const Syscall* known(Arch arch, std::string_view name) const;

  Result<void> check_surroundings();
  void choose_default();
  Result<void> collect();
  Result<void> add_call(const std::string& name);
  [[nodiscard]] const oci::Regions& regions(Arch arch);
  void add_rule(Action action, const std::vector<OutTest>& tests, const std::string& name);
  bool add_as_it_stands(const std::vector<Region>& parts, const std::string& name);
  [[nodiscard]] bool has_stub() const;
  [[nodiscard]] bool is_enosys(Arch arch, const Syscall& call);
  void find_stub();
  [[nodiscard]] bool answered_by_stub(std::string_view name);
  void add_anchors();
  [[nodiscard]] std::string json() const;

  Result<void> settle();
  [[nodiscard]] Policy reference(const Policy& read_back, bool all_nameless) const;
  [[nodiscard]] std::vector<Selector> nameless(Arch arch) const;
  Result<void> narrow(const Differs& differs, const Policy& read_back);
  [[nodiscard]] Error inexpressible(const SeccompData& call, Action wanted, Action got) const;
  Result<void> judge_skipped(const Policy& read_back);
  Result<void> judge_nameless(const Policy& read_back);
  void state(std::string message) {
    diagnostics_.push_back({Severity::warning, std::move(message), {}, {}, {}});
  }

  const Policy& policy_;
  const OciWriteOptions& options_;
  Action default_{};
  std::map<Arch, oci::Regions> regions_;
  std::set<std::string> refused_;  ///< names that were narrowed to a denial
  std::vector<OutRule> rules_;
  std::map<Arch, const Syscall*> last_named_;  ///< past it runc's stub answers
  std::set<std::string> whole_;                ///< names whose conditions are written as they stand
  std::map<std::pair<std::uint32_t, std::vector<OutTest>>, std::size_t> index_;  ///< -> rule
  std::vector<Diagnostic> diagnostics_;
};

OciContext Writer::context() const {
  OciContext context;
  context.reader = options_.reader;
  context.arch = options_.arches.front();
  context.libseccomp = options_.libseccomp;
  return context;
}

const Syscall* Writer::known(Arch arch, std::string_view name) const {
  return oci::libseccomp_call(arch, name, options_.libseccomp);
}

Result<void> Writer::check_surroundings() {
  if (options_.arches.empty()) return fail("a profile needs at least one architecture");
  std::vector<Diagnostic> findings = check(policy_, options_.arches);
  if (has_errors(findings)) return fail(Error(std::move(findings)));
  if (policy_.unlisted == kill_thread) return {};
  const std::string stated =
      fmt::format("a call of an architecture that is not listed gets kill_thread under {}, not {}",
                  runtime(), to_string(policy_.unlisted));
  // Nothing but kill_process is stricter than kill_thread.
  const bool is_narrowed = policy_.unlisted != kill_process && denies(policy_.unlisted.kind);
  if (is_narrowed && options_.approximate_stricter) {
    state(stated);
    return {};
  }
  const std::string remedy = "say `unlisted kill_thread` in the policy";
  return fail(stated, is_narrowed ? remedy + ", or use --approximate=stricter" : remedy);
}

/// Numbers that the policy does not know get `unknown`, which only the default action can say; then
/// every call that would get `otherwise` is listed.
void Writer::choose_default() {
  const bool unknown_counts =
      denies(policy_.otherwise.kind) && policy_.unknown != policy_.otherwise;
  default_ = unknown_counts ? policy_.unknown : policy_.otherwise;
}

const oci::Regions& Writer::regions(Arch arch) {
  return regions_.try_emplace(arch, policy_, arch).first->second;
}

void Writer::add_rule(Action action, const std::vector<OutTest>& tests, const std::string& name) {
  const auto [at, is_new] = index_.try_emplace({action.ret(), tests}, rules_.size());
  if (is_new) rules_.push_back({action, tests, {}});
  rules_[at->second].names.push_back(name);
}

/// Only where every region but the default action's has one action, so that rules may overlap.
bool Writer::add_as_it_stands(const std::vector<Region>& parts, const std::string& name) {
  std::vector<std::pair<Action, std::vector<OutTest>>> found;
  for (const Region& region : parts) {
    if (region.action == default_) continue;
    if (!region.rule) return false;
    const auto tests = as_it_stands(policy_.rules[*region.rule].condition);
    if (!tests) return false;
    for (const auto& each : *tests) {
      if (!found.empty() && found.front().first != region.action) return false;
      found.emplace_back(region.action, each);
    }
  }
  for (const auto& [action, tests] : found) add_rule(action, tests, name);
  return true;
}

/// By the first ABI that has the call: all of them share what is written.
Result<void> Writer::add_call(const std::string& name) {
  if (refused_.contains(name)) {
    if (denies(default_.kind)) return {};
    add_rule(deny(1), {}, name);
    return {};
  }
  if (answered_by_stub(name)) return {};
  for (const Arch arch : options_.arches) {
    const Syscall* call = known(arch, name);
    if (call == nullptr) continue;
    auto parts = regions(arch).of(*call);
    if (!parts && options_.approximate_stricter) {
      refused_.insert(name);
      state(fmt::format("{} is refused altogether: {}", name, parts.error().message()));
      return add_call(name);
    }
    if (!parts) return fail(std::move(parts).error());
    if (whole_.contains(name) && add_as_it_stands(*parts, name)) return {};
    for (const Region& region : *parts) {
      if (region.action == default_) continue;
      for (const Cube& cube : region.where) add_rule(region.action, tests_of(cube), name);
    }
    return {};
  }
  return {};
}

bool Writer::has_stub() const {
  return options_.reader.runtime == OciRuntime::runc && denies(default_.kind);
}

bool Writer::is_enosys(Arch arch, const Syscall& call) {
  const auto parts = regions(arch).of(call);
  return parts && parts->size() == 1 && parts->front().action == enosys;
}

/// runc answers ENOSYS for numbers past the largest that a profile names. So the last call of an
/// ABI with another answer must be named, and those past it need not be.
void Writer::find_stub() {
  if (!has_stub()) return;
  for (const Arch arch : options_.arches) {
    const auto calls = syscalls(arch);
    const auto last = std::find_if(calls.rbegin(), calls.rend(), [&](const Syscall& call) {
      return known(arch, call.name) != nullptr && !is_enosys(arch, call);
    });
    if (last != calls.rend()) last_named_[arch] = &*last;
  }
}

/// True if a name needs no rule: each ABI's number is past the stub's or has the default action.
bool Writer::answered_by_stub(std::string_view name) {
  bool past_some = false;
  for (const auto& [arch, last] : last_named_) {
    const Syscall* call = known(arch, name);
    if (call == nullptr) continue;
    const bool past = call->number > last->number;
    past_some = past_some || past;
    if (past) continue;
    const auto parts = regions(arch).of(*call);
    if (!parts || parts->size() != 1 || parts->front().action != default_) return false;
  }
  return past_some;
}

/// A rule with the default action changes nothing but where runc's stub begins.
void Writer::add_anchors() {
  OutRule anchors{default_, {}, {}};
  for (const auto& [arch, last] : last_named_) {
    const std::string name(last->name);
    auto& names = anchors.names;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  if (!anchors.names.empty()) rules_.push_back(std::move(anchors));
}

Result<void> Writer::collect() {
  rules_.clear();
  index_.clear();
  for (const std::string_view name : syscall_names()) CALLGATE_CHECK(add_call(std::string(name)));
  add_anchors();
  for (const OutRule& rule : rules_) {
    if (const auto why = unwritable(rule.action); !why.empty()) {
      return fail(fmt::format("{} cannot be written for {}: {} has {}", to_string(rule.action),
                              runtime(), rule.names.front(), why));
    }
  }
  if (const auto why = unwritable(default_); !why.empty()) {
    return fail(fmt::format("the default action cannot be written for {}: {}", runtime(), why));
  }
  return {};
}

using JsonWriter = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void write_action(JsonWriter& out, const char* key, const char* errno_key, Action action) {
  out.Key(key);
  out.String(std::string(action_word(action.kind)).c_str());
  if (action.kind != ActionKind::errno_ && action.kind != ActionKind::trace) return;
  out.Key(errno_key);
  out.Uint(action.data);
}

void write_test(JsonWriter& out, const OutTest& test) {
  out.StartObject();
  out.Key("index");
  out.Uint(test.index);
  out.Key("value");
  out.Uint64(test.value);
  if (test.op == "SCMP_CMP_MASKED_EQ") {
    out.Key("valueTwo");
    out.Uint64(test.value_two);
  }
  out.Key("op");
  out.String(std::string(test.op).c_str());
  out.EndObject();
}

void write_rule(JsonWriter& out, const OutRule& rule) {
  out.StartObject();
  out.Key("names");
  out.StartArray();
  for (const std::string& name : rule.names) out.String(name.c_str());
  out.EndArray();
  write_action(out, "action", "errnoRet", rule.action);
  if (!rule.tests.empty()) {
    out.Key("args");
    out.StartArray();
    for (const OutTest& test : rule.tests) write_test(out, test);
    out.EndArray();
  }
  out.EndObject();
}

std::string Writer::json() const {
  rapidjson::StringBuffer buffer;
  JsonWriter out(buffer);
  out.SetIndent(' ', 2);
  out.StartObject();
  write_action(out, "defaultAction", "defaultErrnoRet", default_);
  out.Key("architectures");
  out.StartArray();
  for (const Arch arch : options_.arches) out.String(std::string(arch_info(arch).oci_name).c_str());
  out.EndArray();
  out.Key("syscalls");
  out.StartArray();
  for (const OutRule& rule : rules_) write_rule(out, rule);
  out.EndArray();
  out.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

/// The numbers of an ABI for which a profile has no name, -1 aside.
std::vector<Selector> Writer::nameless(Arch arch) const {
  const std::uint32_t first = arch == Arch::x32 ? x32_bit : 0;
  const std::uint32_t last = arch == Arch::x86_64 ? x32_bit - 1 : skipped_call - 1;
  std::vector<Selector> gaps;
  std::uint32_t next = first;
  for (const Syscall& call : syscalls(arch)) {
    if (known(arch, call.name) == nullptr) continue;
    if (call.number > next) gaps.push_back(Selector::numbers(next, call.number - 1));
    next = call.number + 1;
  }
  gaps.push_back(Selector::numbers(next, last));
  return gaps;
}

/// The policy, with the read-back profile's answers for -1 and, if asked, for every other number
/// without a name: what is equal to this differs from the policy nowhere else.
Policy Writer::reference(const Policy& read_back, bool all_nameless) const {
  Policy result = policy_;
  std::vector<Rule> first;
  const auto answer = [&](Arch arch, std::uint32_t from, std::uint32_t to) {
    const SeccompData data{.nr = from, .arch = arch_info(arch).audit};
    first.push_back({.action = evaluate(read_back, options_.arches, data).action,
                     .calls = {Selector::numbers(from, to)},
                     .condition = {},
                     .arches = {arch}});
  };
  for (const Arch arch : options_.arches) {
    if (arch != Arch::x32) answer(arch, skipped_call, skipped_call);
    if (!all_nameless) continue;
    for (const Selector& gap : nameless(arch)) {
      // runc's stub changes its mind inside a gap only where bit 30 does.
      constexpr std::uint32_t half = 0x80000000;
      constexpr std::uint32_t quarter = 0xc0000000;
      std::uint32_t from = gap.first;
      for (const std::uint32_t cut : {half, quarter}) {
        if (from >= cut || gap.last < cut) continue;
        answer(arch, from, cut - 1);
        from = cut;
      }
      answer(arch, from, gap.last);
    }
  }
  for (const std::string& name : refused_) {
    first.push_back({.action = denies(default_.kind) ? default_ : deny(1),
                     .calls = {Selector::named(name)},
                     .condition = {},
                     .arches = {}});
  }
  result.rules.insert(result.rules.begin(), first.begin(), first.end());
  result.unlisted = read_back.unlisted;
  return result;
}

Error Writer::inexpressible(const SeccompData& call, Action wanted, Action got) const {
  const Arch arch = classify(call.arch, call.nr).value_or(options_.arches.front());
  const Syscall* named = find_syscall(arch, call.nr);
  const Verdict verdict = evaluate(policy_, options_.arches, call);
  const Place place = verdict.rule ? policy_.rules[*verdict.rule].place : Place{};
  const std::string what =
      named != nullptr ? std::string(named->name) : fmt::format("number {:#x}", call.nr);
  const bool shared = named != nullptr && options_.arches.size() > 1;
  return Error(Diagnostic{
      Severity::error,
      fmt::format("{} on {}: {} cannot be expressed for {}, where it would get {}", what,
                  arch_info(arch).name, to_string(wanted), runtime(), to_string(got)),
      place,
      shared
          ? "in a profile all architectures share the rules of a name, a 32-bit one compares the "
            "low halves, and on i386 a rule for a socket or ipc call counts for its multiplexer; "
            "--approximate=stricter refuses the call, or write one profile an architecture"
          : "--approximate=stricter writes a profile that refuses more",
      {}});
}

/// Tries the call at which the profile differs in another form, and refuses it if that did not help
/// and is allowed.
Result<void> Writer::narrow(const Differs& differs, const Policy& read_back) {
  const SeccompData& call = differs.witness;
  const std::optional<Arch> arch = classify(call.arch, call.nr);
  const Syscall* named = arch ? find_syscall(*arch, call.nr) : nullptr;
  const Action wanted = evaluate(policy_, options_.arches, call).action;
  const Action got = evaluate(read_back, options_.arches, call).action;
  if (named == nullptr) return fail(inexpressible(call, wanted, got));
  const std::string name(named->name);
  if (options_.arches.size() > 1 && whole_.insert(name).second) return {};
  if (!options_.approximate_stricter) return fail(inexpressible(call, wanted, got));
  std::vector<std::string> names = {name};
  for (const Multiplexed& carried : named->multiplexes) names.emplace_back(carried.name);
  bool changed = false;
  for (const std::string& each : names) changed = refused_.insert(each).second || changed;
  if (!changed) return fail(inexpressible(call, wanted, got));
  state(
      fmt::format("{} is refused altogether: what the policy says of it on {} cannot be expressed "
                  "for {}{}",
                  name, arch_info(*arch).name, runtime(),
                  named->multiplexes.empty() ? "" : ", nor for the calls that it carries"));
  return {};
}

Error unproved(const Undecided& answer) {
  return Error(
      fmt::format("the proof that the profile is right did not finish at {}", answer.call));
}

/// Number -1 gets what the run-time's default is: that is said, and refused where it would not deny
/// what the policy denies.
Result<void> Writer::judge_skipped(const Policy& read_back) {
  for (const Arch arch : options_.arches) {
    const SeccompData skipped{.nr = skipped_call, .arch = arch_info(arch).audit};
    const Action wanted = evaluate(policy_, options_.arches, skipped).action;
    const Action got = evaluate(read_back, options_.arches, skipped).action;
    if (normalise(wanted.ret()) == normalise(got.ret())) continue;
    if (!denies(got.kind)) return fail(inexpressible(skipped, wanted, got));
    state(fmt::format("number -1, which is no call, gets {} under {}", to_string(got), runtime()));
    break;
  }
  return {};
}

/// Numbers without a name may differ only as docs/oci.md says.
Result<void> Writer::judge_nameless(const Policy& read_back) {
  const Policy but_minus_one = reference(read_back, false);
  const Answer strict = callgate::equal(but_minus_one, read_back, options_.arches);
  CALLGATE_CHECK(judge_skipped(read_back));
  if (const auto* undecided = std::get_if<Undecided>(&strict)) return fail(unproved(*undecided));
  const auto* differs = std::get_if<Differs>(&strict);
  if (differs == nullptr) return {};
  const Action wanted = evaluate(policy_, options_.arches, differs->witness).action;
  const Action got = evaluate(read_back, options_.arches, differs->witness).action;
  if (!options_.approximate_stricter || !denies(got.kind)) {
    return fail(inexpressible(differs->witness, wanted, got));
  }
  state(
      fmt::format("numbers that have no name for a libseccomp of {} get {} under {}, {:#x} not {}",
                  to_string(options_.libseccomp), to_string(got), runtime(), differs->witness.nr,
                  to_string(wanted)));
  return {};
}

/// Writes, reads back and proves, until the profile is right or cannot be.
Result<void> Writer::settle() {
  for (;;) {
    CALLGATE_CHECK(collect());
    CALLGATE_TRY(const OciImport back, read_oci(json(), "the profile written", context()));
    const Answer answer =
        callgate::equal(reference(back.policy, true), back.policy, options_.arches);
    if (std::holds_alternative<Equal>(answer)) return judge_nameless(back.policy);
    if (const auto* undecided = std::get_if<Undecided>(&answer)) return fail(unproved(*undecided));
    CALLGATE_CHECK(narrow(std::get<Differs>(answer), back.policy));
  }
}

Result<OciExport> Writer::run() {
  CALLGATE_CHECK(check_surroundings());
  choose_default();
  find_stub();
  CALLGATE_CHECK(settle());
  return OciExport{json(), std::move(diagnostics_)};
}

}  // namespace

Result<OciExport> write_oci(const Policy& policy, const OciWriteOptions& options) {
  return Writer(policy, options).run();
}

}  // namespace callgate
