// What a virtual machine is asked and what it must answer (tests/qemu/boot.py):
//
//   qemu_cases numbers ABI             the numbers that guest.c needs, from the tables
//   qemu_cases cases ABI COUNT FILE    cases for guest.c; its right answer on standard output
//
// A third of the cases are policies, compiled for the ABI, with calls at the boundaries of their
// rules; a third are arithmetic on the words of seccomp_data that ends in an errno, which tells the
// halves of each word apart and how far shifts by X look; a third are programs that the kernel may
// refuse, made by the generator of the verifier's tests.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "bpf/opcode.h"
#include "callgate/bpf/emulate.h"
#include "callgate/compiler/compile.h"
#include "callgate/policy/evaluate.h"
#include "random_policy.h"

namespace callgate::test {
namespace {

namespace op = opcode;
using Code = std::vector<Instruction>;

constexpr std::size_t calls_each = 48;
constexpr std::uint32_t first_errno = 200;

/// Bytes in the order of the machine.
class Bytes {
 public:
  explicit Bytes(ByteOrder order) : order_(order) {}
  void add(std::uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; ++i) {
      const unsigned shift = 8 * (order_ == ByteOrder::big ? width - 1 - i : i);
      text_.push_back(static_cast<char>(value >> shift));
    }
  }
  void add(std::string_view bytes) { text_ += bytes; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  ByteOrder order_;
  std::string text_;
};

/// Writes the cases and prints what the guest must print.
class Cases {
 public:
  explicit Cases(Arch arch) : arch_(arch), bytes_(arch_info(arch).target.byte_order) {}

  void add(const Code& code, const std::vector<SeccompData>& calls) {
    bytes_.add(code.size(), 4);
    bytes_.add(calls.size(), 4);
    bytes_.add(encode_instructions(code, arch_info(arch_).target.byte_order));
    for (const SeccompData& call : calls) {
      bytes_.add(call.nr, 8);
      for (const std::uint64_t word : call.args) bytes_.add(word, 8);
    }
    const auto program = Program::verify(code, arch_info(arch_).target);
    std::printf("@%s %zu %d", std::string(arch_info(arch_).name).c_str(), count_++,
                program ? 1 : -22);
    for (const SeccompData& call : calls) {
      if (program) std::printf(" %d", -static_cast<int>(emulate(*program, call) & 0xffff));
    }
    std::printf("\n");
  }

  bool write(const char* path) const {
    std::printf("@%s end\n", std::string(arch_info(arch_).name).c_str());
    std::ofstream out(path, std::ios::binary);
    out << bytes_.text();
    return out.good();
  }

 private:
  Arch arch_;
  Bytes bytes_;
  std::size_t count_ = 0;
};

/// The program with each return value as an errno of its own, so that no call is let through.
Code with_errnos(const Program& program) {
  std::map<std::uint32_t, std::uint32_t> errnos;
  Code code(program.instructions().begin(), program.instructions().end());
  for (Instruction& step : code) {
    if (step.code != op::ret_k) continue;
    const auto next = first_errno + static_cast<std::uint32_t>(errnos.size());
    step.k = deny(static_cast<std::uint16_t>(errnos.try_emplace(step.k, next).first->second)).ret();
  }
  return code;
}

bool loads_ip(const Code& code) {
  return std::any_of(code.begin(), code.end(), [](const Instruction& step) {
    return step.code == op::ld_word && (step.k == 8 || step.k == 12);
  });
}

/// The calls that can be made by the ABI's registers; a number of its tables' range, because
/// kernels cut others in ways of their own (s390x takes 16 bits).
std::vector<SeccompData> real_calls(const RandomPolicy& sample, Arch arch, Random& random) {
  std::vector<SeccompData> calls;
  for (SeccompData call : interesting_calls(sample.policy, sample.arches, random, 3 * calls_each)) {
    constexpr std::uint32_t end = 8000;
    if (call.arch != arch_info(arch).audit || call.nr == 0 || call.nr >= end) continue;
    if (arch_info(arch).word_bits == 32)
      for (std::uint64_t& word : call.args) word &= 0xffffffff;
    if (calls.size() < calls_each) calls.push_back(call);
  }
  return calls;
}

bool add_policy(Cases& cases, Arch arch, Random& random) {
  RandomPolicyOptions options;
  options.arches = {arch};
  const RandomPolicy sample = random_policy(random, options);
  const auto made = compile(sample.policy, {.arches = sample.arches});
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().text().c_str());
    return false;
  }
  const Code code = with_errnos(made->program);
  if (!loads_ip(code)) cases.add(code, real_calls(sample, arch, random));
  return true;
}

