// strace's output, line by line: what is unfinished waits, by thread, for its other half; the ABI
// of a thread is the one that strace announces.
//
// What is no call of the tables is counted under its name and never dropped: who replays the trace
// cannot tell what a policy would have made of it.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "trace/line_reader.h"
#include "trace/readers.h"
#include "trace/strace_call.h"
#include "trace/strace_line.h"

namespace callgate::tracing {
namespace {

/// Lines at the start of which one at least has to be strace's.
constexpr std::uint64_t proving_lines = 50;
constexpr std::size_t most_unfinished = 100'000;
constexpr std::size_t most_kinds = 1'000;

/// A call whose end has not been seen.
struct Unfinished {
  std::string text;
  LinePrefix prefix;
  std::uint64_t line = 0;
};

class StraceReader final : public LineReader {
 public:
  StraceReader(Input input, const TraceOptions& options)
      : LineReader(std::move(input)), native_(options.arch) {}

  TraceForm form() const noexcept override { return TraceForm::strace; }

 private:
  Result<void> next_line() override {
    CALLGATE_TRY(const auto line, input_.line());
    if (!line) return finish();
    std::string_view rest = *line;
    while (!rest.empty() && (rest.back() == ' ' || rest.back() == '\r')) rest.remove_suffix(1);
    if (rest.empty()) return {};
    const LinePrefix prefix = take_prefix(rest);
    const LineKind kind = kind_of_line(rest);
    if (kind != LineKind::unknown) proven_ = true;
    switch (kind) {
      case LineKind::call: call(rest, prefix, input_.line_number()); break;
      case LineKind::unfinished: return begin(rest, prefix);
      case LineKind::resumed: resume(rest, prefix); break;
      case LineKind::ended: give_up(prefix.thread); break;
      case LineKind::mode: set_mode(rest); break;
      case LineKind::nothing: break;
      case LineKind::unknown: unreadable(input_.line_number()); break;
    }
    if (!proven_ && input_.line_number() >= proving_lines) {
      return fail(Error(input_.name() + ": no trace: none of its first 50 lines is one of strace's",
                        "docs/replay.md describes the forms"));
    }
    return {};
  }

  /// Threads that never came back.
  Result<void> finish() {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> left;
    for (const auto& [thread, unfinished] : unfinished_) left.emplace_back(unfinished.line, thread);
    std::sort(left.begin(), left.end());
    for (const auto& [line, thread] : left) give_up(thread);
    done_ = true;
    if (!proven_) return fail(Error(input_.name() + ": no trace: no line is one of strace's"));
    end_.offset = input_.offset();
    return {};
  }

  void not_a_call(std::string what, std::uint64_t line = 0) {
    if (unread_.size() >= most_kinds && unread_.find(what) == unread_.end()) what = "others";
    UnreadLine& unread = unread_[what];
    ++unread.times;
    if (unread.first_line == 0) unread.first_line = line != 0 ? line : input_.line_number();
  }

  /// A line that is no call; the last one without its newline was cut.
  void unreadable(std::uint64_t line) {
    if (input_.line_was_whole()) return not_a_call("lines that are none of strace's", line);
    end_ = {.whole = false, .offset = input_.offset(), .what = "the last line is cut"};
  }

  Arch arch_of(std::uint32_t thread) const {
    const auto found = modes_.find(thread);
    if (found != modes_.end()) return found->second;
    return thread == 0 ? last_mode_.value_or(native_) : native_;
  }

  /// "[ Process PID=7 runs in 32 bit mode. ]"
  void set_mode(std::string_view line) {
    std::uint32_t thread = 0;
    const std::string_view digits = line.substr(std::string_view("[ Process PID=").size());
    std::from_chars(digits.data(), digits.data() + digits.size(), thread);
    const auto says = [&](std::string_view mode) {
      return digits.find(mode) != std::string_view::npos;
    };
    const bool is_x32 = says(" x32 mode");
    const bool is_narrow = says(" 32 bit mode") || says(" 31 bit mode");
    last_mode_ = native_;
    for (const Arch arch : all_arches) {
      const ArchInfo& info = arch_info(arch);
      const bool fits = is_x32 ? arch == Arch::x32 : is_narrow && info.word_bits == 32;
      if (info.native == native_ && fits) last_mode_ = arch;
    }
    if (!is_x32 && !is_narrow && !says(" 64 bit mode"))
      not_a_call("a mode of a process that is not known");
    if (modes_.size() < most_unfinished) modes_[thread] = *last_mode_;
  }

  Result<void> begin(std::string_view line, const LinePrefix& prefix) {
    give_up(prefix.thread);
    if (unfinished_.size() >= most_unfinished) {
      return fail(input_.error_in_line("more than 100000 unfinished calls at once"));
    }
    line = line.substr(0, line.rfind('<'));
    unfinished_[prefix.thread] = {std::string(line), prefix, input_.line_number()};
    return {};
  }

