// What a program returns for one system call.
#pragma once

#include <array>
#include <optional>

#include "callgate/abi/seccomp_data.h"
#include "callgate/bpf/program.h"

namespace callgate {

/// The 32-bit words of seccomp_data a program can load: nr, arch, then the halves of ip and args in
/// memory order of the target.
inline constexpr unsigned seccomp_data_words = 16;
/// Word `index` (byte offset 4 * index) of `data` as a machine of that byte order lays it out.
[[nodiscard]] std::uint32_t word_at(const SeccompData& data, unsigned index,
                                    ByteOrder order) noexcept;

/// The value that the program returns: what BPF computes, before the kernel acts on it (that is
/// src/kernel's part). DIV by X == 0 ends the program with 0.
[[nodiscard]] std::uint32_t emulate(const Program& program, const SeccompData& data) noexcept;

/// The same, with the index of every instruction that ran, in order.
struct Trace {
  std::uint32_t result = 0;
  std::vector<std::uint16_t> path;
};
[[nodiscard]] Trace trace(const Program& program, const SeccompData& data);

/// Where a program stands after the instructions that look at the number and the ABI alone.
struct Resume {
  std::uint16_t pc = 0;  ///< the next instruction
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::array<std::uint32_t, 16> memory{};
};
/// How a program begins for every call of one number: it is run up to its first load of anything
/// else, once, and not for each call.
struct Prefix {
  std::optional<std::uint32_t> constant;  ///< what it returns, where it ends without such a load
  Resume resume;                          ///< where it goes on, else
};
[[nodiscard]] Prefix prefix_of(const Program& program, std::uint32_t audit,
                               std::uint32_t nr) noexcept;
/// emulate() for a call of the number and ABI whose prefix that is.
[[nodiscard]] std::uint32_t emulate_from(const Program& program, const Resume& resume,
                                         const SeccompData& data) noexcept;

/// Why a call number is, or is not, allowed without running the filter: the kernel's
/// constant-action bitmap (seccomp_is_const_allow of kernel/seccomp.c, 5.11 and later).
struct CacheStatus {
  bool cached = false;
  std::size_t stopped_at = 0;  ///< instruction at which the kernel's emulation decided or gave up
  std::size_t steps = 0;       ///< instructions emulated at load for this number
};
[[nodiscard]] CacheStatus cache_status(const Program& program, std::uint32_t audit,
                                       std::uint32_t nr) noexcept;

}  // namespace callgate
