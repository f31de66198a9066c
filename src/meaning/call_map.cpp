// The diagram of one audit number is walked bit by bit; what it skips is walked on both sides, so
// the pieces come in ascending order and neighbours are joined. Weakness: a program that computes
// with the number can have as many pieces as there are numbers; so their count has a limit.
#include "meaning/call_map.h"

#include <algorithm>
#include <map>

namespace callgate::meaning {
namespace {

constexpr std::size_t most_pieces = 20'000;
constexpr std::size_t most_visits = 2'000'000;

struct Span {
  NumberRange numbers;
  Diagram terminal = no;
  bool operator==(const Span&) const = default;
};
using Spans = std::vector<Span>;

class NumberWalk {
 public:
  explicit NumberWalk(const FirstLayer& layer) : layer_(layer) {}
  /// False past the limit.
  [[nodiscard]] bool walk(Diagram diagram, unsigned bits, std::uint32_t base) {
    if (++visits_ > most_visits) return false;
    if (is_terminal(diagram)) return add(diagram, bits, base);
    const std::uint32_t level = layer_.order.level(number_word, bits - 1);
    const MeaningStore& store = layer_.store;
    return walk(store.cofactor(diagram, level, false), bits - 1, base) &&
           walk(store.cofactor(diagram, level, true), bits - 1,
                base | std::uint32_t{1} << (bits - 1));
  }
  [[nodiscard]] Spans take() { return std::move(spans_); }

 private:
  [[nodiscard]] bool add(Diagram terminal, unsigned bits, std::uint32_t base) {
    const auto last = static_cast<std::uint32_t>(base + ((std::uint64_t{1} << bits) - 1));
    if (!spans_.empty() && spans_.back().terminal == terminal)
      spans_.back().numbers.last = last;
    else
      spans_.push_back({{base, last}, terminal});
    return spans_.size() <= most_pieces;
  }

