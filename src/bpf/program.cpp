#include "callgate/bpf/program.h"

#include <array>
#include <cstdio>

namespace callgate {
namespace {

struct RefusalText {
  std::string_view name;
  std::string_view sentence;
};

/// Indexed by Refusal.
constexpr std::array<RefusalText, refusal_count> refusal_texts = {{
    {"empty", "a filter has at least one instruction"},
    {"too_long", "a filter has at most 4096 instructions"},
    {"unknown_opcode", "no such opcode in classic BPF"},
    {"not_for_seccomp", "seccomp does not take this opcode (packet loads, MOD)"},
    {"division_by_zero", "division by the constant 0"},
    {"shift_too_wide", "a shift by a constant is by 0 to 31"},
    {"scratch_out_of_range", "scratch memory is M[0] to M[15]"},
    {"scratch_uninitialised", "M[] is read where some path has not stored it"},
    {"jump_out_of_range", "a jump past the end"},
    {"last_not_return", "the last instruction is not a RET"},
    {"load_out_of_range", "a load past the 64 bytes of seccomp_data"},
    {"load_unaligned", "a load at an offset that is not a multiple of 4"},
}};

std::uint32_t load(std::string_view bytes, std::size_t at, std::size_t width, ByteOrder order) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    const std::size_t from = order == ByteOrder::big ? at + i : at + width - 1 - i;
    value = value << 8 | static_cast<unsigned char>(bytes[from]);
  }
  return value;
}

void store(std::string& bytes, std::uint32_t value, unsigned width, ByteOrder order) {
  for (unsigned i = 0; i < width; ++i) {
    const unsigned shift = 8 * (order == ByteOrder::big ? width - 1 - i : i);
    bytes.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

Error refusal_error(const RefusedAt& refused, std::span<const Instruction> code) {
  const RefusalText& text = refusal_texts[static_cast<std::size_t>(refused.reason)];
  if (refused.reason == Refusal::empty || refused.reason == Refusal::too_long)
    return Error("the kernel would refuse this filter: " + std::string(text.sentence));
  const Instruction& insn = code[refused.index];
  std::array<char, 64> shown{};
  std::snprintf(shown.data(), shown.size(), "code 0x%02x, jt %u, jf %u, k 0x%x",
                unsigned{insn.code}, unsigned{insn.jt}, unsigned{insn.jf}, insn.k);
  return Error("the kernel would refuse this filter: instruction " + std::to_string(refused.index) +
               " (" + shown.data() + "): " + std::string(text.sentence));
}

}  // namespace

std::string_view refusal_name(Refusal reason) noexcept {
  return refusal_texts[static_cast<std::size_t>(reason)].name;
}

Result<Program> Program::verify(std::vector<Instruction> instructions, Target target) {
  if (const auto refused = find_refusal(instructions))
    return fail(refusal_error(*refused, instructions));
  return Program(std::move(instructions), target);
}

Result<Program> Program::from_bytes(std::string_view bytes, Target target) {
  CALLGATE_TRY(std::vector<Instruction> code, decode_instructions(bytes, target.byte_order));
  return verify(std::move(code), target);
}

std::string Program::bytes() const { return encode_instructions(code_, target_.byte_order); }

Result<std::vector<Instruction>> decode_instructions(std::string_view bytes, ByteOrder order) {
  if (bytes.size() % sizeof(Instruction) != 0)
    return fail("a raw filter is a whole number of 8-byte instructions, but this has " +
                    std::to_string(bytes.size()) + " bytes",
                "is the file cut off, or not a raw filter?");
  std::vector<Instruction> code(bytes.size() / sizeof(Instruction));
  for (std::size_t i = 0; i < code.size(); ++i) {
    const std::size_t at = i * sizeof(Instruction);
    code[i] = {static_cast<std::uint16_t>(load(bytes, at, 2, order)),
               static_cast<std::uint8_t>(bytes[at + 2]), static_cast<std::uint8_t>(bytes[at + 3]),
               load(bytes, at + 4, 4, order)};
  }
  return code;
}

std::string encode_instructions(std::span<const Instruction> code, ByteOrder order) {
  std::string bytes;
  bytes.reserve(code.size() * sizeof(Instruction));
  for (const Instruction& insn : code) {
    store(bytes, insn.code, 2, order);
    store(bytes, insn.jt, 1, order);
    store(bytes, insn.jf, 1, order);
    store(bytes, insn.k, 4, order);
  }
  return bytes;
}

}  // namespace callgate
