// Arguments for people: by the ABI's tables (flags, enumerations, widths) and, for paths, socket
// addresses, argument vectors and two structures, from the caller's memory.
//
// Known weakness: memory is read once, when the call is seen; a racing thread can change it before
// or after. It informs people and decides nothing.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "callgate/abi/constants.h"
#include "callgate/abi/syscalls.h"
#include "callgate/supervise/denial.h"
#include "supervise/escape.h"
#include "supervise/memory.h"

namespace callgate {
namespace {

using supervise::quote;
using supervise::read_memory;
using supervise::read_text;

constexpr std::size_t most_text = 4096;
constexpr std::size_t most_vector = 16;

/// Parameters that point at a text, by their name in the manual page.
constexpr std::array<std::string_view, 19> text_names = {
    "pathname", "path",          "filename",       "oldpath", "newpath", "target",      "linkpath",
    "oldname",  "newname",       "filesystemtype", "source",  "special", "specialfile", "swapfile",
    "name",     "from_pathname", "to_pathname",    "put_old", "new_root"};
constexpr std::int32_t current_directory = -100;  // AT_FDCWD
constexpr std::array<std::string_view, 3> directory_names = {"dirfd", "olddirfd", "newdirfd"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

struct Context {
  const SeccompData& data;
  Arch arch;
  const Syscall& call;
  pid_t thread;
  unsigned word_bytes;  ///< of a pointer in the caller's memory
};

std::string unreadable(std::uint64_t address) {
  return fmt::format("0x{:x} (memory cannot be read: {})", address, std::strerror(errno));
}

std::uint64_t word_of(std::string_view bytes, std::size_t offset, std::size_t width) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, width);
  return value;
}

std::string text_at(const Context& context, std::uint64_t address) {
  if (context.thread == 0) return fmt::format("0x{:x}", address);
  const auto text = read_text(context.thread, address, most_text);
  return text ? quote(*text) : unreadable(address);
}

std::string vector_at(const Context& context, std::uint64_t address) {
  if (context.thread == 0) return fmt::format("0x{:x}", address);
  const std::size_t width = context.word_bytes;
  std::string out = "[";
  for (std::size_t index = 0;; ++index) {
    const auto bytes = read_memory(context.thread, address + index * width, width);
    if (!bytes || bytes->size() < width) return index == 0 ? unreadable(address) : out + ", ...]";
    const std::uint64_t item = word_of(*bytes, 0, width);
    if (item == 0) return out + "]";
    if (index > 0) out += ", ";
    if (index == most_vector) return out + "...]";
    out += text_at(context, item);
  }
}

std::string unix_address(std::string_view bytes) {
  const std::string_view path = bytes.substr(offsetof(sockaddr_un, sun_path));
  if (path.empty()) return "AF_UNIX (unnamed)";
  if (path.front() == '\0') return "AF_UNIX @" + quote(path.substr(1));
  return "AF_UNIX " + quote(path.substr(0, path.find('\0')));
}

template <class Address>
std::optional<Address> address_as(std::string_view bytes) {
  if (bytes.size() < sizeof(Address)) return std::nullopt;
  Address address;
  std::memcpy(&address, bytes.data(), sizeof address);
  return address;
}

/// A socket address in words; none if the family is not one of those below.
std::optional<std::string> socket_address(std::string_view bytes) {
  if (bytes.size() < sizeof(sa_family_t)) return std::nullopt;
  char text[INET6_ADDRSTRLEN] = {};
  switch (word_of(bytes, 0, sizeof(sa_family_t))) {
    case AF_UNIX: return unix_address(bytes);
    case AF_INET:
      if (const auto in = address_as<sockaddr_in>(bytes)) {
        ::inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        return fmt::format("AF_INET {}:{}", text, ntohs(in->sin_port));
      }
      break;
    case AF_INET6:
      if (const auto in = address_as<sockaddr_in6>(bytes)) {
        ::inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
        return fmt::format("AF_INET6 [{}]:{}", text, ntohs(in->sin6_port));
      }
      break;
    case AF_NETLINK:
      if (const auto link = address_as<sockaddr_nl>(bytes)) {
        return fmt::format("AF_NETLINK pid {} groups 0x{:x}", link->nl_pid, link->nl_groups);
      }
      break;
    case AF_VSOCK:
      if (const auto host = address_as<sockaddr_vm>(bytes)) {
        return fmt::format("AF_VSOCK {}:{}", host->svm_cid, host->svm_port);
      }
      break;
    default: break;
  }
  return std::nullopt;
}

std::string address_at(const Context& context, std::uint64_t address, const Parameter& length) {
  const std::uint64_t size =
      std::min<std::uint64_t>(context.data.args[length.low] & 0xffffffff, sizeof(sockaddr_storage));
  if (context.thread == 0 || size == 0) return fmt::format("0x{:x}", address);
  const auto bytes = read_memory(context.thread, address, size);
  if (!bytes) return unreadable(address);
  return socket_address(*bytes).value_or(fmt::format(
      "family {}, {} bytes", word_of(*bytes, 0, std::min<std::size_t>(2, bytes->size())), size));
}

/// The members of a structure of 64-bit words (cl_args, open_how), which the tables list as the
/// parameters that are in memory.
std::string members_at(const Context& context, std::uint64_t address) {
  const auto bytes = read_memory(context.thread, address, 128);
  if (!bytes) return unreadable(address);
  std::string out = "{";
  std::size_t offset = 0;
  for (const Parameter& member : context.call.parameters) {
    if (member.placement != Placement::memory) continue;
    if (offset + 8 > bytes->size() || offset >= (context.data.args[1] & 0xffffffff) + 8) break;
    const std::uint64_t value = word_of(*bytes, offset, 8);
    offset += 8;
    if (value == 0) continue;
    if (out.size() > 1) out += ", ";
    out += fmt::format("{}={}", member.name,
                       member.constants != nullptr
                           ? format_value(context.arch, member.constants, value, 64, false)
                           : fmt::format("0x{:x}", value));
  }
  return out + "}";
}

/// The words of socketcall's second argument.
std::string words_at(const Context& context, std::uint64_t address) {
  const auto bytes = context.thread == 0 ? std::nullopt : read_memory(context.thread, address, 24);
  if (!bytes) return context.thread == 0 ? fmt::format("0x{:x}", address) : unreadable(address);
  std::string out = "[";
  for (std::size_t offset = 0; offset + 4 <= bytes->size(); offset += 4) {
    out += fmt::format("{}0x{:x}", offset == 0 ? "" : ", ", word_of(*bytes, offset, 4));
  }
  return out + "]";
}

std::string pointer_text(const Context& context, const Parameter& parameter, std::uint64_t value) {
  if (value == 0) return "NULL";
  if (is_one_of(parameter.name, text_names)) return text_at(context, value);
  if (parameter.name == "argv") return vector_at(context, value);
  const Parameter* length = find_parameter(context.call, "addrlen");
  if ((parameter.name == "addr" || parameter.name == "dest_addr") && length != nullptr &&
      length->kind == ParameterKind::integer) {
    return address_at(context, value, *length);
  }
  if ((parameter.name == "cl_args" || parameter.name == "how") && context.thread != 0) {
    return members_at(context, value);
  }
  if (context.call.name == "socketcall") return words_at(context, value);
  return fmt::format("0x{:x}", value);
}

std::string number_text(const Context& context, const Parameter& parameter, std::uint64_t value) {
  const unsigned bits = parameter.bits == 0 ? 64 : parameter.bits;
  const std::uint64_t cut = bits == 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
  if (parameter.low == 0) {
    for (const Multiplexed& carried : context.call.multiplexes) {
      if (carried.selector == cut) return std::string(carried.name);
    }
  }
  if (is_one_of(parameter.name, directory_names) &&
      static_cast<std::int32_t>(cut) == current_directory) {
    return "AT_FDCWD";
  }
  if (parameter.name == "mode") return cut == 0 ? "0" : fmt::format("0{:o}", cut);
  if (parameter.constants != nullptr) {
    return format_value(context.arch, parameter.constants, cut, bits, parameter.is_signed);
  }
  if (parameter.is_signed && bits == 32) return std::to_string(static_cast<std::int32_t>(cut));
  if (parameter.is_signed && bits == 64) return std::to_string(static_cast<std::int64_t>(cut));
  return cut < 1'000'000 ? std::to_string(cut) : fmt::format("0x{:x}", cut);
}

std::string parameter_text(const Context& context, const Parameter& parameter) {
  std::uint64_t value = context.data.args[parameter.low];
  if (arch_info(context.arch).word_bits == 32) value &= 0xffffffff;
  if (parameter.placement == Placement::word_pair) {
    value |= context.data.args[parameter.high] << 32;
  }
  return parameter.kind == ParameterKind::pointer ? pointer_text(context, parameter, value)
                                                  : number_text(context, parameter, value);
}

std::vector<DeniedArgument> raw_arguments(const SeccompData& data) {
  std::vector<DeniedArgument> arguments;
  for (std::size_t index = 0; index < data.args.size(); ++index) {
    arguments.push_back({fmt::format("arg{}", index), fmt::format("0x{:x}", data.args[index])});
  }
  return arguments;
}

}  // namespace

std::vector<DeniedArgument> decode_arguments(const SeccompData& data, pid_t thread) {
  const auto arch = classify(data.arch, data.nr);
  const Syscall* call = arch ? find_syscall(*arch, data.nr) : nullptr;
  if (call == nullptr || !call->signature_known) return raw_arguments(data);
  const bool is_narrow = arch_info(*arch).word_bits == 32 || *arch == Arch::x32;
  const Context context{data, *arch, *call, thread, is_narrow ? 4U : 8U};
  std::vector<DeniedArgument> arguments;
  for (const Parameter& parameter : call->parameters) {
    if (parameter.placement != Placement::word && parameter.placement != Placement::word_pair) {
      continue;
    }
    arguments.push_back({std::string(parameter.name), parameter_text(context, parameter)});
  }
  return arguments;
}

}  // namespace callgate
