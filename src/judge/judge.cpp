// The judge's own process: it keeps the clock, the limits and the output, and gives the verdict. It
// makes one child, the watcher (watcher.h), which makes the rest; it is in none of the program's
// namespaces and groups, shares no descriptor with it but the ends of two pipes, and does not read
// its memory.
//
// Known weakness: processor time and (without a memory group) memory are looked at every few
// milliseconds, so a program can pass such a limit by what it uses up between two looks.
#include "callgate/judge/judge.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "callgate/base/unique_fd.h"
#include "callgate/supervise/run.h"
#include "judge/cgroup.h"
#include "judge/landlock.h"
#include "judge/loading.h"
#include "judge/message.h"
#include "judge/tasks.h"
#include "judge/watcher.h"
#include "supervise/memory.h"

namespace callgate {
namespace judging {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds look{10};  // the longest time between two looks at usage
constexpr std::chrono::seconds end_of_kill{10};
constexpr std::size_t most_denials = 200;

constexpr std::array verdict_names = {"ok",     "exit",      "signal", "time", "memory",
                                      "output", "processes", "denied", "start"};

constexpr std::array isolation_names = {"userns", "pidns",    "mountns", "ipcns",    "netns",
                                        "utsns",  "cgroupns", "proc",    "landlock", "cgroup"};

bool is_required(const JudgeRequest& request, std::string_view name) {
  return std::find(request.required.begin(), request.required.end(), name) !=
         request.required.end();
}

std::string group_name() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return fmt::format("callgate-judge-{}-{}{:09}", ::getpid(), now.tv_sec, now.tv_nsec);
}

/// A pipe whose reading end does not block.
Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(system_error("pipe", errno));
  std::pair made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return made;
}

/// SIGINT, SIGTERM and SIGHUP as a descriptor, for as long as this lives.
class Interrupts {
 public:
  Interrupts() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, signal);
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// The signal that came, or 0.
  [[nodiscard]] int take() const {
    signalfd_siginfo info{};
    return ::read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo)
                                                                : 0;
  }
  [[nodiscard]] const sigset_t& before() const noexcept { return before_; }

 private:
  sigset_t before_{};
  UniqueFd fd_;
};

/// What ended the program by the judge's hand.
struct Stopped {
  JudgeVerdict verdict = JudgeVerdict::ok;
  std::string detail;
};

class Run {
 public:
  Run(const JudgeRequest& request, const ControlGroup& group) : request_(request), group_(group) {}

  Result<Judgement> go(const std::string& path);

 private:
  Result<void> start(const std::string& path);
  Result<void> open_ends();
  [[noreturn]] void be_watcher(const std::string& path, UniqueFd answers);
  [[nodiscard]] std::vector<std::string> readable(const std::string& path) const;
  void serve();
  void on_message(Message message);
  void on_program(pid_t program);
  void on_denial(Message message);
  void read_output(UniqueFd& from, std::string& to);
  void check_limits();
  void stop(JudgeVerdict verdict, std::string detail);
  void fail_with(std::string why);
  void kill_everything();
  void look_at_usage();
  [[nodiscard]] int wait_time() const;
  [[nodiscard]] Result<Judgement> finish();
  void decide(Judgement& judged) const;
  void report_limits(Judgement& judged) const;
  [[nodiscard]] const JudgedDenial* first_denial() const;
  [[nodiscard]] microseconds since_start() const;

  const JudgeRequest& request_;
  const ControlGroup& group_;
  Interrupts interrupts_;
  UniqueFd input_, output_, errors_, program_output_, program_errors_, channel_, far_channel_;
  UniqueFd answers_;
  pid_t watcher_ = 0;
  pid_t init_ = 0;
  pid_t program_ = 0;
  UniqueFd watcher_handle_, init_handle_, program_handle_;
  clockid_t program_clock_ = 0;

  Judgement judged_;
  std::optional<Stopped> stopped_;
  std::optional<Clock::time_point> stopped_at_;
  std::optional<Clock::time_point> started_;
  std::optional<int> status_;
  std::string failure_;
  bool closed_ = false;
  bool missing_required_ = false;
};

UniqueFd handle_of(pid_t process) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
}

void kill_by(const UniqueFd& handle) {
  if (handle.valid()) ::syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0);
}

Result<void> Run::open_ends() {
  input_.reset(::open(request_.input.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!input_.valid()) return fail(system_error("opening " + request_.input, errno));
  CALLGATE_TRY(auto output, make_pipe());
  CALLGATE_TRY(auto errors, make_pipe());
  std::tie(output_, program_output_) = std::move(output);
  std::tie(errors_, program_errors_) = std::move(errors);
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return fail(system_error("socketpair", errno));
  }
  channel_.reset(pair[0]);
  far_channel_.reset(pair[1]);
  ::fcntl(channel_.get(), F_SETFL, O_NONBLOCK);
  return {};
}

