// Unwinding by call frame information with elfutils' libdwfl, which reads .eh_frame, so that it
// needs no debug information; names from symbol tables, lines from DWARF where it exists. The frame
// that the C library calls with the address that _start handed over is named main even in a
// stripped program.
//
// Known weakness: code without call frame information (JIT compilers, hand-written assembly) ends
// the walk or is passed by frame pointers, as libdwfl can. Where the very call stands in such code
// (glibc's clone3 ends its information before the call), the walk goes on at the address on top of
// the stack, if that is code: so it is for a function that has pushed nothing.
#include "supervise/stack.h"

#if CALLGATE_WITH_DW

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "supervise/injector.h"
#include "supervise/memory.h"

namespace callgate::supervise {
namespace {

constexpr std::size_t most_frames = 256;

struct RawFrame {
  Dwarf_Addr pc = 0;
  bool is_activation = false;  ///< pc is where it stands, not where it returns to
};

struct EndDwfl {
  void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
};
using Session = std::unique_ptr<Dwfl, EndDwfl>;

char* no_debug_path = nullptr;
const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
    .debuginfo_path = &no_debug_path,
};

/// A session that knows the process's objects.
Session open_session(pid_t process) {
  Session session(dwfl_begin(&callbacks));
  if (session == nullptr || dwfl_linux_proc_report(session.get(), process) != 0 ||
      dwfl_report_end(session.get(), nullptr, nullptr) != 0) {
    return nullptr;
  }
  return session;
}

/// The registers of a thread's caller, for a walk that begins there; in DWARF's order for x86-64.
struct Caller {
  pid_t process = 0;
  pid_t thread = 0;
  std::array<Dwarf_Word, 17> registers{};
};

pid_t next_thread(Dwfl*, void* caller, void** argument) {
  if (*argument != nullptr) return 0;
  *argument = caller;
  return static_cast<Caller*>(caller)->thread;
}

bool get_thread(Dwfl*, pid_t, void* caller, void** argument) {
  *argument = caller;
  return true;
}

bool read_word(Dwfl*, Dwarf_Addr address, Dwarf_Word* word, void* caller) {
  const auto bytes = read_memory(static_cast<Caller*>(caller)->process, address, sizeof *word);
  if (!bytes || bytes->size() != sizeof *word) return false;
  std::memcpy(word, bytes->data(), sizeof *word);
  return true;
}

bool set_registers(Dwfl_Thread* thread, void* argument) {
  const auto& registers = static_cast<const Caller*>(argument)->registers;
  return dwfl_thread_state_registers(thread, 0, static_cast<unsigned>(registers.size()),
                                     registers.data());
}

const Dwfl_Thread_Callbacks caller_callbacks = {
    .next_thread = next_thread,
    .get_thread = get_thread,
    .memory_read = read_word,
    .set_initial_registers = set_registers,
    .detach = nullptr,
    .thread_detach = nullptr,
};

int add_frame(Dwfl_Frame* frame, void* out) {
  auto& frames = *static_cast<std::vector<RawFrame>*>(out);
  RawFrame raw;
  if (!dwfl_frame_pc(frame, &raw.pc, &raw.is_activation)) return DWARF_CB_ABORT;
  frames.push_back(raw);
  return frames.size() < most_frames ? DWARF_CB_OK : DWARF_CB_ABORT;
}

#if defined(__x86_64__)
/// Who called the function that stands at its own beginning, as far as its stack goes.
std::optional<Caller> caller_of(Dwfl* session, pid_t process, pid_t thread) {
  constexpr unsigned long code_segment_64 = 0x33;
  user_regs_struct now{};
  if (::ptrace(PTRACE_GETREGS, thread, nullptr, &now) < 0 || now.cs != code_segment_64) {
    return std::nullopt;
  }
  Caller caller{.process = process, .thread = thread};
  Dwarf_Word back = 0;
  if (!read_word(nullptr, now.rsp, &back, &caller)) return std::nullopt;
  if (back == 0 || dwfl_addrmodule(session, back - 1) == nullptr) return std::nullopt;
  caller.registers = {now.rax, now.rdx,     now.rcx, now.rbx, now.rsi, now.rdi,
                      now.rbp, now.rsp + 8, now.r8,  now.r9,  now.r10, now.r11,
                      now.r12, now.r13,     now.r14, now.r15, back};
  return caller;
}
#else
std::optional<Caller> caller_of(Dwfl*, pid_t, pid_t) { return std::nullopt; }
#endif

/// A walk that ended where it began goes on from the caller.
void go_on_from_caller(Dwfl* known, pid_t process, pid_t thread, std::vector<RawFrame>& frames) {
  std::optional<Caller> caller = caller_of(known, process, thread);
  if (!caller) return;
  const Session session = open_session(process);
  if (session == nullptr ||
      !dwfl_attach_state(session.get(), nullptr, process, &caller_callbacks, &*caller)) {
    return;
  }
  const std::size_t first = frames.size();
  dwfl_getthread_frames(session.get(), thread, add_frame, &frames);
  if (frames.size() > first) frames[first].is_activation = false;
}

/// Where _start stands and what it loads into the first argument of __libc_start_main: "lea
/// main(%rip), %rdi" or "mov $main, %rdi", as gcc's Scrt1.o and crt1.o for x86-64 have it.
struct Beginning {
  Dwarf_Addr entry = 0;
  Dwarf_Addr main = 0;
};
constexpr std::size_t start_size = 48;

std::optional<Beginning> beginning_of(pid_t process) {
  const auto entry = entry_point(process, false);
  if (!entry) return std::nullopt;
  const auto code = read_memory(process, *entry, start_size);
  if (!code) return std::nullopt;
  for (std::size_t at = 0; at + 7 <= code->size(); ++at) {
    std::int32_t value = 0;
    std::memcpy(&value, code->data() + at + 3, sizeof value);
    const auto wide = static_cast<Dwarf_Addr>(static_cast<std::int64_t>(value));
    if (code->compare(at, 3, "\x48\x8d\x3d") == 0) return Beginning{*entry, *entry + at + 7 + wide};
    if (code->compare(at, 3, "\x48\xc7\xc7") == 0) return Beginning{*entry, wide};
  }
  return std::nullopt;
}

/// Names main and _start in a stripped program: _start is the outermost frame, main the next one
/// that is not the C library's.
void name_beginning(StackTrace& trace, const Beginning& beginning) {
  if (trace.frames.empty()) return;
  StackFrame& last = trace.frames.back();
  if (last.address < beginning.entry || last.address >= beginning.entry + start_size) return;
  if (last.function.empty()) {
    last.function = "_start";
    last.offset = last.address - beginning.entry;
  }
  const auto found =
      std::find_if(trace.frames.rbegin() + 1, trace.frames.rend(), [&](const StackFrame& frame) {
        return frame.object.find("/libc.so") == std::string::npos &&
               frame.function.find("libc_start") == std::string::npos;
      });
  if (found == trace.frames.rend()) return;
  StackFrame& frame = *found;
  if (frame.function.empty() && frame.object == last.object && frame.address > beginning.main) {
    frame.function = "main";
    frame.offset = frame.address - beginning.main;
  } else if (!frame.function.empty() && frame.function != "main" &&
             frame.address - frame.offset != beginning.main) {
    trace.note = "main itself left by a jump to " + frame.function + " (tail call)";
  }
}

void name_line(Dwfl_Module* module, Dwarf_Addr address, StackFrame& frame) {
  Dwfl_Line* line = dwfl_module_getsrc(module, address);
  int number = 0;
  const char* file =
      line == nullptr ? nullptr : dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr);
  if (file == nullptr) return;
  frame.file = file;
  frame.line = static_cast<std::uint32_t>(number);
}

