// z3 as an oracle of equality: classic BPF as nested if-then-else over bit vectors. It shares
// nothing with src/meaning: paths are merged forward, in the order of the instructions.
#pragma once

#include <z3++.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "bpf/opcode.h"
#include "callgate/abi/seccomp_data.h"
#include "callgate/bpf/program.h"

namespace callgate::test {

class Z3Oracle {
 public:
  enum class Verdict { equal, differs, unknown };
  struct Outcome {
    Verdict verdict = Verdict::unknown;
    SeccompData witness;  ///< for differs
  };

  explicit Z3Oracle(unsigned timeout_ms) : timeout_ms_(timeout_ms), words_(context_) {
    words_.push_back(context_.bv_const("nr", 32));
    words_.push_back(context_.bv_const("arch", 32));
    for (unsigned i = 0; i < 7; ++i) wide_.push_back(context_.bv_const(names[i], 64));
  }

  /// Do two programs return the same, as the kernel tells values apart, for every call?
  Outcome compare(const Program& left, const Program& right) {
    z3::solver solver(context_, "QF_BV");
    z3::params params(context_);
    params.set("timeout", timeout_ms_);
    solver.set(params);
    solver.add(normalised(returned(left)) != normalised(returned(right)));
    switch (solver.check()) {
      case z3::unsat: return {Verdict::equal, {}};
      case z3::unknown: return {};
      case z3::sat: break;
    }
    return {Verdict::differs, witness_of(solver.get_model())};
  }

  /// What z3 says a program returns for one call, normalised.
  std::uint32_t at(const Program& program, const SeccompData& data) {
    z3::expr_vector from(context_);
    z3::expr_vector to(context_);
    const auto fix = [&](const z3::expr& name, std::uint64_t value, unsigned bits) {
      from.push_back(name);
      to.push_back(context_.bv_val(value, bits));
    };
    fix(words_[0], data.nr, 32);
    fix(words_[1], data.arch, 32);
    fix(wide_[0], data.instruction_pointer, 64);
    for (unsigned i = 0; i < 6; ++i) fix(wide_[i + 1], data.args[i], 64);
    return normalised(returned(program)).substitute(from, to).simplify().get_numeral_uint();
  }

 private:
  static constexpr std::array<const char*, 7> names = {"ip",   "arg0", "arg1", "arg2",
                                                       "arg3", "arg4", "arg5"};
  struct Machine {
    z3::expr reached;
    z3::expr a;
    z3::expr x;
    std::vector<z3::expr> memory;
  };

  z3::expr value(std::uint32_t number) { return context_.bv_val(number, 32); }

  z3::expr word(std::uint32_t offset, ByteOrder order) {
    if (offset < 8) return words_[static_cast<int>(offset / 4)];
    const bool low = (offset % 8 == 0) == (order == ByteOrder::little);
    return low ? wide_[offset / 8 - 1].extract(31, 0) : wide_[offset / 8 - 1].extract(63, 32);
  }

  /// normalise() of callgate/meaning/proof.h, as the kernel's source has it.
  z3::expr normalised(const z3::expr& ret) {
    const z3::expr kind = ret & value(0xffff0000);
    const z3::expr data = ret & value(0xffff);
    const z3::expr capped = z3::ite(z3::ugt(data, value(4095)), value(4095), data);
    return z3::ite(kind == value(0x50000), kind | capped,
                   z3::ite(kind == value(0x30000) || kind == value(0x7ff00000), ret, kind));
  }

  void flow(std::vector<std::optional<Machine>>& into, std::size_t pc, const z3::expr& when,
            const Machine& from) {
    if (!into[pc]) {
      into[pc] = from;
      into[pc]->reached = when;
      return;
    }
    Machine& old = *into[pc];
    const auto merge = [&](z3::expr& to, const z3::expr& other) {
      if (!z3::eq(to, other)) to = z3::ite(when, other, to);
    };
    merge(old.a, from.a);
    merge(old.x, from.x);
    for (std::size_t i = 0; i < 16; ++i) merge(old.memory[i], from.memory[i]);
    old.reached = old.reached || when;
  }

