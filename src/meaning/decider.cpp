#include "meaning/decider.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "meaning/conditions.h"

namespace callgate::meaning {
namespace {

constexpr std::size_t most_answers = 64;    ///< of one call
constexpr std::size_t most_named = 300;     ///< values of one call that are looked up by name
constexpr std::size_t most_said = 300'000;  ///< values of all calls
constexpr const char* past_budget = "its decisions have no small diagram";
constexpr const char* not_sayable = "its decisions take too many words to be said";
constexpr const char* depends_on_number = "its decisions depend on number and arguments together";

/// What is left of a diagram for one call. None if it still depends on arch or nr.
std::optional<Diagram> of_piece(const Question& question, const Piece& piece, Diagram diagram) {
  const bool is_one = piece.numbers.first == piece.numbers.last;
  while (!is_terminal(diagram)) {
    const std::uint32_t level = question.store.level(diagram);
    const InputWord word = question.order.word_of(level);
    if (word > number_word) return diagram;
    if (word == arch_word ? !piece.arch : !is_one) return std::nullopt;
    const std::uint32_t value = word == arch_word ? piece.audit : piece.numbers.first;
    diagram =
        question.store.cofactor(diagram, level, (value >> question.order.bit_of(level) & 1) != 0);
  }
  return diagram;
}

/// The answers of a diagram in the order in which they are met.
std::vector<Diagram> answers_of(const MeaningStore& store, Diagram diagram) {
  std::vector<Diagram> answers;
  std::map<Diagram, bool> seen;
  std::vector<Diagram> open{diagram};
  while (!open.empty()) {
    const Diagram at = open.back();
    open.pop_back();
    if (!seen.try_emplace(at).second) continue;
    if (is_terminal(at)) {
      answers.push_back(at);
      if (answers.size() > most_answers) throw TooMuchToSay{};
      continue;
    }
    const std::uint32_t level = store.level(at);
    open.push_back(store.cofactor(at, level, true));
    open.push_back(store.cofactor(at, level, false));
  }
  return answers;
}

/// Where a diagram gives that answer.
Diagram where(MeaningStore& store, Diagram diagram, Diagram answer,
              std::map<Diagram, Diagram>& known) {
  if (is_terminal(diagram)) return constant(diagram == answer);
  if (const auto found = known.find(diagram); found != known.end()) return found->second;
  const std::uint32_t level = store.level(diagram);
  const Diagram low = where(store, store.cofactor(diagram, level, false), answer, known);
  const Diagram high = where(store, store.cofactor(diagram, level, true), answer, known);
  return known[diagram] = store.node(level, low, high);
}

/// The answers of one piece as conditions.
class AnswerSayer {
 public:
  AnswerSayer(Question& question, const Piece& piece, const SayingOptions& options)
      : store_(question.store),
        order_(question.order),
        piece_(piece),
        options_(options),
        sayer_(store_, order_,
               {piece.arch.value_or(Arch::x86_64), piece.call, options.names_constants}) {}

  [[nodiscard]] std::vector<Answered> exact(Diagram diagram) {
    std::vector<Answered> result;
    for (const Candidate& one : candidates(diagram)) {
      if (options_.is_background(piece_, one.answer)) continue;
      if (!one.said) throw TooMuchToSay{};
      result.push_back(answered(one, one.said->condition));
    }
    return result;
  }

  [[nodiscard]] std::vector<Answered> in_order(Diagram diagram) {
    std::vector<Candidate> all = candidates(diagram);
    const auto place = [&](const Candidate& one) {
      return std::tuple(options_.is_background(piece_, one.answer), !one.said,
                        one.said ? one.said->cost : 0, -options_.rank(one.answer));
    };
    std::stable_sort(all.begin(), all.end(),
                     [&](const auto& a, const auto& b) { return place(a) < place(b); });
    std::vector<Answered> result;
    Diagram before = no;
    for (const Candidate& one : all) {
      const bool is_last = &one == &all.back();
      const Said said =
          is_last ? said_constant(true) : sayer_.say(one.where, store_.either(one.where, before));
      before = store_.either(before, one.where);
      result.push_back(answered(one, said.condition));
    }
    return result;
  }

 private:
  /// One answer and where it holds; not said if that takes too much.
  struct Candidate {
    Diagram answer = no;
    Diagram where = no;
    std::optional<Said> said;
  };

  [[nodiscard]] std::vector<Candidate> candidates(Diagram diagram) {
    std::vector<Candidate> result;
    for (const Diagram answer : answers_of(store_, diagram)) {
      std::map<Diagram, Diagram> known;
      const Diagram here = where(store_, diagram, answer, known);
      result.push_back({answer, here, std::nullopt});
      try {
        result.back().said = sayer_.say(here, here);
      } catch (const TooMuchToSay&) {
      }
    }
    return result;
  }
  [[nodiscard]] Answered answered(const Candidate& one, Condition when) const {
    return {one.answer, std::move(when), some_point(store_, order_, one.where)};
  }

