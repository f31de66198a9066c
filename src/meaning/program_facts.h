// What can be said of a program before it is run: which registers are read later, and which words
// of seccomp_data meet in one instruction. Both are one pass, since every jump goes forward.
#pragma once

#include <vector>

#include "callgate/bpf/program.h"
#include "meaning/words.h"

namespace callgate::meaning {

/// Registers and scratch cells: bit 0 is A, bit 1 is X, bit 2 + i is M[i].
using RegisterSet = std::uint32_t;
inline constexpr RegisterSet register_a = 1;
inline constexpr RegisterSet register_x = 2;
[[nodiscard]] constexpr RegisterSet scratch_cell(std::uint32_t index) noexcept {
  return RegisterSet{4} << index;
}

/// What one instruction reads and writes.
struct Effects {
  RegisterSet reads = 0;
  RegisterSet writes = 0;
};
[[nodiscard]] Effects effects_of(const Instruction& instruction) noexcept;

/// Facts about one program, which must outlive them.
class ProgramFacts {
 public:
  explicit ProgramFacts(const Program& program);

  [[nodiscard]] const Program& program() const noexcept { return program_; }
  /// Registers whose value at the entry of an instruction can still matter.
  [[nodiscard]] RegisterSet live(std::size_t index) const noexcept { return live_[index]; }
  /// Sets of at least two words that the program computes with together.
  [[nodiscard]] const std::vector<WordSet>& related() const noexcept { return related_; }
  /// The words that may be loaded from an instruction on, in the order of the first load of each.
  [[nodiscard]] std::vector<InputWord> words_read_from(std::size_t index) const;

 private:
  void find_live();
  void find_related();
  void relate(WordSet words);

  const Program& program_;
  std::vector<RegisterSet> live_;
  std::vector<WordSet> related_;
};

}  // namespace callgate::meaning
