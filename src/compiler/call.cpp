// Two ways to lay out first-match rules. In sequence: each condition is a short-circuit walk over
// its tests, leading to the action or to the next rule; linear in the tests, and what chains are
// made of. As an ordered diagram: no word is asked twice, many values of one word become one
// balanced tree; it can explode, so its work is budgeted.
//
// Weakness: the two are not mixed within a call.
#include "compiler/call.h"

#include <algorithm>
#include <limits>

#include "callgate/abi/constants.h"
#include "compiler/diagram.h"
#include "compiler/emit.h"
#include "compiler/passes/passes.h"

namespace callgate {
namespace {

/// Work that building a diagram may take: enough for n log n in the tests, not for an explosion.
constexpr std::size_t base_budget = 20'000;
constexpr std::size_t budget_per_test = 40;
/// A diagram of more instructions than this, if it is no gain, shows that the whole call is too
/// much for one question to the prover.
constexpr std::size_t hard_to_prove = 1'000;
/// A block of at most so many tests is one question to the prover.
constexpr std::size_t tests_in_one_step = 16;
constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

/// A condition with its tests resolved.
struct Resolved {
  enum class Kind : std::uint8_t { always, test, all, any, negation } kind = Kind::always;
  WordTest test;
  std::vector<Resolved> children;
};

/// A rule as it stands for one call.
struct ResolvedRule {
  std::size_t index = 0;
  std::uint32_t ret = 0;
  Resolved condition;
};

Resolved never() { return {.kind = Resolved::Kind::any}; }

Result<Resolved> resolve(const Condition& condition, Arch arch, const Syscall* call) {
  Resolved result{.kind = static_cast<Resolved::Kind>(condition.kind)};
  if (condition.kind == Condition::Kind::test) {
    CALLGATE_TRY(result.test, resolve_test(condition.test, arch, call));
    return result;
  }
  for (const Condition& child : condition.children) {
    CALLGATE_TRY(Resolved resolved, resolve(child, arch, call));
    result.children.push_back(std::move(resolved));
  }
  return result;
}

Result<Resolved> resolve(const Policy& policy, const Rule& rule, Arch arch, const Syscall* call) {
  if (!is_untestable(rule.condition, arch, call)) return resolve(rule.condition, arch, call);
  const bool loosens = untestable_rule(policy, rule) == OnUntestable::allow_;
  return denies(rule.action.kind) != loosens ? Resolved{} : never();
}

/// Tests in the order in which they are written.
void declare(const Resolved& condition, Diagrams& diagrams) {
  if (condition.kind == Resolved::Kind::test) diagrams.declare(condition.test);
  for (const Resolved& child : condition.children) declare(child, diagrams);
}

std::size_t tests_in(const Resolved& condition) {
  std::size_t tests = condition.kind == Resolved::Kind::test ? 1 + condition.test.values.size() : 0;
  for (const Resolved& child : condition.children) tests += tests_in(child);
  return tests;
}

DiagramId diagram_of(const Resolved& condition, Diagrams& diagrams) {
  if (condition.kind == Resolved::Kind::always) return Diagrams::match;
  if (condition.kind == Resolved::Kind::test) return diagrams.of(condition.test);
  std::vector<DiagramId> parts;
  for (const Resolved& child : condition.children) parts.push_back(diagram_of(child, diagrams));
  if (condition.kind == Resolved::Kind::negation) return diagrams.negation(parts.front());
  return diagrams.join(
      parts, condition.kind == Resolved::Kind::all ? Diagrams::match : Diagrams::no_match);
}

NodeId lower_test(const WordTest& test, DagBuilder& builder, NodeId yes, NodeId no) {
  Diagrams diagrams(unlimited);
  diagrams.declare(test);
  return diagrams.lower(diagrams.of(test), builder, yes, no);
}

NodeId lower_condition(const Resolved& condition, DagBuilder& builder, NodeId yes, NodeId no) {
  switch (condition.kind) {
    case Resolved::Kind::always: return yes;
    case Resolved::Kind::test: return lower_test(condition.test, builder, yes, no);
    case Resolved::Kind::negation:
      return lower_condition(condition.children.front(), builder, no, yes);
    case Resolved::Kind::all:
    case Resolved::Kind::any: break;
  }
  const bool is_all = condition.kind == Resolved::Kind::all;
  NodeId next = is_all ? yes : no;
  for (auto child = condition.children.rbegin(); child != condition.children.rend(); ++child) {
    next = lower_condition(*child, builder, is_all ? next : yes, is_all ? no : next);
  }
  return next;
}

/// Without children that decide nothing, so that its shape is the one that the prover sees.
Resolved simplified(Resolved condition) {
  using Kind = Resolved::Kind;
  std::vector<Resolved>& children = condition.children;
  for (Resolved& child : children) child = simplified(std::move(child));
  const auto is_never = [](const Resolved& c) { return c.kind == Kind::any && c.children.empty(); };
  const auto is_always = [](const Resolved& c) { return c.kind == Kind::always; };
  switch (condition.kind) {
    case Kind::always:
    case Kind::test: return condition;
    case Kind::negation:
      if (is_always(children.front())) return never();
      return is_never(children.front()) ? Resolved{} : condition;
    case Kind::all:
      if (std::any_of(children.begin(), children.end(), is_never)) return never();
      std::erase_if(children, is_always);
      if (children.empty()) return Resolved{};
      break;
    case Kind::any:
      if (std::any_of(children.begin(), children.end(), is_always)) return Resolved{};
      std::erase_if(children, is_never);
      break;
  }
  if (children.size() != 1) return condition;
  Resolved only = std::move(children.front());
  return only;
}

/// As lower_condition, but each child of `all` and `any` but the first begins at an entry of its
/// own, so that the prover can take the condition apart. `steps` gets these entries in reverse.
NodeId lower_steps(const Resolved& condition, DagBuilder& builder, NodeId yes, NodeId no,
                   std::vector<NodeId>& steps) {
  const bool is_all = condition.kind == Resolved::Kind::all;
  if (condition.kind == Resolved::Kind::negation) {
    return lower_steps(condition.children.front(), builder, no, yes, steps);
  }
  if (!is_all && condition.kind != Resolved::Kind::any) {
    return lower_condition(condition, builder, yes, no);
  }
  NodeId next = is_all ? yes : no;
  for (std::size_t i = condition.children.size(); i-- > 0;) {
    next =
        lower_steps(condition.children[i], builder, is_all ? next : yes, is_all ? no : next, steps);
    if (i > 0) steps.push_back(next = builder.entry(next));
  }
  return next;
}

/// The block of one rule, and where its parts begin if it is too much for one question.
NodeId lower_block(const Resolved& condition, DagBuilder& builder, NodeId yes, NodeId no,
                   std::vector<NodeId>& steps) {
  if (tests_in(condition) <= tests_in_one_step) return lower_condition(condition, builder, yes, no);
  const NodeId block = lower_steps(simplified(condition), builder, yes, no, steps);
  std::reverse(steps.begin(), steps.end());
  return block;
}

/// All rules of one call.
class CallLowering {
 public:
  CallLowering(Arch arch, std::uint32_t number, std::uint32_t fallback, Target target)
      : arch_(arch), number_(number), fallback_(fallback), target_(target) {}

