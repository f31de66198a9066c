// One policy from a stack of filters. For each call every filter says pieces: a condition and an
// action, together everything. The kernel takes the strictest action, of equally strict ones that
// of the youngest filter (seccomp_run_filters of kernel/seccomp.c), so the pieces in that order are
// first-match rules. Calls with the same pieces share rules.
//
// What libseccomp makes of rules for one call is as in oci_import.cpp: an unconditional rule erases
// the conditional ones, and on i386 a rule for a socket or ipc call also is one for the
// multiplexer.
#include <algorithm>
#include <tuple>

#include "callgate/abi/syscalls.h"
#include "formats/oci_names.h"
#include "formats/systemd_filters.h"

namespace callgate::systemd {
namespace {

bool compares_low_halves(Arch arch) { return arch == Arch::x32 || arch_info(arch).word_bits == 32; }

Condition condition_of(const WordTest& word, Arch arch) {
  Test test;
  const bool is_low = compares_low_halves(arch);
  test.operand = {.kind = is_low ? Operand::Kind::low : Operand::Kind::word, .index = word.index};
  if (word.mask != 0) test.mask = Value::of(word.mask);
  test.relation = word.relation;
  test.values = {{.first = Value::of(word.value), .last = std::nullopt}};
  return Condition::of(std::move(test));
}

Condition all_of(const std::vector<WordTest>& tests, Arch arch) {
  if (tests.empty()) return {};
  if (tests.size() == 1) return condition_of(tests.front(), arch);
  Condition all{.kind = Condition::Kind::all};
  for (const WordTest& test : tests) all.children.push_back(condition_of(test, arch));
  return all;
}

Condition any_of(std::vector<Condition> conditions) {
  if (conditions.size() == 1) return std::move(conditions.front());
  return {.kind = Condition::Kind::any, .children = std::move(conditions)};
}

Condition no(Condition condition) {
  return {.kind = Condition::Kind::negation, .children = {std::move(condition)}};
}

/// What one filter says of one call.
struct Says {
  std::optional<Action> always;                     ///< its unconditional rule
  std::vector<std::pair<Action, Condition>> where;  ///< its conditional ones
  Place place;
};

/// A part of a call's decision.
struct Piece {
  Condition condition;
  Action action;
  Place place;
  bool operator==(const Piece& other) const {
    return condition == other.condition && action == other.action;
  }
};
using Pieces = std::vector<Piece>;

/// The multiplexer of i386 that carries a call of that name, and its selector.
std::optional<std::pair<const Syscall*, std::uint32_t>> carrier_of(std::string_view name) {
  for (const std::string_view carrier : {"socketcall", "ipc"}) {
    const Syscall* call = find_syscall(Arch::i386, carrier);
    for (const Multiplexed& carried : call->multiplexes) {
      if (carried.name == name) return std::pair{call, carried.selector};
    }
  }
  return std::nullopt;
}

class Stacker {
 public:
  Stacker(const FilterStack& stack, const UnitContext& context)
      : stack_(stack), context_(context) {}

  Policy run();

 private:
  using Numbers = std::map<std::uint32_t, Says>;
  /// Calls with the same pieces on the same ABIs.
  struct Part {
    std::vector<Arch> arches;
    Pieces pieces;
    std::vector<Selector> calls;
  };

  [[nodiscard]] Numbers says(const Filter& filter, Arch arch) const;
  void multiplexed(const FilterRule& rule, const std::string& name, Numbers& numbers) const;
  [[nodiscard]] Pieces pieces_of(std::uint32_t number) const;
  void decide(Arch arch);
  [[nodiscard]] bool is_everywhere(std::string_view name, const std::vector<Arch>& arches) const;
  void add_rules();
  void add_part(const Part& part);

  const FilterStack& stack_;
  const UnitContext& context_;
  Policy policy_;
  std::vector<std::pair<const Filter*, Numbers>> said_;  ///< of one ABI, the youngest first
  std::map<std::string_view, std::vector<std::pair<Pieces, std::vector<Arch>>>> decided_;
};

/// On i386 a socket or ipc call's rule without tests also lets the multiplexer through for it; one
/// with tests is refused by libseccomp there (x86_rule_add), and no setting has one.
void Stacker::multiplexed(const FilterRule& rule, const std::string& name, Numbers& numbers) const {
  const auto carrier = carrier_of(name);
  if (!carrier || !rule.tests.empty()) return;
  Says& said = numbers[carrier->first->number];
  said.where.emplace_back(rule.action,
                          condition_of({0, Relation::eq, carrier->second}, Arch::i386));
  said.place = rule.place;
}

Stacker::Numbers Stacker::says(const Filter& filter, Arch arch) const {
  Numbers numbers;
  if (arch == Arch::i386 && is_lost_on_i386(filter, context_)) return numbers;
  for (const FilterRule& rule : filter.rules) {
    const auto& only = rule.arches;
    if (!only.empty() && std::find(only.begin(), only.end(), arch) == only.end()) continue;
    for (const std::string& name : rule.calls) {
      if (arch == Arch::i386) multiplexed(rule, name, numbers);
      const Syscall* call = oci::libseccomp_call(arch, name, context_.libseccomp);
      if (call == nullptr) continue;
      Says& said = numbers[call->number];
      said.place = rule.place;
      if (rule.tests.empty()) {
        said.always = rule.action;
      } else {
        said.where.emplace_back(rule.action, all_of(rule.tests, arch));
      }
    }
  }
  return numbers;
}

/// What a filter makes of a call, as pieces that are everything.
void add_pieces(const Says& said, Action otherwise, Pieces& pieces) {
  if (said.always || said.where.empty()) {
    pieces.push_back({{}, said.always.value_or(otherwise), said.place});
    return;
  }
  std::map<std::uint32_t, std::vector<Condition>> by_action;
  std::vector<Condition> all;
  for (const auto& [action, condition] : said.where) {
    by_action[action.ret()].push_back(condition);
    all.push_back(condition);
  }
  for (auto& [ret, conditions] : by_action) {
    pieces.push_back({any_of(std::move(conditions)), *action_of(ret), said.place});
  }
  pieces.push_back({no(any_of(std::move(all))), otherwise, said.place});
}

Pieces Stacker::pieces_of(std::uint32_t number) const {
  Pieces pieces;
  for (const auto& [filter, numbers] : said_) {
    const auto found = numbers.find(number);
    add_pieces(found == numbers.end() ? Says{} : found->second, filter->otherwise, pieces);
  }
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return precedence(a.action.ret()) < precedence(b.action.ret());
  });
  // Some piece holds, so those of the last action need no condition.
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
    if (piece->action != pieces.back().action) break;
    piece->condition = {};
  }
  const auto last = std::find_if(pieces.begin(), pieces.end(), [](const Piece& piece) {
    return piece.condition.kind == Condition::Kind::always;
  });
  pieces.erase(std::min(last, pieces.end() - 1) + 1, pieces.end());
  return pieces;
}