  const FirstLayer& layer_;
  Spans spans_;
  std::size_t visits_ = 0;
};

/// What is left of layer 1 for one audit number.
Diagram of_audit(const FirstLayer& layer, Diagram root, std::uint32_t audit) {
  for (unsigned bit = 32; bit-- > 0;)
    root = layer.store.cofactor(root, layer.order.level(arch_word, bit), (audit >> bit & 1) != 0);
  return root;
}

Result<Spans> spans_of(const FirstLayer& layer, Diagram numbers) {
  NumberWalk walk(layer);
  if (!walk.walk(numbers, 32, 0))
    return fail("more than " + std::to_string(most_pieces) +
                " ranges of call numbers are decided apart");
  return walk.take();
}

/// The numbers that classify() gives to an ABI.
std::vector<NumberRange> own_numbers(Arch arch) {
  if (arch == Arch::x86_64) return {{0, x32_bit - 1}, {skipped_call, skipped_call}};
  if (arch == Arch::x32) return {{x32_bit, skipped_call - 1}};
  return {{0, skipped_call}};
}

Spans clipped(const Spans& spans, std::span<const NumberRange> wanted) {
  Spans result;
  for (const NumberRange& range : wanted) {
    for (const Span& span : spans) {
      const std::uint32_t first = std::max(range.first, span.numbers.first);
      const std::uint32_t last = std::min(range.last, span.numbers.last);
      if (first <= last) result.push_back({{first, last}, span.terminal});
    }
  }
  return result;
}

/// One span of an ABI, cut at the calls of the tables.
void add_pieces(CallMap& map, Arch arch, const Span& span) {
  Piece piece{.arch = arch, .audit = arch_info(arch).audit, .terminal = span.terminal};
  const std::span<const Syscall> calls = syscalls(arch);
  const auto add = [&](std::uint32_t first, std::uint32_t last, const Syscall* call) {
    piece.numbers = {first, last};
    piece.call = call;
    map.push_back(piece);
  };
  std::uint64_t next = span.numbers.first;
  auto call = std::lower_bound(calls.begin(), calls.end(), span.numbers.first,
                               [](const Syscall& one, std::uint32_t n) { return one.number < n; });
  for (; call != calls.end() && call->number <= span.numbers.last; ++call) {
    if (call->number > next) add(static_cast<std::uint32_t>(next), call->number - 1, nullptr);
    add(call->number, call->number, &*call);
    next = std::uint64_t{call->number} + 1;
  }
  if (next <= span.numbers.last) add(static_cast<std::uint32_t>(next), span.numbers.last, nullptr);
}

/// The different diagrams over nr of the audit numbers that are not among `known`, each with one
/// such audit number, in ascending order of these.
std::vector<std::pair<std::uint32_t, Diagram>> other_audits(FirstLayer& layer, Diagram root,
                                                            std::span<const std::uint32_t> known) {
  const Diagram excluded = terminal(stop_base);
  const Bits bits = layer.order.bits(layer.store, arch_word);
  for (const std::uint32_t audit : known)
    root = layer.store.if_then_else(equal_bits(layer.store, bits, constant_bits(audit)), excluded,
                                    root);
  std::vector<std::pair<std::uint32_t, Diagram>> result;
  std::vector<std::pair<std::uint32_t, Diagram>> open{{0, root}};
  std::map<Diagram, bool> seen;
  while (!open.empty()) {
    const auto [audit, diagram] = open.back();
    open.pop_back();
    if (diagram == excluded || !seen.try_emplace(diagram).second) continue;
    const std::uint32_t level = layer.store.level(diagram);
    if (is_terminal(diagram) || layer.order.word_of(level) != arch_word) {
      result.emplace_back(audit, diagram);
      continue;
    }
    const std::uint32_t bit = std::uint32_t{1} << layer.order.bit_of(level);
    open.emplace_back(audit | bit, layer.store.cofactor(diagram, level, true));
    open.emplace_back(audit, layer.store.cofactor(diagram, level, false));
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::vector<std::uint32_t> audits_of(std::span<const Arch> arches) {
  std::vector<std::uint32_t> result;
  for (const Arch arch : arches) result.push_back(arch_info(arch).audit);
  return result;
}

}  // namespace

Result<CallMap> call_map(FirstLayer& layer, Diagram root, std::span<const Arch> arches,
                         bool strangers) {
  CallMap map;
  CallMap twins;  // numbers of an ABI that shares its audit number with one of the map
  for (const Arch arch : arches) {
    CALLGATE_TRY(const Spans spans, spans_of(layer, of_audit(layer, root, arch_info(arch).audit)));
    for (const Span& span : clipped(spans, own_numbers(arch))) add_pieces(map, arch, span);
    if (arch != Arch::x86_64 && arch != Arch::x32) continue;
    const Arch twin = arch == Arch::x32 ? Arch::x86_64 : Arch::x32;
    if (std::find(arches.begin(), arches.end(), twin) != arches.end()) continue;
    for (const Span& span : clipped(spans, own_numbers(twin)))
      twins.push_back(
          {.audit = arch_info(arch).audit, .numbers = span.numbers, .terminal = span.terminal});
  }
  if (!strangers) return map;
  map.insert(map.end(), twins.begin(), twins.end());
  for (const auto& [audit, diagram] : other_audits(layer, root, audits_of(arches))) {
    CALLGATE_TRY(const Spans spans, spans_of(layer, diagram));
    for (const Span& span : spans)
      map.push_back({.audit = audit, .numbers = span.numbers, .terminal = span.terminal});
  }
  return map;
}

Result<std::vector<Arch>> arches_told_apart(FirstLayer& layer, std::span<const Diagram> roots,
                                            Target target) {
  constexpr std::uint32_t no_audit = 0xffffffff;  // an audit number that no ABI has
  std::vector<Arch> all;
  std::vector<Arch> apart;
  bool number_matters = false;
  for (const Arch arch : all_arches)
    if (arch_info(arch).target == target) all.push_back(arch);
  for (const Diagram root : roots) {
    CALLGATE_TRY(const Spans others, spans_of(layer, of_audit(layer, root, no_audit)));
    number_matters |= others.size() != 1 || !ReturnTable::is_return(others.front().terminal);
    for (const Arch arch : all) {
      const Diagram own_numbers_of = of_audit(layer, root, arch_info(arch).audit);
      CALLGATE_TRY(const Spans spans, spans_of(layer, own_numbers_of));
      const auto own = own_numbers(arch);
      if (clipped(spans, own) != clipped(others, own)) apart.push_back(arch);
    }
  }
  return apart.empty() || number_matters ? all : apart;
}

}  // namespace callgate::meaning
