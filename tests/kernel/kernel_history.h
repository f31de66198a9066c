// Random histories for kernel_histories.cpp: what a step is, how one is drawn, how it is printed.
// A step names its thread by a number that is taken modulo the threads that can act when its turn
// comes, so that any subsequence of a history is a history.
#pragma once

#include <random>
#include <sstream>

#include "callgate/kernel/task_model.h"
#include "kernel_actor.h"

namespace callgate::test {

struct Step {
  enum class Kind : std::uint8_t {
    probe,    ///< a harmless call: nr, i386, args[0]
    prctl,    ///< option, args
    seccomp,  ///< operation, flags, argument
    clone_thread,
    fork,
    execve,
    exit,
    exit_group,
    drop_admin,
    sigsys,            ///< args[0]: 0 fatal, 1 ignored, 2 handled
    block_sigsys,      ///< args[0]: 1 block, 0 unblock
    fill_descriptors,  ///< args[0]: 1 none is free, 0 some are
    interrupt,
    notify_recv,
    notify_send,  ///< args: error, value, flags, wrong id
    notify_id_valid,
    close_listener,
  };
  Kind kind = Kind::probe;
  std::uint32_t pick = 0;  ///< which thread, and which listener
  std::uint64_t nr = 0;    ///< of a probe; prctl's option; seccomp's operation
  bool i386 = false;
  std::uint32_t flags = 0;
  std::array<std::uint64_t, 5> args{};
  UserArgument argument;  ///< of seccomp, or prctl's third
};
inline constexpr std::array<const char*, 17> step_names = {
    "probe",         "prctl",       "seccomp",      "clone_thread",
    "fork",          "execve",      "exit",         "exit_group",
    "drop_admin",    "sigsys",      "block_sigsys", "fill_descriptors",
    "interrupt",     "notify_recv", "notify_send",  "notify_id_valid",
    "close_listener"};

struct History {
  bool drops_admin = false;  ///< CAP_SYS_ADMIN is dropped at the start
  std::vector<Step> steps;
};

/// A call that histories make and filters speak of.
struct Probe {
  bool i386;
  std::uint32_t nr;
};
inline constexpr std::array<Probe, 22> probes = {{
    {false, 39},         {false, 39},  {false, 110}, {false, 102},  {false, 104},
    {false, 107},        {false, 108}, {false, 111}, {false, 186},  {true, 20},
    {true, 64},          {true, 199},  {true, 200},  {false, 1000}, {false, 0x40000000 + 39},
    {false, 0xffffffff}, {false, 335}, {false, 336}, {false, 157},  {false, 317},
    {false, 56},         {false, 59},
}};
/// Those of them that a step makes as a probe (the others: prctl, seccomp, clone, execve).
inline constexpr std::size_t probe_count = 18;

/// Calls on a bad descriptor or address, which no filter speaks of: for strict mode.
inline constexpr std::array<Probe, 6> strict_probes = {
    {{false, 0}, {false, 1}, {false, 3}, {true, 3}, {true, 4}, {true, 15}}};

/// Draws histories from a seed.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  History history() {
    History history{.drops_admin = chance(40)};
    for (Probe& probe : focus_) probe = probes[below(probes.size())];
    if (chance(65)) history.steps.push_back(no_new_privs(true));
    const std::uint64_t kind = below(100);
    if (kind < 4) {
      fill_stack(history);
    } else if (kind < 24) {
      supervise(history);
    } else if (kind < 34) {
      handle_sigsys(history);
    } else if (kind < 54) {
      part_threads(history);
    } else if (kind < 58) {
      be_strict(history);
    }
    const std::size_t length = history.steps.size() + 3 + below(26);
    while (history.steps.size() < length) history.steps.push_back(step());
    return history;
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T, std::size_t n>
  T one_of(const std::array<T, n>& all) {
    return all[below(n)];
  }

  // How a history may begin.

  /// Filters until the stack is full.
  void fill_stack(History& history) {
    for (unsigned i = 0; i < 6; ++i) {
      Step step{.kind = Step::Kind::seccomp, .pick = pick(), .nr = uapi::set_mode_filter};
      if (chance(30)) step.flags = uapi::flag_tsync;
      if (chance(25)) {
        step = {.kind = Step::Kind::prctl, .pick = pick(), .nr = uapi::pr_set_seccomp};
        step.args[0] = uapi::mode_filter;
      }
      step.argument = filter_argument(big_program());
      history.steps.push_back(std::move(step));
      if (chance(50)) history.steps.push_back(this->step());
    }
  }

