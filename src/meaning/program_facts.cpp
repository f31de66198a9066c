#include "meaning/program_facts.h"

#include <algorithm>
#include <array>
#include <bit>

#include "bpf/opcode.h"

namespace callgate::meaning {
namespace {

namespace op = opcode;

bool is_load_of_a(std::uint16_t code) {
  return code == op::ld_word || code == op::ld_length || code == op::ld_constant ||
         code == op::ld_scratch;
}

/// The words that each register may depend on.
struct Taint {
  std::array<WordSet, 18> words{};  ///< A, X, M[]

  void join(const Taint& other) {
    for (std::size_t i = 0; i < words.size(); ++i)
      words[i] = static_cast<WordSet>(words[i] | other.words[i]);
  }
};

/// Whether an instruction computes with A and X.
bool combines(const Effects& effects) {
  return (effects.reads & (register_a | register_x)) == (register_a | register_x);
}

void apply(Taint& taint, const Instruction& instruction, ByteOrder order) {
  auto& [words] = taint;
  const std::uint32_t k = instruction.k;
  switch (instruction.code) {
    case op::ld_word: words[0] = static_cast<WordSet>(1u << word_at_offset(k, order)); return;
    case op::ld_length:
    case op::ld_constant: words[0] = 0; return;
    case op::ldx_length:
    case op::ldx_constant: words[1] = 0; return;
    case op::ld_scratch: words[0] = words[2 + k]; return;
    case op::ldx_scratch: words[1] = words[2 + k]; return;
    case op::st: words[2 + k] = words[0]; return;
    case op::stx: words[2 + k] = words[1]; return;
    case op::tax: words[1] = words[0]; return;
    case op::txa: words[0] = words[1]; return;
    default: break;
  }
  const Effects effects = effects_of(instruction);
  if (combines(effects) && effects.writes == register_a)
    words[0] = static_cast<WordSet>(words[0] | words[1]);
}

/// Calls `visit(next)` for each instruction that may run next.
template <class Visit>
void for_each_successor(const Instruction& instruction, std::size_t index, Visit&& visit) {
  if (instruction.code == op::ret_k || instruction.code == op::ret_a) return;
  if (instruction.code == op::ja) return visit(index + 1 + instruction.k);
  if (!op::is_conditional(instruction.code)) return visit(index + 1);
  visit(index + 1 + instruction.jt);
  if (instruction.jf != instruction.jt) visit(index + 1 + instruction.jf);
}

}  // namespace

Effects effects_of(const Instruction& instruction) noexcept {
  const std::uint16_t code = instruction.code;
  if (code == op::ld_scratch) return {scratch_cell(instruction.k), register_a};
  if (is_load_of_a(code)) return {0, register_a};
  switch (code) {
    case op::ldx_scratch: return {scratch_cell(instruction.k), register_x};
    case op::ldx_length:
    case op::ldx_constant: return {0, register_x};
    case op::st: return {register_a, scratch_cell(instruction.k)};
    case op::stx: return {register_x, scratch_cell(instruction.k)};
    case op::tax: return {register_a, register_x};
    case op::txa: return {register_x, register_a};
    case op::ja:
    case op::ret_k: return {};
    case op::ret_a: return {register_a, 0};
    default: break;
  }
  const bool with_x = (code & 0x08) != 0;
  return {register_a | (with_x ? register_x : 0), op::is_conditional(code) ? 0 : register_a};
}

ProgramFacts::ProgramFacts(const Program& program) : program_(program) {
  find_live();
  find_related();
}

void ProgramFacts::find_live() {
  const auto code = program_.instructions();
  live_.assign(code.size(), 0);
  for (std::size_t index = code.size(); index-- > 0;) {
    const Effects effects = effects_of(code[index]);
    RegisterSet after = 0;
    for_each_successor(code[index], index, [&](std::size_t next) { after |= live_[next]; });
    live_[index] = (after & ~effects.writes) | effects.reads;
  }
}

void ProgramFacts::relate(WordSet words) {
  if (std::popcount(words) < 2) return;
  std::vector<WordSet> kept;
  for (const WordSet group : related_) {
    if ((group & words) != 0)
      words = static_cast<WordSet>(words | group);
    else
      kept.push_back(group);
  }
  kept.push_back(words);
  related_.swap(kept);
}

void ProgramFacts::find_related() {
  const auto code = program_.instructions();
  const ByteOrder order = program_.target().byte_order;
  std::vector<Taint> taints(code.size());
  for (std::size_t index = 0; index < code.size(); ++index) {
    Taint taint = taints[index];
    if (combines(effects_of(code[index])) && taint.words[0] != 0 && taint.words[1] != 0)
      relate(static_cast<WordSet>(taint.words[0] | taint.words[1]));
    apply(taint, code[index], order);
    for_each_successor(code[index], index, [&](std::size_t next) { taints[next].join(taint); });
  }
}

std::vector<InputWord> ProgramFacts::words_read_from(std::size_t index) const {
  const auto code = program_.instructions();
  const ByteOrder order = program_.target().byte_order;
  std::vector<InputWord> words;
  WordSet seen = 0;
  std::vector<bool> is_reached(code.size(), false);
  is_reached[index] = true;
  std::size_t last = index;  // the furthest that is reached
  for (; index <= last; ++index) {
    if (!is_reached[index]) continue;
    for_each_successor(code[index], index, [&](std::size_t next) {
      is_reached[next] = true;
      last = std::max(last, next);
    });
    if (code[index].code != op::ld_word) continue;
    const InputWord word = word_at_offset(code[index].k, order);
    if ((seen >> word & 1) == 0) words.push_back(word);
    seen = static_cast<WordSet>(seen | 1u << word);
  }
  return words;
}

}  // namespace callgate::meaning
