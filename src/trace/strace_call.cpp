// Arguments as strace prints them (6.1). It prints them in the kernel's order, clone's by name; a
// number, or names that the tables know, give the bits that the kernel keeps of the parameter; a
// pointer that it looked behind is not null. All else is unknown: arguments that it leaves out, and
// what stands above the 32 bits of an int.
//
// Known weakness: a 64-bit parameter that some release of strace prints as an int would be taken
// for one whose high half is 0; negative numbers, where that is likely, give 32 bits alone.
#include "trace/strace_call.h"

#include <algorithm>

#include "callgate/abi/constants.h"
#include "callgate/formats/call.h"

namespace callgate::tracing {
namespace {

struct Shown {
  std::uint64_t value = 0;
  bool is_negative = false;
};

std::optional<Shown> number_or_name(Arch arch, const Parameter& parameter, std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text == "NULL") return Shown{};
  const char first = text.front();
  if ((first >= '0' && first <= '9') || first == '-') {
    const auto number = parse_integer(text);
    return number ? std::optional(Shown{*number, first == '-'}) : std::nullopt;
  }
  if (parameter.constants != nullptr) {
    const auto own = find_constant(arch, *parameter.constants, text);
    if (own) return Shown{*own, *own > 0xffffffff80000000};
  }
  const auto any = find_constant(arch, text);
  return any ? std::optional(Shown{*any, *any > 0xffffffff80000000}) : std::nullopt;
}

/// "_IOC(_IOC_READ|_IOC_WRITE, 0x54, 0x1, 0x4)" where numbers are as asm-generic/ioctl.h makes
/// them.
std::optional<std::uint64_t> ioctl_number(Arch arch, std::string_view text) {
  constexpr Arch generic[] = {Arch::x86_64, Arch::i386,        Arch::x32,  Arch::aarch64,
                              Arch::arm,    Arch::loongarch64, Arch::m68k, Arch::s390,
                              Arch::s390x,  Arch::riscv64};
  if (std::find(std::begin(generic), std::end(generic), arch) == std::end(generic))
    return std::nullopt;
  const auto call = parse_call_line(text);
  if (!call || call->arguments.size() != 4) return std::nullopt;
  std::uint64_t direction = 0;
  std::string_view names = call->arguments[0];
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find('|'));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    if (name == "_IOC_READ")
      direction |= 2;
    else if (name == "_IOC_WRITE")
      direction |= 1;
    else if (name != "_IOC_NONE")
      return std::nullopt;
  }
  const auto type = parse_integer(call->arguments[1]);
  const auto number = parse_integer(call->arguments[2]);
  const auto size = parse_integer(call->arguments[3]);
  if (!type || !number || !size || *type > 0xff || *number > 0xff || *size > 0x3fff)
    return std::nullopt;
  return direction << 30 | *size << 16 | *type << 8 | *number;
}

/// Names and numbers or-ed, "A or B" where both are the same.
std::optional<Shown> shown_value(Arch arch, const Parameter& parameter, std::string_view text) {
  if (const std::size_t either = text.find(" or "); either != std::string_view::npos) {
    const auto left = shown_value(arch, parameter, text.substr(0, either));
    const auto right = shown_value(arch, parameter, text.substr(either + 4));
    return left && right && left->value == right->value ? left : std::nullopt;
  }
  if (text.starts_with("_IOC(")) {
    const auto number = ioctl_number(arch, text);
    return number ? std::optional(Shown{*number}) : std::nullopt;
  }
  Shown all;
  for (;;) {
    const std::size_t bar = text.find('|');
    const auto one = number_or_name(arch, parameter, text.substr(0, bar));
    if (!one) return std::nullopt;
    all.value |= one->value;
    all.is_negative = all.is_negative || one->is_negative;
    if (bar == std::string_view::npos) return all;
    text.remove_prefix(bar + 1);
  }
}

/// What strace looked behind the pointer to show: a text, a structure, a list.
bool shows_memory(std::string_view text) {
  return text.starts_with('"') || text.starts_with('{') || text.starts_with('[') ||
         text.starts_with("@\"") || text.starts_with("~[");
}

void set_word(PartialCall& call, unsigned index, std::uint64_t value, Known known) {
  call.data.args[index] = value;
  call.args[index] = known;
}

void set_parameter(PartialCall& call, Arch arch, const Parameter& parameter,
                   std::string_view argument) {
  const bool in_words =
      parameter.placement == Placement::word || parameter.placement == Placement::word_pair;
  if (!in_words) return;
  if (shows_memory(argument)) {
    if (parameter.kind == ParameterKind::pointer && parameter.placement == Placement::word)
      set_word(call, parameter.low, 1, Known::not_null);
    return;
  }
  const auto shown = shown_value(arch, parameter, bare_argument(argument));
  if (!shown) return;
  if (parameter.placement == Placement::word_pair) {
    set_word(call, parameter.low, shown->value & 0xffffffff, Known::all);
    set_word(call, parameter.high, shown->value >> 32, Known::all);
    return;
  }
  const unsigned word_bits = arch_info(arch).word_bits;
  const unsigned bits = parameter.bits == 0 ? word_bits : parameter.bits;
  if (bits < 32) {
    set_word(call, parameter.low, shown->value & 0xffff, Known::low16);
  } else if (word_bits == 32) {
    set_word(call, parameter.low, shown->value & 0xffffffff, Known::all);
  } else if (bits < 64 || shown->is_negative) {
    set_word(call, parameter.low, shown->value & 0xffffffff, Known::low32);
  } else {
    set_word(call, parameter.low, shown->value, Known::all);
  }
}

/// Names that strace gives arguments of clone, where the manual page has others.
std::string_view manual_name(std::string_view name) {
  if (name == "child_stack") return "stack";
  if (name == "parent_tidptr") return "parent_tid";
  if (name == "child_tidptr") return "child_tid";
  return name;
}

/// "flags" of "flags=CLONE_VM"; empty where an argument has no name.
std::string_view name_of(std::string_view argument) {
  const std::size_t end = argument.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789");
  const bool is_named = end != std::string_view::npos && end > 0 && argument[end] == '=' &&
                        !argument.substr(end).starts_with("=>");
  return is_named ? argument.substr(0, end) : std::string_view();
}

}  // namespace

void set_arguments(PartialCall& call, Arch arch, const Syscall& syscall, const CallLine& line) {
  if (!syscall.signature_known) return;
  std::size_t position = 0;
  for (const std::string_view argument : line.arguments) {
    const std::string_view name = name_of(argument);
    const Parameter* parameter = nullptr;
    if (!name.empty()) {
      parameter = find_parameter(syscall, manual_name(name));
    } else if (position < syscall.parameters.size()) {
      parameter = &syscall.parameters[position++];
    }
    if (parameter == nullptr) continue;
    set_parameter(call, arch, *parameter, argument.substr(name.empty() ? 0 : name.size() + 1));
  }
}

}  // namespace callgate::tracing