std::vector<std::string> Run::readable(const std::string& path) const {
  std::vector<std::string> trees = request_.readable;
  if (trees.empty() && lets_open(request_.policy)) return {"/"};
  trees.insert(trees.end(), library_trees().begin(), library_trees().end());
  trees.push_back(path);
  return trees;
}

void Run::be_watcher(const std::string& path, UniqueFd answers) {
  ::sigprocmask(SIG_SETMASK, &interrupts_.before(), nullptr);
  for (UniqueFd* ours : {&output_, &errors_, &channel_, &answers_}) ours->reset();
  watch({.request = request_,
         .path = path,
         .readable = readable(path),
         .input = input_.get(),
         .output = program_output_.get(),
         .errors = program_errors_.get(),
         .channel = far_channel_.get(),
         .memory_by_group = !group_.memory_by().empty()},
        answers.get());
  ::_exit(0);
}

Result<void> Run::start(const std::string& path) {
  CALLGATE_CHECK(open_ends());
  std::array<int, 2> answers{};
  if (::pipe2(answers.data(), O_CLOEXEC) != 0) return fail(system_error("pipe", errno));
  UniqueFd theirs(answers[0]);
  answers_.reset(answers[1]);
  watcher_ = ::fork();
  if (watcher_ < 0) return fail(system_error("fork", errno));
  if (watcher_ == 0) be_watcher(path, std::move(theirs));
  watcher_handle_ = handle_of(watcher_);
  for (UniqueFd* child : {&input_, &program_output_, &program_errors_, &far_channel_}) {
    child->reset();
  }
  return {};
}

microseconds Run::since_start() const {
  if (!started_) return microseconds{0};
  return std::chrono::duration_cast<microseconds>(Clock::now() - *started_);
}

void Run::fail_with(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
  kill_everything();
}

void Run::stop(JudgeVerdict verdict, std::string detail) {
  if (stopped_) return;
  stopped_ = Stopped{verdict, std::move(detail)};
  kill_everything();
}

void Run::kill_everything() {
  if (!stopped_at_) stopped_at_ = Clock::now();
  answers_.reset();  // a watcher that waits for the word to start gets none
  // Init then kills and counts what is left; where there is no group, it alone knows what that is.
  kill_by(program_handle_.valid() ? program_handle_ : init_handle_);
}

void Run::on_program(pid_t program) {
  program_ = program;
  program_handle_ = handle_of(program);
  if (auto added = group_.add(program); !added) return fail_with(added.error().message());
  if (::clock_getcpuclockid(program, &program_clock_) != 0) program_clock_ = 0;
  if (missing_required_) return fail_with(failure_);
  started_ = Clock::now();
  if (::write(answers_.get(), "", 1) != 1) fail_with("the watcher is gone");
}

void Run::on_denial(Message message) {
  if (judged_.denials.size() >= most_denials) return;
  const auto kind = static_cast<JudgedDenial::Kind>(message.number);
  judged_.denials.push_back(
      {kind, std::move(message.name), std::move(message.how), std::move(message.why)});
  if (request_.denial_ends && kind == JudgedDenial::Kind::denial) {
    stop(JudgeVerdict::denied, judged_.denials.back().text);
  }
}

void Run::on_message(Message message) {
  switch (message.kind) {
    case Message::Kind::init:
      init_ = static_cast<pid_t>(message.number);
      init_handle_ = handle_of(init_);
      return;
    case Message::Kind::measure: {
      if (message.how.empty() && is_required(request_, message.name)) {
        missing_required_ = true;
        failure_ = fmt::format("isolation that is required cannot be had: {}: {}", message.name,
                               message.why);
      }
      judged_.isolation.push_back(
          {std::move(message.name), std::move(message.how), std::move(message.why)});
      return;
    }
    case Message::Kind::program: return on_program(static_cast<pid_t>(message.number));
    case Message::Kind::closed: closed_ = true; return;
    case Message::Kind::denial: return on_denial(std::move(message));
    case Message::Kind::ended:
      status_ = static_cast<int>(message.number);
      judged_.wall = since_start();
      judged_.cpu = std::max(judged_.cpu, microseconds{message.cpu_us});
      judged_.peak_memory =
          std::max(judged_.peak_memory, static_cast<std::uint64_t>(message.peak_memory));
      return;
    case Message::Kind::not_started:
      return fail_with(
          system_error("running " + request_.command.front(), static_cast<int>(message.number))
              .message());
    case Message::Kind::failed: return fail_with(std::move(message.how));
  }
}