StackFrame describe(Dwfl* session, const RawFrame& raw) {
  StackFrame frame;
  frame.address = raw.pc;
  // A return address may be one past the end of the calling function.
  const Dwarf_Addr address = raw.is_activation ? raw.pc : raw.pc - 1;
  Dwfl_Module* module = dwfl_addrmodule(session, address);
  if (module == nullptr) return frame;
  Dwarf_Addr load = 0;
  const char* file = nullptr;
  const char* name =
      dwfl_module_info(module, nullptr, &load, nullptr, nullptr, nullptr, &file, nullptr);
  frame.object = file != nullptr ? file : name;
  if (frame.object.starts_with("[vdso")) frame.object = "[vdso]";
  frame.offset = raw.pc - load;
  GElf_Off offset = 0;
  GElf_Sym symbol;
  const char* function =
      dwfl_module_addrinfo(module, address, &offset, &symbol, nullptr, nullptr, nullptr);
  if (function != nullptr) {
    frame.function = function;
    frame.offset = raw.pc - (address - offset);
  }
  name_line(module, address, frame);
  return frame;
}

std::string note_for(const StackTrace& trace, int error) {
  if (trace.frames.empty()) return "no stack: " + std::string(dwfl_errmsg(error));
  if (trace.frames.size() >= most_frames) {
    return "only the innermost " + std::to_string(most_frames) + " frames";
  }
  if (trace.frames.back().object.empty()) {
    return "ends in code that belongs to no object and has no unwind information (JIT?)";
  }
  return {};
}

}  // namespace

StackTrace take_stack(pid_t process, pid_t thread) {
  StackTrace trace;
  const Session session = open_session(process);
  if (session == nullptr || dwfl_linux_proc_attach(session.get(), process, true) != 0) {
    trace.note = "no stack: the process's objects cannot be read";
    return trace;
  }
  std::vector<RawFrame> frames;
  const int status = dwfl_getthread_frames(session.get(), thread, add_frame, &frames);
  const int error = status == -1 ? dwfl_errno() : 0;
  if (frames.size() == 1) go_on_from_caller(session.get(), process, thread, frames);
  for (const RawFrame& raw : frames) trace.frames.push_back(describe(session.get(), raw));
  trace.note = note_for(trace, error);
  if (const auto beginning = beginning_of(process)) name_beginning(trace, *beginning);
  return trace;
}

}  // namespace callgate::supervise

#else

namespace callgate::supervise {

StackTrace take_stack(pid_t, pid_t) {
  return {{}, "no stack: this callgate was built without libdw"};
}

}  // namespace callgate::supervise

#endif
