#include "meaning/comparison.h"

#include <algorithm>

namespace callgate::meaning {
namespace {

std::uint64_t pair_key(Diagram left, Diagram right) noexcept {
  return std::uint64_t{left} << 32 | right;
}

}  // namespace

bool violates(Violation violation, std::uint32_t left, std::uint32_t right) noexcept {
  if (violation == Violation::differing) return left != right;
  return precedence(left) > precedence(right);
}

std::string call_name(std::uint32_t audit, std::uint32_t number) {
  const std::optional<Arch> arch = classify(audit, number);
  if (!arch) return "audit architecture " + std::to_string(audit);
  const Syscall* call = find_syscall(*arch, number);
  return std::string(arch_info(*arch).name) + " " +
         (call != nullptr ? std::string(call->name) : std::to_string(number));
}

Undecided undecided(const Meeting& meeting) {
  return {call_name(meeting.example.words[arch_word], meeting.example.words[number_word])};
}

std::vector<WordSet> merged_groups(const std::vector<WordSet>& a, const std::vector<WordSet>& b) {
  std::vector<WordSet> result;
  for (const auto* source : {&a, &b}) {
    for (WordSet group : *source) {
      std::vector<WordSet> apart;
      for (const WordSet other : result) {
        if ((other & group) != 0)
          group = static_cast<WordSet>(group | other);
        else
          apart.push_back(other);
      }
      apart.push_back(group);
      result.swap(apart);
    }
  }
  return result;
}

std::vector<std::vector<WordSet>> orders_of(std::vector<WordSet> groups) {
  if (groups.empty()) return {{}};
  return {std::move(groups), {}};
}

std::optional<Assignment> WitnessSearch::find(Diagram care, Diagram left, Diagram right,
                                              std::uint32_t seed) {
  seed_ = seed;
  path_ = {};
  if (seed != 0)
    for (std::uint32_t word = 0; word < input_words; ++word)
      path_.words[word] = mix(seed, word, 0x2545f491);
  visited_.assign(1024, {});
  visits_ = 0;
  if (!search(care, left, right)) return std::nullopt;
  return path_;
}

bool WitnessSearch::is_new(Diagram care, Diagram left, Diagram right) {
  const auto slot_for = [this](const std::array<Diagram, 3>& key) {
    std::size_t slot = mix(key[0], key[1], key[2]) & (visited_.size() - 1);
    while (visited_[slot] != std::array<Diagram, 3>{} && visited_[slot] != key)
      slot = (slot + 1) & (visited_.size() - 1);
    return slot;
  };
  const std::array<Diagram, 3> key{care, left, right};
  const std::size_t slot = slot_for(key);
  if (visited_[slot] == key) return false;
  store_.charge(1);
  visited_[slot] = key;
  if (++visits_ * 2 < visited_.size()) return true;
  std::vector<std::array<Diagram, 3>> known(visited_.size() * 2);
  known.swap(visited_);
  for (const auto& entry : known)
    if (entry != std::array<Diagram, 3>{}) visited_[slot_for(entry)] = entry;
  return true;
}

bool WitnessSearch::search(Diagram care, Diagram left, Diagram right) {
  if (care == no || left == right) return false;
  if (care == yes && is_terminal(left) && is_terminal(right))
    return !ReturnTable::is_return(left) || !ReturnTable::is_return(right) ||
           violates(violation_, returns_.value(left), returns_.value(right));
  if (!is_new(care, left, right)) return false;
  const std::uint32_t top = std::min({store_.level(care), store_.level(left), store_.level(right)});
  const std::uint32_t mask = std::uint32_t{1} << order_.bit_of(top);
  std::uint32_t& word = path_.words[order_.word_of(top)];
  const bool first = (word & mask) != 0;
  for (const bool value : {first, !first}) {
    if (!search(store_.cofactor(care, top, value), store_.cofactor(left, top, value),
                store_.cofactor(right, top, value)))
      continue;
    word = value ? word | mask : word & ~mask;
    return true;
  }
  return false;
}

std::size_t Comparison::allowance() const noexcept {
  const std::size_t rest = budget_.nodes_in_all > spent_ ? budget_.nodes_in_all - spent_ : 0;
  return std::min(budget_.nodes_per_call, rest);
}

void Comparison::collect(Diagram left, Diagram right) {
  if (!seen_.insert(pair_key(left, right)).second) return;
  layer_.store.charge(1);
  if (is_terminal(left) && is_terminal(right)) {
    meetings_.push_back({left, right, path_});
    return;
  }
  const MeaningStore& store = layer_.store;
  const std::uint32_t top = std::min(store.level(left), store.level(right));
  const std::uint32_t mask = std::uint32_t{1} << layer_.order.bit_of(top);
  std::uint32_t& word = path_.words[layer_.order.word_of(top)];
  collect(store.cofactor(left, top, false), store.cofactor(right, top, false));
  word |= mask;
  collect(store.cofactor(left, top, true), store.cofactor(right, top, true));
  word &= ~mask;
}

/// The calls for which the first layers have a meeting's terminals.
Diagram Comparison::where(Diagram left, Diagram right, const Meeting& meeting) {
  if (is_terminal(left) && is_terminal(right))
    return constant(left == meeting.left && right == meeting.right);
  if (const auto known = care_.find(pair_key(left, right)); known != care_.end())
    return known->second;
  MeaningStore& store = layer_.store;
  const std::uint32_t top = std::min(store.level(left), store.level(right));
  const Diagram low =
      where(store.cofactor(left, top, false), store.cofactor(right, top, false), meeting);
  const Diagram high =
      where(store.cofactor(left, top, true), store.cofactor(right, top, true), meeting);
  const Diagram result = store.node(top, low, high);
  care_.emplace(pair_key(left, right), result);
  return result;
}

void Comparison::read_roots() {
  left_root_ = left_.layer1();
  right_root_ = right_.layer1();
}

Answer Comparison::run(const Meeting& meeting) {
  try {
    read_roots();
  } catch (const DiagramOverflow&) {
    return undecided(meeting);
  }
  return decide(meeting);
}

Answer Comparison::run() {
  try {
    read_roots();
    collect(left_root_, right_root_);
  } catch (const DiagramOverflow&) {
    return Undecided{"every call"};
  }
  spend(layer_.store.size());
  std::optional<Answer> open;
  for (const Meeting& meeting : meetings_) {
    Answer answer = decide(meeting);
    if (std::holds_alternative<Differs>(answer)) return answer;
    if (!open && std::holds_alternative<Undecided>(answer)) open = std::move(answer);
  }
  return open ? *open : Answer{Equal{}};
}

bool Comparison::is_at(const Meeting& meeting, std::uint32_t audit,
                       std::uint32_t number) const noexcept {
  Assignment point;
  point.words[arch_word] = audit;
  point.words[number_word] = number;
  return value_at(layer_.store, layer_.order, left_root_, point) == meeting.left &&
         value_at(layer_.store, layer_.order, right_root_, point) == meeting.right;
}

Answer Comparison::confirmed(const SeccompData& data) const {
  const std::uint32_t left = left_.at(data);
  const std::uint32_t right = right_.at(data);
  if (violates(violation_, left, right)) return Differs{data, left, right};
  return Undecided{call_name(data.arch, data.nr) +
                   " (the diagrams and the interpreters disagree: a bug in callgate)"};
}

Answer Comparison::decide(const Meeting& meeting) {
  if (ReturnTable::is_return(meeting.left) && ReturnTable::is_return(meeting.right)) {
    const bool is_bad = violates(violation_, layer_.returns.value(meeting.left),
                                 layer_.returns.value(meeting.right));
    return is_bad ? confirmed(meeting.example.data()) : Answer{Equal{}};
  }
  if (shortcut_ && std::holds_alternative<Equal>(shortcut_(meeting))) return Equal{};
  for (const auto& groups : orders_of(merged_groups(left_.related(), right_.related())))
    if (std::optional<Answer> answer = ask(meeting, groups)) return *answer;
  if (left_.computes_returns() || right_.computes_returns())
    for (const auto& groups : orders_of(merged_groups(left_.related(), right_.related())))
      if (std::optional<Answer> answer = ask_bits(meeting, groups)) return *answer;
  if (fallback_) return fallback_(meeting);
  return Undecided{call_name(meeting.example.words[arch_word], meeting.example.words[number_word])};
}

/// The calls that a meeting is about, in the store of its question.
Diagram Comparison::calls_of(const Meeting& meeting, Question& question) {
  care_.clear();
  Translator translator(layer_.store, layer_.order, question.store, question.order);
  return translator.translate(where(left_root_, right_root_, meeting));
}

/// Some set of calls of `care` that violate, from all bits of both; `no` if none does.
Diagram Comparison::violating(MeaningStore& store, Diagram care, Bits left, Bits right) const {
  if (violation_ == Violation::differing) {
    Diagram bad = no;
    for (unsigned bit = 0; bit < left.size() && bad == no; ++bit)
      bad = store.both(care, store.differ(left[bit], right[bit]));
    return bad;
  }
  // The high halves as signed numbers, as precedence() reads them.
  left[31] = store.negation(left[31]);
  right[31] = store.negation(right[31]);
  return store.both(
      care, greater(store, std::span(left).subspan(16), std::span(right).subspan(16), false));
}

/// The same by the bits of the return values. None if these do not fit either.
std::optional<Answer> Comparison::ask_bits(const Meeting& meeting,
                                           const std::vector<WordSet>& groups) {
  Question question(allowance(), groups, layer_.returns);
  std::optional<Answer> answer;
  try {
    Bits left{};
    Bits right{};
    for (unsigned bit = 0; bit < left.size(); ++bit) {
      question.results.show_bit(bit);
      left[bit] = left_.layer2(meeting.left, question);
      right[bit] = right_.layer2(meeting.right, question);
    }
    const Diagram bad = violating(question.store, calls_of(meeting, question), left, right);
    answer = bad == no ? Answer{Equal{}}
                       : confirmed(some_point(question.store, question.order, bad).data());
  } catch (const DiagramOverflow&) {
  }
  spend(question.store.size());
  return answer;
}

/// None if the diagrams do not fit.
std::optional<Answer> Comparison::ask(const Meeting& meeting, const std::vector<WordSet>& groups) {
  std::vector<InputWord> sooner = left_.words_from(meeting.left);
  if (sooner.empty()) sooner = right_.words_from(meeting.right);
  Question question(allowance(), groups, layer_.returns, sooner);
  std::optional<Answer> answer;
  try {
    const Diagram left = left_.layer2(meeting.left, question);
    const Diagram right = right_.layer2(meeting.right, question);
    std::optional<Assignment> witness;
    if (left != right) {
      const Diagram care = calls_of(meeting, question);
      WitnessSearch search(question.store, question.order, layer_.returns, violation_);
      witness = search.find(care, left, right);
    }
    answer = witness ? confirmed(witness->data()) : Answer{Equal{}};
  } catch (const DiagramOverflow&) {
  }
  spend(question.store.size());
  return answer;
}

}  // namespace callgate::meaning
