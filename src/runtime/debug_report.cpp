// Text without allocation: what does not fit the buffer is written in pieces, at the ends of lines
// where it can be.
#include "runtime/debug_report.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "callgate/abi/constants.h"
#include "callgate/abi/syscalls.h"

namespace callgate::runtime {
namespace {

/// Collects text and writes it out when full. Small, since a handler may run on a small stack.
class Output {
 public:
  explicit Output(int fd) noexcept : fd_(fd) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { flush(); }

  Output& text(std::string_view piece) noexcept {
    for (const char c : piece) put(c);
    return *this;
  }
  /// Bytes that come from outside, a path say: no control characters.
  Output& quoted(std::string_view piece) noexcept {
    for (const char c : piece) put(static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c);
    return *this;
  }
  Output& decimal(std::uint64_t value) noexcept {
    std::array<char, 20> digits{};
    std::size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (count > 0) put(digits[--count]);
    return *this;
  }
  Output& hexadecimal(std::uint64_t value) noexcept {
    text("0x");
    int shift = 60;
    while (shift > 0 && value >> shift == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) put("0123456789abcdef"[value >> shift & 0xf]);
    return *this;
  }

 private:
  void put(char c) noexcept {
    if (size_ == buffer_.size()) flush();
    buffer_[size_++] = c;
  }
  /// Not by write(): that is a point of cancellation.
  void flush() noexcept {
    if (size_ != 0) ::syscall(SYS_write, fd_, buffer_.data(), size_);
    size_ = 0;
  }

  int fd_;
  std::size_t size_ = 0;
  std::array<char, 1024> buffer_;  // NOLINT(cppcoreguidelines-pro-type-member-init)
};

/// A parameter's value: decimal where it is signed, else hexadecimal, at the width that counts.
void put_value(Output& out, const Parameter& parameter, std::uint64_t word) noexcept {
  const unsigned unused = 64 - std::min<unsigned>(parameter.bits == 0 ? 64 : parameter.bits, 64);
  if (!parameter.is_signed) {
    out.hexadecimal(word << unused >> unused);
    return;
  }
  const auto value = static_cast<std::int64_t>(word << unused) >> unused;
  if (value < 0) out.text("-");
  out.decimal(value < 0 ? 0 - static_cast<std::uint64_t>(value)
                        : static_cast<std::uint64_t>(value));
}

void put_call(Output& out, const DenialReport& report) noexcept {
  const Syscall* call = find_syscall(native_arch(), report.number);
  if (call == nullptr) {
    out.text("call ").decimal(report.number);
  } else {
    out.text(call->name);
  }
  out.text("(");
  const bool is_known = call != nullptr && call->signature_known;
  std::string_view comma;
  for (std::size_t i = 0; !is_known && i < report.arguments.size(); ++i) {
    out.text(comma).hexadecimal(report.arguments[i]);
    comma = ", ";
  }
  if (is_known) {
    for (const Parameter& parameter : call->parameters) {
      out.text(comma).text(parameter.name).text("=");
      if (parameter.placement == Placement::word) {
        put_value(out, parameter, report.arguments[parameter.low]);
      } else {
        out.text("?");
      }
      comma = ", ";
    }
  }
  out.text(")");
}

void put_action(Output& out, const Action& action) noexcept {
  switch (action.kind) {
    case ActionKind::errno_: {
      const std::string_view name = errno_name(action.data);
      if (name.empty()) {
        out.text("errno ").decimal(action.data);
      } else {
        out.text(name);
      }
      return;
    }
    case ActionKind::trap: out.text("trap(").decimal(action.data).text(")"); return;
    case ActionKind::kill_thread: out.text("kill_thread"); return;
    default: out.text("kill_process"); return;
  }
}

void put_frame(Output& out, std::size_t index, std::uintptr_t address,
               const std::vector<Region>& regions) noexcept {
  out.text(index == 0 ? "  stack    #" : "           #")
      .decimal(index)
      .text(index < 10 ? "  " : " ");
  const Region* region = find_region(regions, address);
  if (region == nullptr || region->name.empty()) {
    out.hexadecimal(address).text(" (no module)\n");
    return;
  }
  const std::uintptr_t offset = address - region->first + region->file_offset;
  out.quoted(region->name).text("+").hexadecimal(offset).text("\n");
}

}  // namespace

void write_report(int fd, const DenialReport& report, const std::vector<Region>& regions) noexcept {
  Output out(fd);
  out.text("callgate: denied ");
  put_call(out, report);
  out.text(" = ");
  put_action(out, report.action);
  out.text("\n  rule     ").quoted(report.rule).text("\n");
  put_frame(out, 0, report.address, regions);
  for (std::size_t i = 0; i < report.frames.count; ++i)
    put_frame(out, i + 1, report.frames.addresses[i], regions);
}

}  // namespace callgate::runtime