  z3::expr arithmetic(const Instruction& insn, const z3::expr& a, const z3::expr& b,
                      ShiftRule rule) {
    const bool with_x = (insn.code & 8) != 0;
    const z3::expr by = with_x ? b & value(rule == ShiftRule::low5 ? 31 : 63) : b;
    switch (insn.code & 0xf0) {
      case 0x00: return a + b;
      case 0x10: return a - b;
      case 0x20: return a * b;
      case 0x30: return z3::udiv(a, b);
      case 0x40: return a | b;
      case 0x50: return a & b;
      case 0x60: return z3::shl(a, by);
      case 0x70: return z3::lshr(a, by);
      case 0x80: return -a;
      default: return a ^ b;
    }
  }

  z3::expr test(const Instruction& insn, const z3::expr& a, const z3::expr& b) {
    switch (insn.code & 0xf0) {
      case 0x10: return a == b;
      case 0x20: return z3::ugt(a, b);
      case 0x30: return z3::uge(a, b);
      default: return (a & b) != value(0);
    }
  }

  /// True if it was a move between registers, memory and data.
  bool move(const Instruction& insn, Machine& m, ByteOrder order) {
    switch (insn.code) {
      case 0x20: m.a = word(insn.k, order); return true;
      case 0x80: m.a = value(64); return true;
      case 0x00: m.a = value(insn.k); return true;
      case 0x60: m.a = m.memory[insn.k]; return true;
      case 0x81: m.x = value(64); return true;
      case 0x01: m.x = value(insn.k); return true;
      case 0x61: m.x = m.memory[insn.k]; return true;
      case 0x02: m.memory[insn.k] = m.a; return true;
      case 0x03: m.memory[insn.k] = m.x; return true;
      case 0x07: m.x = m.a; return true;
      case 0x87: m.a = m.x; return true;
      default: return false;
    }
  }

  z3::expr returned(const Program& program) {
    const auto code = program.instructions();
    std::vector<std::optional<Machine>> at(code.size());
    const z3::expr zero = value(0);
    at[0] = Machine{context_.bool_val(true), zero, zero, std::vector<z3::expr>(16, zero)};
    z3::expr result = zero;
    for (std::size_t pc = 0; pc < code.size(); ++pc) {
      if (!at[pc]) continue;
      Machine m = *at[pc];
      const Instruction& insn = code[pc];
      const z3::expr operand = (insn.code & 8) != 0 ? m.x : value(insn.k);
      if ((insn.code & 7) == 6) {
        result = z3::ite(m.reached, insn.code == 0x16 ? m.a : value(insn.k), result);
      } else if (insn.code == 0x05) {
        flow(at, pc + 1 + insn.k, m.reached, m);
      } else if ((insn.code & 7) == 5) {
        const z3::expr holds = test(insn, m.a, operand);
        flow(at, pc + 1 + insn.jt, m.reached && holds, m);
        flow(at, pc + 1 + insn.jf, m.reached && !holds, m);
      } else if (move(insn, m, program.target().byte_order)) {
        flow(at, pc + 1, m.reached, m);
      } else {
        const bool by_x = insn.code == 0x3c;
        if (by_x) result = z3::ite(m.reached && m.x == zero, zero, result);
        m.a = arithmetic(insn, m.a, operand, program.target().shift_rule);
        flow(at, pc + 1, by_x ? m.reached && m.x != zero : m.reached, m);
      }
    }
    return result;
  }

  SeccompData witness_of(const z3::model& model) {
    SeccompData data;
    data.nr = model.eval(words_[0], true).get_numeral_uint();
    data.arch = model.eval(words_[1], true).get_numeral_uint();
    data.instruction_pointer = model.eval(wide_[0], true).get_numeral_uint64();
    for (unsigned i = 0; i < 6; ++i)
      data.args[i] = model.eval(wide_[i + 1], true).get_numeral_uint64();
    return data;
  }

  z3::context context_;
  unsigned timeout_ms_;
  z3::expr_vector words_;
  std::vector<z3::expr> wide_;
};

}  // namespace callgate::test
