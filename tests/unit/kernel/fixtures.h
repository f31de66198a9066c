// What the tests of src/kernel share: small programs and models.
#pragma once

#include "callgate/kernel/task_model.h"

namespace callgate::test {

inline constexpr std::uint32_t audit_x86_64 = 0xc000003e;
inline constexpr std::uint32_t audit_i386 = 0x40000003;
inline constexpr std::uint32_t audit_aarch64 = 0xc00000b7;
inline constexpr std::uint32_t audit_arm = 0x40000028;
inline constexpr Release newest{6, 18, 0};

/// A program that always returns that.
inline Program always(std::uint32_t ret) { return *Program::verify({{0x06, 0, 0, ret}}); }

inline UserFilter user(std::uint32_t ret) { return UserFilter::of(always(ret)); }

/// A filter of `size` instructions that allows everything.
inline UserFilter long_filter(std::size_t size) {
  return UserFilter::of(
      *Program::verify(std::vector<Instruction>(size, Instruction{0x06, 0, 0, 0x7fff0000})));
}

inline SeccompData call_of(std::uint32_t nr, std::uint32_t arch = audit_x86_64) {
  return {.nr = nr, .arch = arch};
}

/// A model with one privileged thread, number 0.
inline TaskModel privileged(Release release = newest, KernelConfig config = {}) {
  TaskModel model(KernelRelease(release, std::move(config)));
  model.start({.admin = true});
  return model;
}

/// The verdict of a lone thread whose only filter always returns that.
inline KernelVerdict lone(Release release, std::uint32_t ret, std::uint32_t flags = 0) {
  TaskModel model = privileged(release);
  if (flags != 0) {
    model.seccomp(0, uapi::set_mode_filter, flags, user(ret));
  } else {
    model.prctl(0, uapi::pr_set_seccomp, uapi::mode_filter, user(ret));
  }
  return model.verdict(0, call_of(39));
}

}  // namespace callgate::test