  /// A listener, calls that it is told of, and answers.
  void supervise(History& history) {
    constexpr std::array<std::uint32_t, 6> flags = {8,     8 + 32,    8 + 16 + 1, 8 + 32 + 16 + 1,
                                                    8 + 2, 8 + 2 + 32};
    for (std::size_t threads = 1 + below(3); threads > 0; --threads)
      history.steps.push_back(plain(Step::Kind::clone_thread));
    focus_[0] = probes[below(probe_count)];
    const std::uint32_t notify = 0x7fc00000 + static_cast<std::uint32_t>(below(100));
    history.steps.push_back({.kind = Step::Kind::seccomp,
                             .pick = pick(),
                             .nr = uapi::set_mode_filter,
                             .flags = one_of(flags),
                             .argument = filter_argument(rules({{focus_[0], notify}}))});
    for (std::size_t steps = 4 + below(20); steps > 0; --steps) {
      const std::uint64_t draw = below(100);
      history.steps.push_back(draw < 40 ? probe() : draw < 92 ? supervision() : step());
      if (draw >= 15) continue;
      history.steps.push_back(plain(Step::Kind::notify_recv));
      history.steps.push_back(plain(Step::Kind::interrupt));
    }
  }

  void handle_sigsys(History& history) {
    history.steps.push_back(with(Step::Kind::sigsys, 2));
    focus_[0] = probes[below(probe_count)];
    const std::uint32_t trap = 0x00030000 + static_cast<std::uint32_t>(below(65536));
    history.steps.push_back({.kind = Step::Kind::seccomp,
                             .pick = pick(),
                             .nr = uapi::set_mode_filter,
                             .flags = static_cast<std::uint32_t>(below(4)),
                             .argument = filter_argument(rules({{focus_[0], trap}}))});
    history.steps.push_back(probe());
  }

  /// Threads whose filters grow apart, and TSYNC.
  void part_threads(History& history) {
    constexpr std::array<std::uint32_t, 5> flags = {0, 0, 1, 1, 17};
    for (std::size_t threads = 1 + below(3); threads > 0; --threads)
      history.steps.push_back(plain(Step::Kind::clone_thread));
    for (std::size_t steps = 2 + below(5); steps > 0; --steps) {
      if (chance(15)) history.steps.push_back(with(Step::Kind::exit, 0));
      if (chance(7)) history.steps.push_back(strict());
      history.steps.push_back({.kind = Step::Kind::seccomp,
                               .pick = pick(),
                               .nr = uapi::set_mode_filter,
                               .flags = one_of(flags),
                               .argument = filter_argument(program())});
    }
  }

  /// Strict mode, and calls of both ABIs.
  void be_strict(History& history) {
    history.steps.push_back(plain(Step::Kind::clone_thread));
    for (std::size_t steps = 2 + below(4); steps > 0; --steps) {
      if (chance(60)) history.steps.push_back(strict());
      const Probe probe = one_of(strict_probes);
      history.steps.push_back({.kind = Step::Kind::probe,
                               .pick = pick(),
                               .nr = probe.nr,
                               .i386 = probe.i386,
                               .args = {1000}});
    }
  }

  /// A rule: a call and the value that is returned for it.
  using Rule = std::pair<Probe, std::uint32_t>;

  std::uint32_t pick() { return static_cast<std::uint32_t>(random_()); }

  Step step() {
    const std::uint64_t draw = below(1000);
    if (draw < 330) return probe();
    if (draw < 560) return install();
    if (draw < 640) return chance(70) ? no_new_privs(chance(70)) : bad_no_new_privs();
    if (draw < 670) return {.kind = Step::Kind::prctl, .pick = pick(), .nr = uapi::pr_get_seccomp};
    if (draw < 720) return query();
    if (draw < 745) return strict();
    if (draw < 800) return plain(Step::Kind::clone_thread);
    if (draw < 835) return plain(Step::Kind::fork);
    if (draw < 853) return plain(Step::Kind::execve);
    if (draw < 868) return with(Step::Kind::exit, below(256));
    if (draw < 873) return with(Step::Kind::exit_group, below(256));
    if (draw < 888) return plain(Step::Kind::drop_admin);
    if (draw < 903) return with(Step::Kind::sigsys, below(3));
    if (draw < 910) return with(Step::Kind::block_sigsys, below(2));
    if (draw < 917) return with(Step::Kind::fill_descriptors, below(2));
    return supervision();
  }

  Step plain(Step::Kind kind) { return {.kind = kind, .pick = pick()}; }
  Step with(Step::Kind kind, std::uint64_t value) {
    return {.kind = kind, .pick = pick(), .args = {value}};
  }

  Step probe() {
    Probe probe = probes[below(probe_count)];
    const Probe chosen = focus_[below(focus_.size())];
    const bool is_operation = !chosen.i386 && (chosen.nr == 157 || chosen.nr == 317 ||
                                               chosen.nr == 56 || chosen.nr == 59);
    if (chance(65) && !is_operation) probe = chosen;
    if (probe.nr == 335 && !probe.i386 && chance(75)) probe = {false, 39};  // SIGILL ends it all
    return {.kind = Step::Kind::probe,
            .pick = pick(),
            .nr = probe.nr,
            .i386 = probe.i386,
            .args = {below(3)}};
  }

