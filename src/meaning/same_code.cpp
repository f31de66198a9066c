#include "meaning/same_code.h"

#include <unordered_set>
#include <utility>
#include <vector>

#include "bpf/opcode.h"
#include "callgate/meaning/proof.h"

namespace callgate::meaning {
namespace {

namespace op = opcode;

/// Past unconditional jumps.
std::size_t landing(std::span<const Instruction> code, std::size_t index) {
  while (code[index].code == op::ja) index += 1 + code[index].k;
  return index;
}

}  // namespace

bool same_code(const Program& left, std::size_t left_start, const Program& right,
               std::size_t right_start) {
  if (left.target() != right.target()) return false;
  const auto one = left.instructions();
  const auto other = right.instructions();
  std::unordered_set<std::uint64_t> seen;  // never iterated
  std::vector<std::pair<std::size_t, std::size_t>> open{{left_start, right_start}};
  while (!open.empty()) {
    const std::size_t l = landing(one, open.back().first);
    const std::size_t r = landing(other, open.back().second);
    open.pop_back();
    if (!seen.insert(std::uint64_t{l} << 32 | r).second) continue;
    const Instruction& a = one[l];
    const Instruction& b = other[r];
    if (a.code != b.code) return false;
    if (a.code == op::ret_a) continue;
    if (a.code == op::ret_k) {
      if (normalise(a.k) != normalise(b.k)) return false;
      continue;
    }
    if (a.k != b.k) return false;
    if (op::is_conditional(a.code)) {
      open.emplace_back(l + 1 + a.jt, r + 1 + b.jt);
      open.emplace_back(l + 1 + a.jf, r + 1 + b.jf);
    } else {
      open.emplace_back(l + 1, r + 1);
    }
  }
  return true;
}

}  // namespace callgate::meaning
