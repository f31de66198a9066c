// What a signal's context holds of the call that was refused: x86-64 and aarch64.
#pragma once

#include <ucontext.h>

#include <array>
#include <cstdint>

namespace callgate::runtime {

#if defined(__x86_64__) && !defined(__ILP32__)

inline constexpr bool has_registers = true;

/// The six argument registers, as the call had them.
inline std::array<std::uint64_t, 6> arguments(const ucontext_t& context) noexcept {
  const auto& r = context.uc_mcontext.gregs;
  const auto at = [&](int index) noexcept { return static_cast<std::uint64_t>(r[index]); };
  return {at(REG_RDI), at(REG_RSI), at(REG_RDX), at(REG_R10), at(REG_R8), at(REG_R9)};
}
inline void set_result(ucontext_t& context, long result) noexcept {
  context.uc_mcontext.gregs[REG_RAX] = result;
}
inline std::uintptr_t stack_pointer(const ucontext_t& context) noexcept {
  return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
}

#elif defined(__aarch64__)

inline constexpr bool has_registers = true;

inline std::array<std::uint64_t, 6> arguments(const ucontext_t& context) noexcept {
  const auto& r = context.uc_mcontext.regs;
  return {r[0], r[1], r[2], r[3], r[4], r[5]};
}
inline void set_result(ucontext_t& context, long result) noexcept {
  context.uc_mcontext.regs[0] = static_cast<std::uint64_t>(result);
}
inline std::uintptr_t stack_pointer(const ucontext_t& context) noexcept {
  return context.uc_mcontext.sp;
}

#else

inline constexpr bool has_registers = false;

inline std::array<std::uint64_t, 6> arguments(const ucontext_t&) noexcept { return {}; }
inline void set_result(ucontext_t&, long) noexcept {}
inline std::uintptr_t stack_pointer(const ucontext_t&) noexcept { return 0; }

#endif

}  // namespace callgate::runtime
