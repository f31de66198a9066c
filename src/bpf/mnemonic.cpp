#include "bpf/mnemonic.h"

#include <array>
#include <cstdio>

#include "bpf/opcode.h"

namespace callgate::bpf {
namespace {

namespace op = opcode;
using enum OperandKind;

constexpr std::array<Mnemonic, 41> table = {{
    {op::ld_word, "ld", data},
    {op::ld_length, "ld", length},
    {op::ld_constant, "ld", constant},
    {op::ld_scratch, "ld", scratch},
    {op::ldx_length, "ldx", length},
    {op::ldx_constant, "ldx", constant},
    {op::ldx_scratch, "ldx", scratch},
    {op::st, "st", scratch},
    {op::stx, "stx", scratch},
    {op::tax, "tax", none},
    {op::txa, "txa", none},
    {op::add_k, "add", constant},
    {op::add_x, "add", x},
    {op::sub_k, "sub", constant},
    {op::sub_x, "sub", x},
    {op::mul_k, "mul", constant},
    {op::mul_x, "mul", x},
    {op::div_k, "div", constant},
    {op::div_x, "div", x},
    {op::or_k, "or", constant},
    {op::or_x, "or", x},
    {op::and_k, "and", constant},
    {op::and_x, "and", x},
    {op::lsh_k, "lsh", constant},
    {op::lsh_x, "lsh", x},
    {op::rsh_k, "rsh", constant},
    {op::rsh_x, "rsh", x},
    {op::neg, "neg", none},
    {op::xor_k, "xor", constant},
    {op::xor_x, "xor", x},
    {op::ja, "jmp", label},
    {op::jeq_k, "jeq", constant, true},
    {op::jeq_x, "jeq", x, true},
    {op::jgt_k, "jgt", constant, true},
    {op::jgt_x, "jgt", x, true},
    {op::jge_k, "jge", constant, true},
    {op::jge_x, "jge", x, true},
    {op::jset_k, "jset", constant, true},
    {op::jset_x, "jset", x, true},
    {op::ret_k, "ret", constant},
    {op::ret_a, "ret", a},
}};

// Machine numbers of <linux/elf-em.h> with the 64-bit (0x80000000), little-endian (0x40000000) and
// MIPS n32 (0x20000000) bits of <linux/audit.h>, Linux 6.12.
constexpr std::array<AuditName, 46> audit_table = {{
    {"AUDIT_ARCH_AARCH64", 0xc00000b7},     {"AUDIT_ARCH_ALPHA", 0xc0009026},
    {"AUDIT_ARCH_ARCOMPACT", 0x4000005d},   {"AUDIT_ARCH_ARCOMPACTBE", 0x0000005d},
    {"AUDIT_ARCH_ARCV2", 0x400000c3},       {"AUDIT_ARCH_ARCV2BE", 0x000000c3},
    {"AUDIT_ARCH_ARM", 0x40000028},         {"AUDIT_ARCH_ARMEB", 0x00000028},
    {"AUDIT_ARCH_C6X", 0x4000008c},         {"AUDIT_ARCH_C6XBE", 0x0000008c},
    {"AUDIT_ARCH_CRIS", 0x4000004c},        {"AUDIT_ARCH_CSKY", 0x400000fc},
    {"AUDIT_ARCH_FRV", 0x00005441},         {"AUDIT_ARCH_H8300", 0x0000002e},
    {"AUDIT_ARCH_HEXAGON", 0x000000a4},     {"AUDIT_ARCH_I386", 0x40000003},
    {"AUDIT_ARCH_IA64", 0xc0000032},        {"AUDIT_ARCH_LOONGARCH32", 0x40000102},
    {"AUDIT_ARCH_LOONGARCH64", 0xc0000102}, {"AUDIT_ARCH_M32R", 0x00000058},
    {"AUDIT_ARCH_M68K", 0x00000004},        {"AUDIT_ARCH_MICROBLAZE", 0x000000bd},
    {"AUDIT_ARCH_MIPS", 0x00000008},        {"AUDIT_ARCH_MIPS64", 0x80000008},
    {"AUDIT_ARCH_MIPS64N32", 0xa0000008},   {"AUDIT_ARCH_MIPSEL", 0x40000008},
    {"AUDIT_ARCH_MIPSEL64", 0xc0000008},    {"AUDIT_ARCH_MIPSEL64N32", 0xe0000008},
    {"AUDIT_ARCH_NDS32", 0x400000a7},       {"AUDIT_ARCH_NDS32BE", 0x000000a7},
    {"AUDIT_ARCH_NIOS2", 0x40000071},       {"AUDIT_ARCH_OPENRISC", 0x0000005c},
    {"AUDIT_ARCH_PARISC", 0x0000000f},      {"AUDIT_ARCH_PARISC64", 0x8000000f},
    {"AUDIT_ARCH_PPC", 0x00000014},         {"AUDIT_ARCH_PPC64", 0x80000015},
    {"AUDIT_ARCH_PPC64LE", 0xc0000015},     {"AUDIT_ARCH_RISCV32", 0x400000f3},
    {"AUDIT_ARCH_RISCV64", 0xc00000f3},     {"AUDIT_ARCH_S390", 0x00000016},
    {"AUDIT_ARCH_S390X", 0x80000016},       {"AUDIT_ARCH_SH", 0x0000002a},
    {"AUDIT_ARCH_SHEL", 0x4000002a},        {"AUDIT_ARCH_SPARC", 0x00000002},
    {"AUDIT_ARCH_SPARC64", 0x8000002b},     {"AUDIT_ARCH_X86_64", 0xc000003e},
}};

constexpr std::array<ActionName, 8> action_table = {{
    {"kill_process", 0x80000000, false},
    {"kill_thread", 0x00000000, false},
    {"trap", 0x00030000, true},
    {"errno", 0x00050000, true},
    {"notify", 0x7fc00000, false},
    {"trace", 0x7ff00000, true},
    {"log", 0x7ffc0000, false},
    {"allow", 0x7fff0000, false},
}};

constexpr bool uses_k(OperandKind operand) noexcept {
  return operand == data || operand == constant || operand == scratch || operand == label;
}

}  // namespace

std::span<const Mnemonic> mnemonics() noexcept { return table; }
std::span<const AuditName> audit_names() noexcept { return audit_table; }
std::span<const ActionName> action_names() noexcept { return action_table; }

const Mnemonic* find_mnemonic(std::uint16_t code) noexcept {
  for (const Mnemonic& row : table) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

const Mnemonic* find_mnemonic(std::string_view name, OperandKind operand) noexcept {
  for (const Mnemonic& row : table) {
    if (row.name == name && row.operand == operand) return &row;
  }
  return nullptr;
}

bool is_plain(const Instruction& insn, const Mnemonic& mnemonic) noexcept {
  return (mnemonic.has_arms || (insn.jt == 0 && insn.jf == 0)) &&
         (uses_k(mnemonic.operand) || insn.k == 0);
}

std::string data_name(std::uint32_t offset, ByteOrder order) {
  if (offset % 4 != 0 || offset >= 64) return "[" + std::to_string(offset) + "]";
  const std::uint32_t word = offset / 4;
  if (word == 0) return "nr";
  if (word == 1) return "arch";
  const bool is_low = (word % 2 == 0) == (order == ByteOrder::little);
  const std::string base = word < 4 ? "ip" : "args[" + std::to_string((word - 4) / 2) + "]";
  return base + (is_low ? ".lo" : ".hi");
}

std::string_view audit_name(std::uint32_t value) noexcept {
  for (const AuditName& row : audit_table) {
    if (row.value == value) return row.name;
  }
  return {};
}

std::string number_text(std::uint32_t value) {
  std::array<char, 16> shown{};
  std::snprintf(shown.data(), shown.size(), value < 10 ? "%u" : "0x%x", value);
  return shown.data();
}

}  // namespace callgate::bpf