void Run::read_output(UniqueFd& from, std::string& to) {
  std::array<char, 65536> block;
  while (from.valid()) {
    const ssize_t got = ::read(from.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return from.reset();
    judged_.output_bytes += static_cast<std::uint64_t>(got);
    const std::uint64_t kept = judged_.output.size() + judged_.errors.size();
    const std::uint64_t room = request_.limits.output - std::min(kept, request_.limits.output);
    to.append(block.data(), std::min(static_cast<std::uint64_t>(got), room));
    if (judged_.output_bytes > request_.limits.output) {
      stop(JudgeVerdict::output, fmt::format("more than {} bytes", request_.limits.output));
      return from.reset();
    }
  }
}

void Run::look_at_usage() {
  timespec used{};
  if (program_clock_ != 0 && ::clock_gettime(program_clock_, &used) == 0) {
    judged_.cpu =
        std::max(judged_.cpu, microseconds{used.tv_sec * 1'000'000 + used.tv_nsec / 1000});
  }
  const GroupUsage group = group_.usage();
  if (group.cpu_ns) {
    judged_.cpu =
        std::max(judged_.cpu, microseconds{static_cast<std::int64_t>(*group.cpu_ns / 1000)});
  }
  if (group.peak_memory) judged_.peak_memory = *group.peak_memory;
  if (group_.memory_by().empty() || group_.processes_by().empty()) {
    const TaskTotals tasks = tasks_of(program_, init_);
    if (group_.memory_by().empty()) {
      judged_.peak_memory = std::max(judged_.peak_memory, tasks.memory);
      if (tasks.memory > request_.limits.memory) stop(JudgeVerdict::memory, "resident memory");
    }
    if (group_.processes_by().empty() && tasks.tasks > request_.limits.processes) {
      stop(JudgeVerdict::processes, fmt::format("{} at once", tasks.tasks));
    }
  }
}

void Run::check_limits() {
  if (!started_ || status_ || stopped_at_) return;
  look_at_usage();
  if (judged_.cpu > request_.limits.time) stop(JudgeVerdict::time, "processor time");
  if (since_start() > request_.limits.wall) stop(JudgeVerdict::time, "wall time");
}

int Run::wait_time() const {
  const auto left = request_.limits.wall - since_start();
  const auto until = std::min<microseconds>(started_ ? left : look, look);
  return static_cast<int>(
      std::max<std::int64_t>(1, std::chrono::ceil<milliseconds>(until).count()));
}

void Run::serve() {
  bool ended = false;
  while (!ended) {
    std::array<pollfd, 4> fds = {{{channel_.get(), POLLIN, 0},
                                  {output_.get(), POLLIN, 0},
                                  {errors_.get(), POLLIN, 0},
                                  {interrupts_.fd(), POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), wait_time());
    while (auto message = receive_message(channel_.get(), ended)) on_message(std::move(*message));
    read_output(output_, judged_.output);
    read_output(errors_, judged_.errors);
    if (const int signal = interrupts_.take(); signal != 0) {
      fail_with(fmt::format("ended by {}", ::strsignal(signal)));
    }
    check_limits();
    if (!stopped_at_) continue;
    const auto since = Clock::now() - *stopped_at_;
    if (since > std::chrono::seconds(1)) kill_by(init_handle_);
    if (since > end_of_kill) {
      kill_by(watcher_handle_);
      if (failure_.empty()) failure_ = "what the program left could not be killed";
      break;
    }
  }
}

Result<Judgement> Run::go(const std::string& path) {
  CALLGATE_CHECK(start(path));
  serve();
  ::waitpid(watcher_, nullptr, 0);
  if (!group_.kill_all() && failure_.empty()) failure_ = "a process of the program's is left";
  read_output(output_, judged_.output);
  read_output(errors_, judged_.errors);
  return finish();
}

const JudgedDenial* Run::first_denial() const {
  for (const JudgedDenial& each : judged_.denials) {
    if (each.kind == JudgedDenial::Kind::denial) return &each;
  }
  return nullptr;
}

/// What a limit of the kernel's own did comes before how the program took it.
void Run::decide(Judgement& judged) const {
  const auto set = [&](JudgeVerdict verdict, std::string detail) {
    judged.verdict = verdict;
    judged.detail = std::move(detail);
  };
  const GroupUsage group = group_.usage();
  const bool failed = judged.exit_code != 0;
  if (group.oom_kills > 0) return set(JudgeVerdict::memory, "the kernel ended a process for it");
  if (stopped_) return set(stopped_->verdict, stopped_->detail);
  if (judged.cpu > request_.limits.time) return set(JudgeVerdict::time, "processor time");
  if (judged.wall > request_.limits.wall) return set(JudgeVerdict::time, "wall time");
  if (judged.signal == SIGXFSZ) return set(JudgeVerdict::output, "a file grew past the limit");
  if (!closed_) return set(JudgeVerdict::start, "it ended before its policy was in force");
  const JudgedDenial* denial = first_denial();
  if (failed && denial != nullptr) return set(JudgeVerdict::denied, denial->text);
  if (failed && group.refused_tasks > 0) {
    return set(JudgeVerdict::processes, fmt::format("{} were refused", group.refused_tasks));
  }
  if (judged.signal) return set(JudgeVerdict::signal, ::strsignal(*judged.signal));
  if (failed) return set(JudgeVerdict::exit, fmt::format("code {}", judged.exit_code.value_or(-1)));
  set(JudgeVerdict::ok, {});
}

void Run::report_limits(Judgement& judged) const {
  const auto by = [](const std::string& group, const char* otherwise) {
    return group.empty() ? std::string(otherwise) : group;
  };
  judged.limits = {
      {"time", by(group_.time_by(), "the program's clock") + ", rlimit", {}},
      {"wall", "clock", {}},
      {"memory", by(group_.memory_by(), "looked at, rlimit"), group_.memory_missing()},
      {"output", "pipes", {}},
      {"processes", by(group_.processes_by(), "looked at, rlimit"), group_.processes_missing()}};
}

Result<Judgement> Run::finish() {
  if (!failure_.empty()) return fail(failure_);
  if (!started_) return fail("the program was not started");
  if (!status_ && !stopped_) return fail("a part of the judge was ended from outside");
  look_at_usage();
  if (!status_) {
    judged_.wall = since_start();
    judged_.signal = SIGKILL;
  } else if (WIFEXITED(*status_)) {
    judged_.exit_code = WEXITSTATUS(*status_);
  } else {
    judged_.signal = WTERMSIG(*status_);
  }
  decide(judged_);
  report_limits(judged_);
  return std::move(judged_);
}

Result<void> check_names(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::find(isolation_names.begin(), isolation_names.end(), name) != isolation_names.end()) {
      continue;
    }
    return fail(fmt::format("no isolation is named \"{}\"", name),
                fmt::format("there are {}", fmt::join(isolation_names, ", ")));
  }
  return {};
}