  MeaningStore& store_;
  const WordOrder& order_;
  const Piece& piece_;
  const SayingOptions& options_;
  Sayer sayer_;
};

/// The values that a condition's tests name.
std::size_t size_of(const Condition& condition) {
  std::size_t size = 1 + condition.test.values.size();
  for (const Condition& child : condition.children) size += size_of(child);
  return size;
}

std::size_t size_of(const Decision& decision) {
  std::size_t size = 0;
  for (const Answered& one : decision.answers) size += size_of(one.when);
  return size;
}

/// The words that a diagram depends on.
WordSet words_of(const Question& question, Diagram diagram) {
  WordSet words = 0;
  std::map<Diagram, bool> seen;
  std::vector<Diagram> open{diagram};
  while (!open.empty()) {
    const Diagram at = open.back();
    open.pop_back();
    const std::uint32_t level = question.store.level(at);
    if (level == terminal_flag || !seen.try_emplace(at).second) continue;
    words = static_cast<WordSet>(words | 1u << question.order.word_of(level));
    open.push_back(question.store.cofactor(at, level, true));
    open.push_back(question.store.cofactor(at, level, false));
  }
  return words;
}

/// A parameter whose name can stand in a condition.
using NamedWord = std::tuple<std::string_view, const ConstantSet*, std::uint64_t>;

/// What the saying of a diagram for some piece depends on.
using SayingKey = std::tuple<Diagram, std::optional<Arch>, std::vector<NamedWord>>;

/// What the names in a condition of some words depend on.
std::vector<NamedWord> named_words(const Syscall* call, WordSet words) {
  std::vector<NamedWord> result;
  if (call == nullptr) return result;
  for (const Parameter& parameter : call->parameters) {
    const unsigned halves = words >> arg_high(parameter.low) & 3u;
    if (parameter.placement != Placement::word || halves == 0) continue;
    const std::uint64_t shape =
        std::uint64_t{parameter.low} << 32 | std::uint64_t{parameter.bits} << 16 |
        static_cast<std::uint64_t>(parameter.kind) << 8 | std::uint64_t{parameter.is_signed};
    result.emplace_back(parameter.name, parameter.constants, shape);
  }
  return result;
}

}  // namespace

std::vector<Decision> Decider::decide(const CallMap& map, const SayingOptions& options) {
  std::vector<Decision> result(map.size());
  std::map<Diagram, std::vector<std::size_t>> by_terminal;
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (ReturnTable::is_return(map[i].terminal))
      result[i].answers = {{.answer = map[i].terminal, .when = {}, .example = {}}};
    else
      by_terminal[map[i].terminal].push_back(i);
  }
  for (const auto& [terminal, pieces] : by_terminal) decide(map, pieces, options, result);
  return result;
}

/// The pieces of one terminal.
void Decider::decide(const CallMap& map, std::span<const std::size_t> pieces,
                     const SayingOptions& options, std::vector<Decision>& out) {
  const std::size_t rest = budget_.nodes_in_all > spent_ ? budget_.nodes_in_all - spent_ : 0;
  Question question(std::min(budget_.nodes_per_call, rest), {}, layer_.returns);
  std::optional<Diagram> diagram;
  try {
    diagram = layers_.layer2(map[pieces.front()].terminal, question);
  } catch (const DiagramOverflow&) {
  }
  std::map<SayingKey, Decision> known;
  const auto said = [&](const Piece& piece, Diagram own, const Syscall* call) -> const Decision& {
    const auto [entry, is_new] = known.try_emplace(
        {own, piece.arch, named_words(call, call != nullptr ? words_of(question, own) : 0)});
    if (is_new) {
      Piece named = piece;
      named.call = call;
      entry->second = decide(named, own, question, options);
    }
    return entry->second;
  };
  for (const std::size_t index : pieces) {
    const Piece& piece = map[index];
    const auto own = diagram ? of_piece(question, piece, *diagram) : std::nullopt;
    if (!own || said_ > most_said) {
      out[index].why_undecided = own ? not_sayable : diagram ? depends_on_number : past_budget;
      continue;
    }
    // What is long in raw words is not said again for each call's names.
    const Decision& raw = said(piece, *own, nullptr);
    const bool is_short = raw.why_undecided.empty() && size_of(raw) <= most_named;
    out[index] = is_short ? said(piece, *own, piece.call) : raw;
    said_ += size_of(out[index]);
  }
  spent_ += question.store.size();
}

Decision Decider::decide(const Piece& piece, Diagram diagram, Question& question,
                         const SayingOptions& options) {
  try {
    AnswerSayer sayer(question, piece, options);
    return {.answers = options.is_exact ? sayer.exact(diagram) : sayer.in_order(diagram),
            .why_undecided = {}};
  } catch (const DiagramOverflow&) {
    return {.answers = {}, .why_undecided = past_budget};
  } catch (const TooMuchToSay&) {
    return {.answers = {}, .why_undecided = not_sayable};
  }
}

}  // namespace callgate::meaning