  void add(ResolvedRule rule) { rules_.push_back(std::move(rule)); }

  [[nodiscard]] DecisionDag in_sequence() const {
    DagBuilder builder;
    NodeId next = builder.returns(fallback_);
    for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
      next = lower_condition(rule->condition, builder, builder.returns(rule->ret), next);
    }
    return builder.finish(next, {}, target_);
  }

  [[nodiscard]] DecisionDag as_chain() const {
    DagBuilder builder;
    Chain chain{.arch = arch_, .number = number_};
    NodeId next = builder.entry(builder.returns(fallback_));
    chain.entries = {next};
    for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
      const NodeId action = builder.returns(rule->ret);
      std::vector<NodeId> steps;
      const NodeId block = lower_block(rule->condition, builder, action, next, steps);
      next = builder.entry(block);
      // A rule that always matches is what the last entry decides by; none after it counts.
      if (block == action) {
        chain.entries.clear();
        chain.rules.clear();
        chain.steps.clear();
      } else {
        chain.rules.push_back(rule->index);
        chain.steps.push_back(std::move(steps));
      }
      chain.entries.push_back(next);
    }
    std::reverse(chain.entries.begin(), chain.entries.end());
    std::reverse(chain.rules.begin(), chain.rules.end());
    std::reverse(chain.steps.begin(), chain.steps.end());
    return builder.finish(next, {std::move(chain)}, target_);
  }

