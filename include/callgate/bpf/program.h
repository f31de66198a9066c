// Classic BPF programs that the kernel's seccomp would accept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/abi/arch.h"
#include "callgate/base/result.h"

namespace callgate {

/// One instruction, laid out as struct sock_filter of <linux/filter.h>.
struct Instruction {
  std::uint16_t code = 0;
  std::uint8_t jt = 0;
  std::uint8_t jf = 0;
  std::uint32_t k = 0;
  bool operator==(const Instruction&) const = default;
};
static_assert(sizeof(Instruction) == 8);

/// BPF_MAXINSNS of <linux/bpf_common.h>.
inline constexpr std::size_t max_instructions = 4096;

/// Why the kernel refuses a program (EINVAL unless said otherwise).
enum class Refusal : std::uint8_t {
  empty,                  ///< no instruction
  too_long,               ///< more than max_instructions
  unknown_opcode,         ///< not in bpf_check_classic's table
  not_for_seccomp,        ///< classic BPF, but not in seccomp_check_filter's list
  division_by_zero,       ///< DIV K with K == 0
  shift_too_wide,         ///< LSH or RSH by K >= 32
  scratch_out_of_range,   ///< M[k] with k >= 16
  scratch_uninitialised,  ///< M[k] read where some path has not stored it
  jump_out_of_range,      ///< a target past the end
  last_not_return,        ///< the last instruction is not a RET
  load_out_of_range,      ///< LD W ABS past seccomp_data
  load_unaligned,         ///< LD W ABS at an offset that is not a multiple of 4
};
inline constexpr std::size_t refusal_count = 12;
[[nodiscard]] std::string_view refusal_name(Refusal reason) noexcept;

/// The first reason that the kernel's checks meet, and where.
struct RefusedAt {
  Refusal reason;
  std::size_t index = 0;  ///< instruction
};

/// struct sock_filter[] as instructions, unchecked. A length that is no multiple of 8 is an error.
[[nodiscard]] Result<std::vector<Instruction>> decode_instructions(std::string_view bytes,
                                                                   ByteOrder order);
/// Instructions, valid or not, as struct sock_filter[].
[[nodiscard]] std::string encode_instructions(std::span<const Instruction> code, ByteOrder order);

/// A program that has passed our copy of the kernel's check (kernel/seccomp.c
/// seccomp_check_filter, net/core/filter.c bpf_check_classic). It can be built in no other way, so
/// holding one is the proof of that. Immutable; copying copies the instructions.
class Program {
 public:
  /// Checks and wraps; the error names the reason and the instruction.
  [[nodiscard]] static Result<Program> verify(std::vector<Instruction> instructions,
                                              Target target = {});
  /// From the bytes of struct sock_filter[] in the target's byte order. A length that is no
  /// multiple of 8 is an error.
  [[nodiscard]] static Result<Program> from_bytes(std::string_view bytes, Target target = {});

  [[nodiscard]] std::span<const Instruction> instructions() const noexcept { return code_; }
  [[nodiscard]] std::size_t size() const noexcept { return code_.size(); }
  [[nodiscard]] Target target() const noexcept { return target_; }
  /// struct sock_filter[] in the target's byte order.
  [[nodiscard]] std::string bytes() const;

  bool operator==(const Program&) const = default;

 private:
  Program(std::vector<Instruction> code, Target target) : code_(std::move(code)), target_(target) {}
  std::vector<Instruction> code_;
  Target target_;
};

/// The check alone: nothing if the kernel would accept the program.
[[nodiscard]] std::optional<RefusedAt> find_refusal(std::span<const Instruction> code) noexcept;

/// Size in converted eBPF instructions, as counted against the stack's limit of 32768
/// (bpf_convert_filter of net/core/filter.c; see src/bpf/cost.cpp for the rules).
[[nodiscard]] std::size_t converted_size(const Program& program) noexcept;

}  // namespace callgate
