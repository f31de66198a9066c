#include "callgate/kernel/explain.h"

#include <array>
#include <set>

#include "callgate/abi/constants.h"
#include "callgate/kernel/task_model.h"

namespace callgate {
namespace {

constexpr Release newest_known{0xffff, 0, 0};

KernelRelease newest_like(const KernelRelease& release) {
  return KernelRelease(newest_known, release.config());
}

std::string linux_name(const KernelRelease& release) {
  return "Linux " + to_string(release.release());
}

std::string value_name(std::uint32_t ret) {
  if (const auto action = action_of(ret)) return to_string(*action);
  std::array<char, 11> text{};
  static constexpr std::string_view digits = "0123456789abcdef";
  text[0] = '0';
  text[1] = 'x';
  for (unsigned i = 0; i < 8; ++i) text[2 + i] = digits[ret >> (28 - 4 * i) & 15];
  return {text.data(), 10};
}

std::string killing(const KernelRelease& release, bool whole) {
  if (whole) return "kills the process with SIGSYS, dumping core";
  return release.has(KernelFeature::kill_dumps_core)
             ? "kills the thread with SIGSYS; of a single-threaded process, dumping core"
             : "kills the thread with SIGSYS, without a core dump";
}

std::string returning(std::uint16_t data) {
  if (data == 0) return "skips the call, which returns 0";
  const std::string_view name = errno_name(data);
  const std::string value = name.empty() ? std::to_string(data) : std::string(name);
  std::string text = "makes the call return -" + value;
  if (data > uapi::max_errno) text += ", which libc takes for success";
  return text;
}

/// What the release does, as a verb phrase.
std::string doing(const KernelRelease& release, const ActionReading& reading) {
  if (!reading.kind) {
    return "does not know the action and " +
           killing(release, release.has(KernelFeature::unknown_kills_process));
  }
  switch (*reading.kind) {
    case ActionKind::kill_process: return killing(release, true);
    case ActionKind::kill_thread: return killing(release, false);
    case ActionKind::trap: return "sends SIGSYS with si_errno " + std::to_string(reading.data);
    case ActionKind::errno_: return returning(reading.data);
    case ActionKind::user_notif: return "asks the supervisor, or returns -ENOSYS without one";
    case ActionKind::trace:
      return "stops for the tracer with message " + std::to_string(reading.data) +
             ", or returns -ENOSYS without one";
    case ActionKind::log: return "lets the call run (logged)";
    case ActionKind::allow: return "lets the call run";
  }
  return {};
}

/// The change that makes a release read a value otherwise; null if there is none.
const KernelChange* lacking(const KernelRelease& release, std::uint32_t ret) {
  const ActionReading here = read_action(release, ret);
  const ActionReading there = read_action(newest_like(release), ret);
  const auto missing = [&](KernelFeature feature) { return !release.has(feature); };
  if (here.kind != there.kind) {
    if ((ret & 0x80000000) != 0) return &change_of(KernelFeature::ret_kill_process);
    if (there.kind == ActionKind::log) return &change_of(KernelFeature::ret_log);
    if (there.kind == ActionKind::user_notif) return &change_of(KernelFeature::ret_user_notif);
  }
  if (here.data != there.data) return &change_of(KernelFeature::errno_capped);
  if (!there.kind && missing(KernelFeature::unknown_kills_process))
    return &change_of(KernelFeature::unknown_kills_process);
  if (there.kind == ActionKind::kill_thread && missing(KernelFeature::kill_dumps_core))
    return &change_of(KernelFeature::kill_dumps_core);
  if (there.kind == ActionKind::trace && missing(KernelFeature::trace_rechecks))
    return &change_of(KernelFeature::trace_rechecks);
  return nullptr;
}

}  // namespace

ReturnNote explain_return(const KernelRelease& release, std::uint32_t ret) {
  ReturnNote note{.ret = ret, .reading = read_action(release, ret)};
  if (!release.has(KernelFeature::filters)) {
    note.change = &change_of(KernelFeature::filters);
    note.as_newest = false;
    note.text =
        linux_name(release) + " has no filters (since " + to_string(note.change->since) + ")";
    return note;
  }
  note.change = lacking(release, ret);
  note.as_newest = note.change == nullptr;
  note.text = value_name(ret) + ": " + linux_name(release) + " " + doing(release, note.reading);
  if (note.change != nullptr) {
    note.text += "; newer ones differ (" + std::string(note.change->name) + ", since " +
                 to_string(note.change->since) + ")";
  }
  return note;
}

std::vector<MissingFlag> missing_flags(const KernelRelease& release, std::uint32_t flags) {
  constexpr std::array<std::pair<std::uint32_t, KernelFeature>, 6> known = {{
      {uapi::flag_tsync, KernelFeature::tsync},
      {uapi::flag_log, KernelFeature::log_flag},
      {uapi::flag_spec_allow, KernelFeature::spec_allow},
      {uapi::flag_new_listener, KernelFeature::ret_user_notif},
      {uapi::flag_tsync_esrch, KernelFeature::tsync_esrch},
      {uapi::flag_wait_killable_recv, KernelFeature::wait_killable_recv},
  }};
  std::vector<MissingFlag> missing;
  std::uint32_t left = flags & ~release.known_flags();
  for (const auto& [flag, feature] : known) {
    if ((left & flag) == 0) continue;
    left &= ~flag;
    const KernelChange& change = change_of(feature);
    missing.push_back({flag, &change,
                       linux_name(release) + " refuses " + std::string(change.name) +
                           " with EINVAL (since " + to_string(change.since) + ")"});
  }
  if (left != 0) {
    missing.push_back(
        {left, nullptr, linux_name(release) + " refuses the flags " + value_name(left)});
  }
  return missing;
}

ProgramNotes differences(const Program& program, const KernelRelease& release) {
  constexpr std::uint16_t ret_k = 0x06;
  constexpr std::uint16_t ret_a = 0x16;
  ProgramNotes notes{.no_filters = !release.has(KernelFeature::filters)};
  std::set<std::uint32_t> values;
  for (const Instruction& instruction : program.instructions()) {
    if (instruction.code == ret_k) values.insert(instruction.k);
    notes.computed |= instruction.code == ret_a;
  }
  for (const std::uint32_t value : values) {
    ReturnNote note = explain_return(release, value);
    if (!note.as_newest) notes.returns.push_back(std::move(note));
  }
  return notes;
}

KernelVerdict lone_verdict(const KernelRelease& release, const Program& program,
                           const SeccompData& data) {
  TaskModel model(release);
  const ThreadId thread = model.start({.admin = true});
  model.prctl(thread, uapi::pr_set_seccomp, uapi::mode_filter, UserFilter::of(program));
  return model.verdict(thread, data);
}

std::string explain_call(const KernelRelease& release, const Program& program,
                         const SeccompData& data) {
  const KernelVerdict verdict = lone_verdict(release, program, data);
  const ReturnNote note = explain_return(release, verdict.ret.value_or(0));
  const KernelChange* change = note.change;
  std::string text = "  on " + linux_name(release) + ": ";
  if (!release.has(KernelFeature::filters)) {
    text += "there are no filters; the call runs";
  } else if (verdict.reason == CallReason::exempt) {
    text += "lets the call run, whatever a filter says";
    change = nullptr;
  } else {
    text += doing(release, note.reading);
  }
  if (verdict.audit) text += "; leaves an audit record";
  text += "\n";
  if (change != nullptr) {
    text += "  since " + to_string(change->since) + " otherwise (" + std::string(change->name) +
            "): " + std::string(change->what) + "\n";
  }
  return text;
}

std::string evidence_text(const KernelRelease& release) {
  const bool ran = release.evidence() == Evidence::ran;
  return linux_name(release) +
         (ran ? " ran under callgate's kernel tests\n"
              : " was read from source; it never ran under callgate's tests\n");
}

}  // namespace callgate