  /// No graph if the budget ran out.
  [[nodiscard]] std::optional<DecisionDag> as_diagram() const {
    std::size_t tests = 0;
    for (const ResolvedRule& rule : rules_) tests += tests_in(rule.condition);
    Diagrams diagrams(base_budget + budget_per_test * tests);
    std::vector<DiagramId> parts;
    for (const ResolvedRule& rule : rules_) declare(rule.condition, diagrams);
    for (const ResolvedRule& rule : rules_) {
      const DiagramId condition = diagram_of(rule.condition, diagrams);
      parts.push_back(diagrams.replace(condition, Diagrams::match, diagrams.terminal(rule.ret)));
      if (diagrams.exhausted()) return std::nullopt;
    }
    const DiagramId root = diagrams.join(parts, Diagrams::no_match);
    if (diagrams.exhausted()) return std::nullopt;
    DagBuilder builder;
    const NodeId fallback = builder.returns(fallback_);
    return builder.finish(diagrams.lower(root, builder, fallback, fallback), {}, target_);
  }

  [[nodiscard]] bool is_fixed() const {
    return rules_.empty() || rules_.front().condition.kind == Resolved::Kind::always;
  }

 private:
  Arch arch_;
  std::uint32_t number_;
  std::uint32_t fallback_;
  Target target_;
  std::vector<ResolvedRule> rules_;
};

CallGraph measured(DecisionDag dag) {
  CallGraph graph{.dag = passes::optimise(std::move(dag))};
  graph.instructions = emit(graph.dag).code.size();
  return graph;
}

/// A diagram asks for each word once and in few steps, so it may be half as long again as the rules
/// in sequence. One that is much longer, or not to be had, shows that the whole call is too much
/// for one question to the prover: a chain.
CallGraph quick(const CallLowering& call) {
  CallGraph sequence = measured(call.in_sequence());
  std::optional<DecisionDag> dag = call.as_diagram();
  if (!dag) return measured(call.as_chain());
  CallGraph diagram = measured(*std::move(dag));
  const std::size_t length = sequence.instructions;
  if (diagram.instructions <= length + length / 2) return diagram;
  const bool is_hard = diagram.instructions > std::max(hard_to_prove, 2 * length);
  return is_hard ? measured(call.as_chain()) : std::move(sequence);
}

CallGraph small(const CallLowering& call) {
  CallGraph sequence = measured(call.in_sequence());
  std::optional<DecisionDag> dag = call.as_diagram();
  if (!dag) return sequence;
  CallGraph diagram = measured(*std::move(dag));
  return diagram.instructions < sequence.instructions ? std::move(diagram) : std::move(sequence);
}

CallGraph laid_out(const CallLowering& call, CallStyle style) {
  if (call.is_fixed()) return measured(call.in_sequence());
  switch (style) {
    case CallStyle::quick: return quick(call);
    case CallStyle::small: return small(call);
    case CallStyle::chain: break;
  }
  return measured(call.as_chain());
}

}  // namespace

Result<CallGraph> lower_call(const Policy& policy, Arch arch, const NumberPiece& piece,
                             CallStyle style) {
  const Syscall* call = find_syscall(arch, piece.numbers.first);
  CallLowering lowering(arch, piece.numbers.first, action_on(arch, piece.fallback).ret(),
                        arch_info(arch).target);
  for (const std::size_t index : piece.rules) {
    const Rule& rule = policy.rules[index];
    CALLGATE_TRY(Resolved condition, resolve(policy, rule, arch, call));
    lowering.add({index, action_on(arch, rule.action).ret(), std::move(condition)});
  }
  return laid_out(lowering, style);
}

}  // namespace callgate