void Stacker::decide(Arch arch) {
  said_.clear();
  std::set<std::uint32_t> numbers;
  for (std::size_t i = stack_.filters.size(); i-- > 0;) {
    const Filter& filter = stack_.filters[i];
    const auto& all = filter.arches;
    if (std::find(all.begin(), all.end(), arch) == all.end()) continue;
    said_.emplace_back(&filter, says(filter, arch));
    for (const auto& [number, said] : said_.back().second) numbers.insert(number);
  }
  for (const std::uint32_t number : numbers) {
    Pieces pieces = pieces_of(number);
    if (pieces.size() == 1 && pieces.front().action == policy_.otherwise) continue;
    auto& ways = decided_[find_syscall(arch, number)->name];
    const auto same = std::find_if(ways.begin(), ways.end(),
                                   [&](const auto& way) { return way.first == pieces; });
    if (same != ways.end()) {
      same->second.push_back(arch);
    } else {
      ways.push_back({std::move(pieces), {arch}});
    }
  }
}

/// True if none but these ABIs of the stack has the call.
bool Stacker::is_everywhere(std::string_view name, const std::vector<Arch>& arches) const {
  return std::all_of(stack_.arches.begin(), stack_.arches.end(), [&](Arch arch) {
    return find_syscall(arch, name) == nullptr ||
           std::find(arches.begin(), arches.end(), arch) != arches.end();
  });
}

/// A rule needs no section where it holds on every ABI that has the call.
void Stacker::add_rules() {
  std::vector<Part> parts;
  for (auto& [name, ways] : decided_) {
    for (auto& [pieces, arches] : ways) {
      if (is_everywhere(name, arches)) arches.clear();
      Part part{std::move(arches), std::move(pieces), {}};
      auto same = std::find_if(parts.begin(), parts.end(), [&](const Part& other) {
        return part.arches == other.arches && part.pieces == other.pieces;
      });
      if (same == parts.end()) same = parts.insert(parts.end(), std::move(part));
      same->calls.push_back(Selector::named(std::string(name)));
    }
  }
  for (const Part& part : parts) add_part(part);
}

void Stacker::add_part(const Part& part) {
  for (const Piece& piece : part.pieces) {
    Rule rule{.action = piece.action,
              .calls = part.calls,
              .condition = piece.condition,
              .arches = part.arches};
    rule.place = piece.place;
    for (Selector& call : rule.calls) call.place = piece.place;
    policy_.rules.push_back(std::move(rule));
  }
}

Policy Stacker::run() {
  policy_.abi = context_.libseccomp;
  policy_.arches = stack_.arches;
  policy_.otherwise = allow;
  for (const Filter& filter : stack_.filters) {
    const Action action = filter.otherwise;
    if (precedence(action.ret()) <= precedence(policy_.otherwise.ret())) policy_.otherwise = action;
  }
  policy_.unknown = policy_.otherwise;
  policy_.unlisted = stack_.unlisted;
  for (const Arch arch : stack_.arches) decide(arch);
  add_rules();
  return std::move(policy_);
}

}  // namespace

bool is_lost_on_i386(const Filter& filter, const UnitContext& context) {
  const auto& all = filter.arches;
  bool has_nameless = false;
  if (std::find(all.begin(), all.end(), Arch::i386) == all.end()) return false;
  for (const FilterRule& rule : filter.rules) {
    if (!rule.tests.empty()) continue;
    for (const std::string& name : rule.calls) {
      if (oci::libseccomp_call(Arch::i386, name, context.libseccomp) != nullptr) return false;
      has_nameless = has_nameless || carrier_of(name).has_value();
    }
  }
  return has_nameless;
}

Policy stack_policy(const FilterStack& stack, const UnitContext& context) {
  return Stacker(stack, context).run();
}

}  // namespace callgate::systemd
