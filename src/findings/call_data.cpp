// Calls put together from parameters.
#include "findings/rules.h"

namespace callgate::findings {

SeccompData call_of(Arch arch, const Syscall& call) {
  return {.nr = call.number, .arch = arch_info(arch).audit};
}

bool set_parameter(SeccompData& data, const Parameter& parameter, std::uint64_t value) {
  value &= low_ones(parameter.bits);
  if (parameter.placement == Placement::word) {
    data.args[parameter.low] = value;
    return true;
  }
  if (parameter.placement != Placement::word_pair) return false;
  data.args[parameter.low] = value & 0xffffffff;
  data.args[parameter.high] = value >> 32;
  return true;
}

std::optional<std::uint64_t> parameter_of(const SeccompData& data, const Parameter& parameter) {
  if (parameter.placement == Placement::word)
    return data.args[parameter.low] & low_ones(parameter.bits);
  if (parameter.placement == Placement::word_pair)
    return (data.args[parameter.low] & 0xffffffff) | data.args[parameter.high] << 32;
  return std::nullopt;
}

}  // namespace callgate::findings