  Step no_new_privs(bool set) {
    Step step{.kind = Step::Kind::prctl, .pick = pick(), .nr = uapi::pr_get_no_new_privs};
    if (set) {
      step.nr = uapi::pr_set_no_new_privs;
      step.args[0] = 1;
    }
    return step;
  }
  Step bad_no_new_privs() {
    Step step = no_new_privs(chance(50));
    const std::size_t which = below(4);
    if (which == 1) {
      step.argument = std::uint64_t{1} << below(64);
    } else {
      step.args[which == 0 ? 0 : which - 1] ^= std::uint64_t{1} << below(64);
    }
    return step;
  }

  Step strict() {
    if (chance(50)) {
      return {.kind = Step::Kind::prctl,
              .pick = pick(),
              .nr = uapi::pr_set_seccomp,
              .args = {uapi::mode_strict},
              .argument = chance(50) ? UserArgument(BadPointer{}) : UserArgument()};
    }
    Step step{.kind = Step::Kind::seccomp, .pick = pick(), .nr = uapi::set_mode_strict};
    if (chance(20)) step.flags = 1 + static_cast<std::uint32_t>(below(40));
    if (chance(20)) step.argument = BadPointer{};
    return step;
  }

  /// seccomp(2) that installs nothing.
  Step query() {
    Step step{.kind = Step::Kind::seccomp, .pick = pick()};
    step.nr = chance(80) ? 2 + below(2) : 4 + below(5);
    if (chance(15)) step.flags = 1u << below(6);
    if (chance(15)) {
      step.argument = BadPointer{};
    } else if (chance(10)) {
      step.argument = NullPointer{};
    } else {
      step.argument = UserBuffer{.action = action()};
    }
    return step;
  }

  std::uint32_t install_flags() {
    constexpr std::array<std::uint32_t, 14> usual = {0, 0,     0, 0, 1,          1,      17,
                                                     2, 2 + 1, 4, 8, 8 + 16 + 1, 8 + 32, 8 + 2};
    if (chance(85)) return one_of(usual);
    return chance(50) ? static_cast<std::uint32_t>(below(64)) : 1u << below(32);
  }

  Step install() {
    UserArgument argument = install_argument();
    if (chance(25)) {
      constexpr std::array<std::uint64_t, 6> modes = {2, 2, 2, 0, 3, (std::uint64_t{1} << 32) + 2};
      return {.kind = Step::Kind::prctl,
              .pick = pick(),
              .nr = uapi::pr_set_seccomp,
              .args = {one_of(modes)},
              .argument = std::move(argument)};
    }
    return {.kind = Step::Kind::seccomp,
            .pick = pick(),
            .nr = uapi::set_mode_filter,
            .flags = install_flags(),
            .argument = std::move(argument)};
  }

  UserArgument install_argument() {
    if (chance(3)) return BadPointer{};
    if (chance(2)) return NullPointer{};
    UserFilter filter = filter_argument(chance(3) ? big_program() : program());
    if (chance(3)) filter.length = static_cast<std::uint16_t>(filter.length + 1 + below(20));
    if (chance(2)) filter.length = 0;
    if (chance(2)) filter.length = static_cast<std::uint16_t>(4097 + below(60000));
    if (chance(2)) filter.pointer = UserFilter::Code::unreadable;
    if (chance(2)) filter.pointer = UserFilter::Code::null;
    if (chance(6)) spoil(filter.code);
    return filter;
  }

  static UserFilter filter_argument(std::vector<Instruction> code) {
    return {.length = static_cast<std::uint16_t>(code.size()),
            .pointer = UserFilter::Code::readable,
            .code = std::move(code)};
  }

  std::uint32_t action() {
    constexpr std::array<std::uint32_t, 12> kinds = {
        0x00050000, 0x00050000, 0x00050000, 0x7fff0000, 0x7ffc0000, 0x7ff00000,
        0x7fc00000, 0x7fc00000, 0x00030000, 0x00000000, 0x80000000, 0x7fff0000};
    constexpr std::array<std::uint32_t, 5> odd = {0x80050000, 0xffff0000, 0x00010000, 0x7ffd0000,
                                                  0x40000000};
    constexpr std::array<std::uint32_t, 6> data = {0, 1, 38, 4095, 4096, 65535};
    const std::uint32_t kind = chance(8) ? one_of(odd) : one_of(kinds);
    return kind | (chance(50) ? one_of(data) : static_cast<std::uint32_t>(below(200)));
  }