/// Arithmetic on any words but those of ip; DIV and MOD by X, which can end a program, are left
/// out. Where the JIT and the interpreter shift by other numbers of bits (s390, powerpc), X stays
/// below 32.
void add_arithmetic(Cases& cases, Arch arch, Random& random) {
  constexpr std::uint16_t steps[] = {
      op::ld_word, op::ld_word, op::ld_constant, op::ldx_constant, op::tax,   op::txa,   op::add_k,
      op::add_x,   op::sub_x,   op::mul_x,       op::or_x,         op::and_x, op::xor_x, op::lsh_x,
      op::rsh_x,   op::lsh_k,   op::rsh_k,       op::neg,          op::div_k, op::and_k};
  Code code = {{op::ld_word, 0, 0, 16}, {op::tax, 0, 0, 0}, {op::ld_word, 0, 0, 24}};
  for (std::size_t i = 3 + pick(random, 20); i > 0; --i) {
    Instruction step{one_of(random, steps), 0, 0, 0};
    const bool shifts = step.code == op::lsh_k || step.code == op::rsh_k;
    if (step.code == op::ld_word) step.k = static_cast<std::uint32_t>(16 + 4 * pick(random, 12));
    if (shifts) step.k = static_cast<std::uint32_t>(pick(random, 32));
    if (step.code == op::div_k) step.k = static_cast<std::uint32_t>(1 + pick(random, 9));
    const bool shifts_by_x = step.code == op::lsh_x || step.code == op::rsh_x;
    if (shifts_by_x && arch_info(arch).target.shift_rule == ShiftRule::low6)
      code.push_back({op::ldx_constant, 0, 0, static_cast<std::uint32_t>(pick(random, 32))});
    if (step.k == 0 && !shifts) step.k = static_cast<std::uint32_t>(random_number(random, 32));
    code.push_back(step);
  }
  const Code end = {
      {op::and_k, 0, 0, 0xfff}, {op::or_k, 0, 0, deny(0).ret()}, {op::ret_a, 0, 0, 0}};
  code.insert(code.end(), end.begin(), end.end());
  std::vector<SeccompData> calls;
  for (std::size_t i = 0; i < 16; ++i) {
    SeccompData call{.nr = find_syscall(arch, "getpid")->number, .arch = arch_info(arch).audit};
    for (std::uint64_t& word : call.args)
      word =
          chance(random, 30) ? pick(random, 70) : random_number(random, arch_info(arch).word_bits);
    calls.push_back(call);
  }
  cases.add(code, calls);
}

/// A valid program with one instruction changed at random, which makes some invalid.
void add_dubious(Cases& cases, Random& random) {
  constexpr std::uint16_t codes[] = {
      op::ld_word, op::ld_length, op::ld_scratch, op::st,    op::ja, op::jeq_k, op::lsh_k,
      op::div_k,   op::div_x,     op::jset_x,     op::ret_k, 0x28,   0x30,      0x94};
  Code code;
  for (std::size_t i = 2 + pick(random, 6); i > 0; --i) {
    code.push_back({op::ld_word, 0, 0, static_cast<std::uint32_t>(4 * pick(random, 16))});
    code.push_back({op::jeq_k, static_cast<std::uint8_t>(pick(random, 2)), 0, 5});
    code.push_back({op::and_k, 0, 0, 7});
  }
  code.push_back({op::ret_k, 0, 0, deny(1).ret()});
  code.push_back({op::ret_k, 0, 0, deny(2).ret()});
  Instruction& step = code[pick(random, code.size())];
  step = {one_of(random, codes), static_cast<std::uint8_t>(pick(random, 9)),
          static_cast<std::uint8_t>(pick(random, 9)),
          static_cast<std::uint32_t>(pick(random, 2) == 0 ? pick(random, 80) : random())};
  cases.add(code, {});
}

int write_cases(Arch arch, std::size_t count, const char* path) {
  Random random(0x9e30);
  Cases cases(arch);
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 3 == 0 && !add_policy(cases, arch, random)) return 1;
    if (i % 3 == 1) add_arithmetic(cases, arch, random);
    if (i % 3 == 2) add_dubious(cases, random);
  }
  return cases.write(path) ? 0 : 1;
}

void print_numbers(Arch arch) {
  const bool is_mips = arch_info(arch).oci_name.starts_with("SCMP_ARCH_MIPS");
  std::printf("#define ABI \"%s\"\n", std::string(arch_info(arch).name).c_str());
  if (arch_info(arch).native != arch) std::printf("#define COMPAT\n");
  std::printf("#define CHILD_SIGNAL %d\n#define ANONYMOUS %#x\n", is_mips ? 18 : 17,
              is_mips ? 0x800 : 0x20);
  for (const std::string_view name : {"read", "write", "openat", "clone", "wait4", "mmap", "mmap2",
                                      "prctl", "seccomp", "execve", "reboot"}) {
    const Syscall* call = find_syscall(arch, name);
    if (call != nullptr) std::printf("#define NR_%s %u\n", std::string(name).c_str(), call->number);
  }
}

int usage() {
  std::fprintf(stderr, "usage: qemu_cases numbers ABI | qemu_cases cases ABI COUNT FILE\n");
  return 2;
}

int run(int count, char** words) {
  const auto arch = count > 2 ? find_arch(words[2]) : std::nullopt;
  if (!arch) return usage();
  if (count == 3 && std::string_view(words[1]) == "numbers") {
    print_numbers(*arch);
    return 0;
  }
  if (count != 5 || std::string_view(words[1]) != "cases") return usage();
  return write_cases(*arch, std::strtoul(words[3], nullptr, 10), words[4]);
}

}  // namespace
}  // namespace callgate::test

int main(int count, char** words) { return callgate::test::run(count, words); }