Result<void> check_request(const JudgeRequest& request) {
  if (request.command.empty()) return fail("no command to judge");
  CALLGATE_CHECK(check_names(request.required));
  CALLGATE_CHECK(check_names(request.without));
  if (request.policy.arches.empty()) return fail("the policy is for no ABI");
  const JudgeLimits& limits = request.limits;
  if (limits.time.count() <= 0 || limits.wall.count() <= 0 || limits.memory == 0 ||
      limits.processes == 0 || limits.stack == 0) {
    return fail("a limit of nothing is none that a program can keep");
  }
  return {};
}

Result<std::string> program_path(const std::string& name) {
  const FoundProgram found = find_program(name);
  if (found.exit_code == run_not_found) return fail(name + ": command not found");
  if (found.exit_code != 0) return fail(name + ": not an executable file");
  return std::filesystem::absolute(found.path).string();
}

}  // namespace
}  // namespace judging

std::string_view verdict_name(JudgeVerdict verdict) noexcept {
  return judging::verdict_names.at(static_cast<std::size_t>(verdict));
}

Result<Judgement> judge(const JudgeRequest& request) {
  CALLGATE_CHECK(judging::check_request(request));
  CALLGATE_TRY(const std::string path, judging::program_path(request.command.front()));
  const bool uses_groups = judging::may_use(request, "cgroup");
  const auto hierarchies =
      uses_groups
          ? judging::find_hierarchies(supervise::read_proc_file("/proc/self/cgroup", 65536),
                                      supervise::read_proc_file("/proc/self/mountinfo", 1 << 20))
          : judging::Hierarchies{};
  const judging::ControlGroup group(hierarchies, judging::group_name(),
                                    {request.limits.memory, request.limits.processes});
  if (judging::is_required(request, "cgroup") &&
      (group.memory_by().empty() || group.processes_by().empty())) {
    return fail(
        fmt::format("isolation that is required cannot be had: cgroup: memory: {}; pids: {}",
                    group.memory_missing(), group.processes_missing()));
  }
  return judging::Run(request, group).go(path);
}

}  // namespace callgate