  /// One to three rules, mostly about the calls in focus.
  std::vector<Instruction> program() {
    std::vector<Rule> all;
    for (std::size_t count = 1 + below(3); count > 0; --count) {
      const Probe probe = chance(70) ? focus_[below(focus_.size())] : probes[below(probes.size())];
      all.emplace_back(probe, action());
    }
    return rules(all);
  }

  /// A filter of these rules, some only for one value of the first argument; the rest is allowed.
  std::vector<Instruction> rules(const std::vector<Rule>& all) {
    std::vector<Instruction> code;
    for (const auto& [probe, ret] : all) {
      const bool by_argument = chance(25);
      const std::uint8_t skip = by_argument ? 5 : 3;
      code.push_back({0x20, 0, 0, 4});
      code.push_back({0x15, 0, skip, probe.i386 ? audit_i386 : audit_x86_64});
      code.push_back({0x20, 0, 0, 0});
      code.push_back({0x15, 0, static_cast<std::uint8_t>(skip - 2), probe.nr});
      if (by_argument) {
        code.push_back({0x20, 0, 0, 16});
        code.push_back({0x15, 0, 1, static_cast<std::uint32_t>(below(3))});
      }
      code.push_back({0x06, 0, 0, ret});
    }
    code.push_back({0x06, 0, 0, 0x7fff0000});
    return code;
  }

  std::vector<Instruction> big_program() {
    const std::size_t size = 4096 - below(chance(50) ? 3 : 3000);
    return std::vector<Instruction>(size, Instruction{0x06, 0, 0, 0x7fff0000});
  }

  void spoil(std::vector<Instruction>& code) {
    Instruction& victim = code[below(code.size())];
    switch (below(6)) {
      case 0: victim = {0x28, 0, 0, 0}; break;           // a half-word load
      case 1: victim = {0x20, 0, 0, 2}; break;           // unaligned
      case 2: victim = {0x20, 0, 0, 64}; break;          // past seccomp_data
      case 3: victim = {0x05, 0, 0, 0xffffffff}; break;  // a jump out of the program
      case 4: victim = {0x60, 0, 0, 3}; break;           // M[3] before it is stored
      default: code.back() = {0x04, 0, 0, 1}; break;     // no RET at the end
    }
  }

  Step supervision() {
    constexpr std::array<Step::Kind, 8> kinds = {
        Step::Kind::notify_recv, Step::Kind::notify_recv,   Step::Kind::notify_recv,
        Step::Kind::notify_send, Step::Kind::notify_send,   Step::Kind::notify_id_valid,
        Step::Kind::interrupt,   Step::Kind::close_listener};
    Step step = plain(one_of(kinds));
    if (chance(60))
      step.args[0] = static_cast<std::uint64_t>(-static_cast<std::int64_t>(below(40)));
    if (chance(50)) step.args[1] = below(1000);
    if (chance(40)) step.args = {0, chance(20) ? 1u : 0u, 1, 0, 0};
    if (chance(5)) step.args[2] = 2;
    step.args[3] = chance(10) ? 1 : 0;
    return step;
  }

  std::mt19937_64 random_;
  std::array<Probe, 3> focus_{};  ///< what this history's filters and calls are mostly about
};

inline std::string to_text(const UserArgument& argument) {
  std::ostringstream out;
  out << std::hex << std::showbase;
  if (std::holds_alternative<NullPointer>(argument)) out << "NULL";
  if (std::holds_alternative<BadPointer>(argument)) out << "bad pointer";
  if (const auto* number = std::get_if<std::uint64_t>(&argument)) out << *number;
  if (const auto* buffer = std::get_if<UserBuffer>(&argument)) out << "&" << buffer->action;
  if (const auto* filter = std::get_if<UserFilter>(&argument)) {
    out << "{len " << std::dec << filter->length << std::hex;
    if (filter->pointer == UserFilter::Code::null) out << ", NULL";
    if (filter->pointer == UserFilter::Code::unreadable) out << ", bad pointer";
    out << ", " << std::dec << filter->code.size() << " instructions" << std::hex;
    for (std::size_t i = 0; i < filter->code.size() && i < 24; ++i) {
      const Instruction& insn = filter->code[i];
      out << "; " << insn.code << " " << unsigned{insn.jt} << " " << unsigned{insn.jf} << " "
          << insn.k;
    }
    out << "}";
  }
  return out.str();
}

inline std::string to_text(const Step& step) {
  std::ostringstream out;
  out << step_names[static_cast<std::size_t>(step.kind)] << " pick " << step.pick << " nr "
      << step.nr << (step.i386 ? " i386" : "") << " flags " << step.flags << " args";
  for (const std::uint64_t value : step.args) out << " " << static_cast<std::int64_t>(value);
  out << " argument " << to_text(step.argument);
  return out.str();
}

}  // namespace callgate::test
