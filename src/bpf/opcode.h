// The opcodes of classic BPF that a seccomp program may hold, as <linux/bpf_common.h> composes
// them.
#pragma once

#include <cstdint>

namespace callgate::opcode {

enum : std::uint16_t {
  ld_word = 0x20,    ///< A = word of seccomp_data at offset k
  ld_length = 0x80,  ///< A = sizeof(struct seccomp_data)
  ld_constant = 0x00,
  ld_scratch = 0x60,  ///< A = M[k]
  ldx_length = 0x81,
  ldx_constant = 0x01,
  ldx_scratch = 0x61,
  st = 0x02,   ///< M[k] = A
  stx = 0x03,  ///< M[k] = X
  tax = 0x07,  ///< X = A
  txa = 0x87,  ///< A = X
  add_k = 0x04,
  add_x = 0x0c,
  sub_k = 0x14,
  sub_x = 0x1c,
  mul_k = 0x24,
  mul_x = 0x2c,
  div_k = 0x34,
  div_x = 0x3c,
  or_k = 0x44,
  or_x = 0x4c,
  and_k = 0x54,
  and_x = 0x5c,
  lsh_k = 0x64,
  lsh_x = 0x6c,
  rsh_k = 0x74,
  rsh_x = 0x7c,
  neg = 0x84,
  xor_k = 0xa4,
  xor_x = 0xac,
  ja = 0x05,  ///< forward by k
  jeq_k = 0x15,
  jeq_x = 0x1d,
  jgt_k = 0x25,
  jgt_x = 0x2d,
  jge_k = 0x35,
  jge_x = 0x3d,
  jset_k = 0x45,
  jset_x = 0x4d,
  ret_k = 0x06,
  ret_a = 0x16,
};

/// Classic BPF that bpf_check_classic knows and seccomp_check_filter does not.
enum : std::uint16_t {
  ld_half = 0x28,
  ld_byte = 0x30,  ///< packet loads of 16 and 8 bits
  ld_word_ind = 0x40,
  ld_half_ind = 0x48,
  ld_byte_ind = 0x50,  ///< at X + k
  ldx_header = 0xb1,   ///< 4 * (byte at k & 15)
  mod_k = 0x94,
  mod_x = 0x9c,
};

/// One of JEQ, JGT, JGE, JSET with K or X.
[[nodiscard]] constexpr bool is_conditional(std::uint16_t code) noexcept {
  switch (code) {
    case jeq_k:
    case jeq_x:
    case jgt_k:
    case jgt_x:
    case jge_k:
    case jge_x:
    case jset_k:
    case jset_x: return true;
    default: return false;
  }
}

}  // namespace callgate::opcode
