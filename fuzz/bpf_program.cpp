// Bytes as a raw filter: whatever is accepted runs to its end on any data and survives the way to
// text and back; what is not accepted survives that way too.
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "callgate/bpf/assembly.h"
#include "callgate/bpf/emulate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace callgate;
  if (size < 66) return 0;
  const Target target{(bytes[0] & 1) != 0 ? ByteOrder::big : ByteOrder::little,
                      (bytes[0] & 2) != 0 ? ShiftRule::low6 : ShiftRule::low5};
  SeccompData data;
  std::memcpy(&data, bytes + 1, 64);
  const std::string_view raw(reinterpret_cast<const char*>(bytes) + 65, (size - 65) / 8 * 8);
  const auto code = decode_instructions(raw, target.byte_order);
  if (!code) std::abort();
  if (encode_instructions(*code, target.byte_order) != raw) std::abort();
  const auto again = assemble(disassemble(*code, target), "fuzz");
  if (!again || again->instructions != *code || again->target != target) std::abort();
  const auto program = Program::from_bytes(raw, target);
  if (program.has_value() == find_refusal(*code).has_value()) std::abort();
  if (!program) return 0;
  const Trace traced = trace(*program, data);
  if (traced.result != emulate(*program, data) || traced.path.size() > program->size())
    std::abort();
  if (cache_status(*program, data.arch, data.nr).cached && traced.result != 0x7fff0000)
    std::abort();
  return converted_size(*program) > 32768 ? (std::abort(), 0) : 0;
}