  void resume(std::string_view line, const LinePrefix& prefix) {
    const auto found = unfinished_.find(prefix.thread);
    const std::size_t end = line.find(" resumed>");
    if (found == unfinished_.end() || end == std::string_view::npos) {
      return not_a_call("ends of calls whose beginning is missing");
    }
    const Unfinished first = std::move(found->second);
    unfinished_.erase(found);
    std::string whole = first.text;
    while (!whole.empty() && whole.back() == ' ') whole.pop_back();
    whole += line.substr(end + std::string_view(" resumed>").size());
    call(whole, first.prefix, first.line);
  }

  /// A call that never came back is told with what was seen of it.
  void give_up(std::uint32_t thread) {
    const auto found = unfinished_.find(thread);
    if (found == unfinished_.end()) return;
    const Unfinished first = std::move(found->second);
    unfinished_.erase(found);
    call(first.text, first.prefix, first.line, false);
  }

  void call(std::string_view text, const LinePrefix& prefix, std::uint64_t line,
            bool must_be_closed = true) {
    const auto parsed = parse_call_line(text);
    if (!parsed || (must_be_closed && !parsed->is_closed)) {
      return unreadable(line);
    }
    const Arch arch = arch_of(prefix.thread);
    const auto* syscall = find_call(arch, prefix, parsed->name, line);
    if (syscall == nullptr && !number_of(arch, prefix, parsed->name)) return;
    PartialCall made;
    made.args.fill(Known::nothing);
    made.instruction_pointer = prefix.ip ? Known::all : Known::nothing;
    made.data.instruction_pointer = prefix.ip.value_or(0);
    made.data.arch = arch_info(arch).audit;
    made.data.nr = syscall != nullptr ? syscall->number : *number_of(arch, prefix, parsed->name);
    if (syscall != nullptr && syscall->name == parsed->name) {
      set_arguments(made, arch, *syscall, *parsed);
    } else if (syscall != nullptr) {
      set_selector(made, *syscall, parsed->name);
    }
    builder_.add(made, prefix.thread, prefix.time, 1, line);
  }

  /// "syscall_0x1ff", or what -n says.
  static std::optional<std::uint32_t> number_of(Arch arch, const LinePrefix& prefix,
                                                std::string_view name) {
    const std::uint32_t flag = arch_info(arch).number_flag;
    if (prefix.number) return *prefix.number | flag;
    constexpr std::string_view start = "syscall_0x";
    std::uint32_t number = 0;
    if (!name.starts_with(start)) return std::nullopt;
    const char* end = name.data() + name.size();
    const auto [at, error] = std::from_chars(name.data() + start.size(), end, number, 16);
    return error == std::errc{} && at == end ? std::optional(number | flag) : std::nullopt;
  }

  /// The call of the tables; null where there is none or the name does not tell which.
  const Syscall* find_call(Arch arch, const LinePrefix& prefix, std::string_view name,
                           std::uint64_t line) {
    if (const auto number = number_of(arch, prefix, name)) return find_syscall(arch, *number);
    const Syscall* found = find_syscall(arch, name);
    const std::string_view abi = arch_info(arch).name;
    for (const char* multiplexer : {"socketcall", "ipc"}) {
      const Syscall* carrier = find_syscall(arch, multiplexer);
      if (carrier == nullptr || !carries(*carrier, name)) continue;
      not_a_call(
          fmt::format("{}: by itself or through {} on {}? strace -n tells", name, multiplexer, abi),
          line);
      return nullptr;
    }
    if (found == nullptr) {
      not_a_call(name == "???" ? "calls that strace could not read"
                               : fmt::format("{}: no call of {} that the tables have", name, abi),
                 line);
    }
    return found;
  }

  static bool carries(const Syscall& carrier, std::string_view name) {
    return std::any_of(carrier.multiplexes.begin(), carrier.multiplexes.end(),
                       [&](const Multiplexed& carried) { return carried.name == name; });
  }

  /// A call that strace names by what it carries: the first argument says which that is.
  static void set_selector(PartialCall& call, const Syscall& carrier, std::string_view name) {
    for (const Multiplexed& carried : carrier.multiplexes) {
      if (carried.name != name) continue;
      call.data.args[0] = carried.selector;
      // ipc's first argument has a version above its low half.
      call.args[0] = carrier.name == "socketcall" ? Known::all : Known::low16;
    }
  }

  Arch native_;
  std::unordered_map<std::uint32_t, Unfinished> unfinished_;  ///< by thread
  std::unordered_map<std::uint32_t, Arch> modes_;             ///< by thread
  std::optional<Arch> last_mode_;
  bool proven_ = false;
};

}  // namespace

Result<std::unique_ptr<TraceReader>> read_strace(Input input, const TraceOptions& options) {
  return std::make_unique<StraceReader>(std::move(input), options);
}

}  // namespace callgate::tracing
