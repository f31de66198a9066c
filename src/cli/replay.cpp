// callgate replay: what a policy would have made of calls that were recorded.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "cli/decider.h"
#include "cli/replay_report.h"
#include "cli/trace_copy.h"
#include "cli/verbs.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  strace -f -o app.strace ./app; callgate replay app.strace --profile docker-default\n"
    "  callgate replay app.trace --profile new.policy     a binary trace, JSON lines\n"
    "  callgate replay app.trace -p 1234                  the filters of a process\n"
    "  callgate replay app.strace --profile app.policy --all --json\n"
    "  callgate replay app.strace --write app.trace       to the binary form; .jsonl: JSON lines\n"
    "The forms of a trace, and what strace does not show: docs/replay.md.\n"
    "Exit codes: 0 every call is allowed, 1 some would be denied or delegated or cannot be told,\n"
    "2 misuse or bad input, a trace that is cut.";

struct ReplayVerb {
  SourceOptions sources;
  std::string trace;
  std::string machine;
  std::string write;
  std::string output = "-";
  bool all = false;
  bool json = false;
  bool takes_cut = false;
};

/// Tells how far a long reading is, once a second, on a terminal.
class Progress {
 public:
  explicit Progress(const TraceReader& reader) : reader_(reader) {}
  ~Progress() {
    if (is_shown_) fmt::print(stderr, "\r\x1b[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(std::uint64_t events) {
    if (!is_terminal_ || ++steps_ % 64 != 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < std::chrono::seconds(1)) return;
    told_ = now;
    is_shown_ = true;
    fmt::print(stderr, "\r{} events, {} MiB", events, reader_.offset() >> 20);
  }

 private:
  const TraceReader& reader_;
  const bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool is_shown_ = false;
  std::uint64_t steps_ = 0;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

Result<ExplainedSource> load_profile(const SourceOptions& options) {
  const std::vector<std::string> names = source_names(options);
  if (names.size() != 1) return fail("one policy is needed", "--profile POLICY, or -p PID");
  return load_decider(options, names.front());
}

/// Reads a trace to its end; `replay` and `copy` take what there is.
Result<void> read_all(TraceReader& reader, Replay* replay, TraceCopy* copy) {
  Progress progress(reader);
  TraceBlock block;
  std::uint64_t events = 0;
  for (;;) {
    CALLGATE_TRY(const bool more, reader.next(block));
    if (!more) return {};
    if (replay != nullptr) replay->take(block);
    if (copy != nullptr) CALLGATE_CHECK(copy->take(block));
    progress.step(events += block.ids.size());
  }
}

/// A trace that is cut ends in an error, or in a warning where that is accepted.
Diagnostic cut_message(const ReplayVerb& verb, const TraceEnd& end) {
  return {.severity = verb.takes_cut ? Severity::warning : Severity::error,
          .message = fmt::format("{}: cut at byte {}: {}; what stands before it was used",
                                 verb.trace, end.offset, end.what),
          .hint = verb.takes_cut ? "" : "--cut takes it for the whole trace"};
}

Result<std::unique_ptr<TraceReader>> open_for(const ReplayVerb& verb) {
  TraceOptions options;
  if (!verb.machine.empty()) {
    const auto arch = find_arch(verb.machine);
    if (!arch) return fail(fmt::format("unknown architecture `{}`", verb.machine));
    options.arch = *arch;
  }
  return open_trace(verb.trace, options);
}

Result<ReplayReport> make_report(const ReplayVerb& verb, const ExplainedSource& source,
                                 const Replay& replay, const TraceReader& reader) {
  ReplayReport made{.trace = verb.trace,
                    .form = reader.form(),
                    .policy = source.question.source.path,
                    .events = replay.events(),
                    .rows = replay.rows(),
                    .unread = reader.unread(),
                    .end = reader.end(),
                    .kernel = std::nullopt};
  if (verb.sources.kernels.empty()) return made;
  const auto release = parse_release(verb.sources.kernels.front());
  if (!release) return fail("--kernel takes a release, such as 4.4");
  const std::vector<Arch> arches = arches_of(source.question);
  const Arch native = arch_info(arches.empty() ? native_arch() : arches.front()).native;
  made.kernel = KernelRelease(*release, {.native = native});
  view_by_kernel(made, source);
  return made;
}

/// What was found on standard output or in a file, the exit code by it.
int show(const ReplayVerb& verb, const ExplainedSource& source, const ReplayReport& found) {
  const auto counts = fates(found);
  const bool is_fine = counts[static_cast<std::size_t>(CallFate::denied)] == 0 &&
                       counts[static_cast<std::size_t>(CallFate::delegated)] == 0 &&
                       counts[static_cast<std::size_t>(CallFate::unclear)] == 0;
  const std::string text =
      verb.json ? replay_json(found, source) : replay_text(found, source, verb.all);
  return write_output(verb.output, text, is_fine ? exit_yes : exit_no);
}

/// Says what a copy lacks: calls that have no number.
void warn_of_unread(const TraceReader& reader, const std::string& path) {
  std::uint64_t times = 0;
  for (const auto& [what, unread] : reader.unread()) times += unread.times;
  if (times == 0) return;
  const Diagnostic warning{
      .severity = Severity::warning,
      .message = fmt::format("{} lines could not be read as calls and are not in {}", times, path),
      .hint = "--profile lists them"};
  report(std::span(&warning, 1));
}

Result<int> replay_trace(const ReplayVerb& verb) {
  const bool has_profile = !source_names(verb.sources).empty();
  if (!has_profile && verb.write.empty()) {
    return fail("nothing to do with the trace",
                "--profile POLICY replays it, --write FILE copies it");
  }
  std::optional<ExplainedSource> source;
  std::optional<Replay> replay;
  std::optional<TraceCopy> copy;
  if (has_profile) {
    CALLGATE_TRY(source, load_profile(verb.sources));
    const auto programs = source->programs();
    replay.emplace(std::vector<Program>(programs.begin(), programs.end()));
  }
  CALLGATE_TRY(const auto reader, open_for(verb));
  if (!verb.write.empty()) {
    CALLGATE_TRY(TraceCopy made, TraceCopy::create(verb.write));
    copy.emplace(std::move(made));
  }
  CALLGATE_CHECK(read_all(*reader, replay ? &*replay : nullptr, copy ? &*copy : nullptr));
  const TraceEnd end = reader->end();
  if (copy && (end.whole || verb.takes_cut)) {
    CALLGATE_CHECK(copy->finish());
    warn_of_unread(*reader, verb.write);
  }
  int code = exit_yes;
  if (replay) {
    CALLGATE_TRY(const ReplayReport found, make_report(verb, *source, *replay, *reader));
    code = show(verb, *source, found);
  }
  if (end.whole) return code;
  const Diagnostic message = cut_message(verb, end);
  report(std::span(&message, 1));
  return verb.takes_cut ? code : int{exit_bad};
}

int run_replay(const ReplayVerb& verb) {
  const auto code = replay_trace(verb);
  return code ? *code : report(code.error());
}

}  // namespace

void add_replay_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] = add_verb<ReplayVerb>(
      app, chosen, "replay", "what a policy would have made of recorded calls", run_replay);
  command->footer(examples);
  command->add_option("TRACE", verb->trace, "binary trace, JSON lines or strace's output; -")
      ->required();
  verb->sources.file_option =
      command
          ->add_option("--profile", verb->sources.files,
                       "policy, profile, unit, raw filter or built-in profile")
          ->allow_extra_args(false);
  add_source_options(*command, verb->sources);
  command->add_option("--machine", verb->machine,
                      "ABI of calls in a text that names none; else this machine's");
  command->add_option("--write", verb->write,
                      "also write the trace: binary, or JSON lines for a name in .jsonl");
  command->add_option("-o,--output", verb->output, "where to write what was found");
  command->add_flag("--all", verb->all, "list the calls that are allowed, too");
  command->add_flag("--cut", verb->takes_cut, "take a trace that is cut for what it holds");
  command->add_flag("--json", verb->json, "as JSON (docs/json.md)");
}

}  // namespace callgate::cli
