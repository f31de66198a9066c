// The words of the assembler's language, shared by both of its directions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "callgate/bpf/program.h"

namespace callgate::bpf {

/// What stands after a mnemonic.
enum class OperandKind : std::uint8_t { none, data, length, constant, scratch, x, a, label };

/// How one opcode is written.
struct Mnemonic {
  std::uint16_t code;
  std::string_view name;
  OperandKind operand;
  bool has_arms = false;  ///< two labels follow: where to go if true, if false
};

/// Null for an opcode that has no mnemonic.
[[nodiscard]] const Mnemonic* find_mnemonic(std::uint16_t code) noexcept;
/// Null if the name does not take that operand.
[[nodiscard]] const Mnemonic* find_mnemonic(std::string_view name, OperandKind operand) noexcept;
[[nodiscard]] std::span<const Mnemonic> mnemonics() noexcept;

/// True if every field that the opcode ignores is 0: only then is the mnemonic the whole truth.
[[nodiscard]] bool is_plain(const Instruction& insn, const Mnemonic& mnemonic) noexcept;

/// "nr", "args[2].hi": the word of seccomp_data at a byte offset; "[63]" for any other offset.
[[nodiscard]] std::string data_name(std::uint32_t offset, ByteOrder order);

struct AuditName {
  std::string_view name;  ///< AUDIT_ARCH_* of <linux/audit.h>
  std::uint32_t value;
};
[[nodiscard]] std::span<const AuditName> audit_names() noexcept;
/// Empty if unknown.
[[nodiscard]] std::string_view audit_name(std::uint32_t value) noexcept;

/// One SECCOMP_RET_* and whether data may be written behind it.
struct ActionName {
  std::string_view name;
  std::uint32_t value;
  bool takes_data;
};
[[nodiscard]] std::span<const ActionName> action_names() noexcept;

/// Decimal below 10, else hexadecimal.
[[nodiscard]] std::string number_text(std::uint32_t value);

}  // namespace callgate::bpf
