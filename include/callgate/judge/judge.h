// Running an untrusted program once, confined and limited, and saying how that went.
//
//   JudgeRequest request;
//   request.policy = policy;                         // arches filled in
//   request.command = {"./solution"};
//   request.limits.time = std::chrono::seconds(2);
//   CALLGATE_TRY(const Judgement judged, judge(request));
//   if (judged.verdict == JudgeVerdict::ok) compare(judged.output);
//
// docs/judge.md says what each verdict rests on and what is in force where.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// What a program may use up. All of its threads and processes count together.
struct JudgeLimits {
  std::chrono::microseconds time{std::chrono::seconds(10)};  ///< of processors
  std::chrono::microseconds wall{std::chrono::seconds(30)};  ///< from its start to its end
  std::uint64_t memory = 256u << 20;                         ///< bytes
  std::uint64_t output = 64u << 20;                          ///< bytes, stdout and stderr together
  std::uint64_t processes = 64;                              ///< threads count as well
  std::uint64_t stack = 64u << 20;                           ///< bytes, of each thread
};

/// What is started, and under what. The program gets no descriptor but 0, 1 and 2.
struct JudgeRequest {
  std::vector<std::string> command;
  Policy policy;  ///< for the ABIs in its `arches`
  JudgeLimits limits;
  std::string input = "/dev/null";       ///< opened for reading as standard input
  std::vector<std::string> environment;  ///< "NAME=value", nothing else is passed on
  std::string folder;                    ///< working directory; empty: the caller's
  bool denial_ends = false;              ///< the first denial ends the program
  std::vector<std::string> readable;     ///< trees that it may read besides the system's libraries
  std::optional<uid_t> user;             ///< run as that user and group of the same number (root)
  std::vector<std::string> required;     ///< isolation without which nothing is started
  std::vector<std::string> without;      ///< isolation that is not used though it could be had
};

enum class JudgeVerdict : std::uint8_t {
  ok,      ///< it ended with 0, within all limits
  exit,    ///< it ended with another code
  signal,  ///< a signal ended it
  time,    ///< processor time or wall time
  memory,
  output,
  processes,  ///< it failed after it was refused a process or thread
  denied,     ///< it failed after its policy refused a call, or was ended for that
  start,      ///< it ended before its policy was in force: its loader failed, or was made to
};
[[nodiscard]] std::string_view verdict_name(JudgeVerdict verdict) noexcept;

/// A kind of call that the policy refused.
struct JudgedDenial {
  enum class Kind : std::uint8_t {
    denial,    ///< counts for the verdict
    fallback,  ///< ENOSYS: the program was told that the call does not exist
    probe,     ///< what run-times look at when they start, and do without
  };
  Kind kind = Kind::denial;
  std::string call;  ///< "socket"
  std::string text;  ///< "socket(domain=AF_INET, ...) = EPERM"
  std::string rule;  ///< "compute.policy:40:1" or the default that decided
};

/// One kind of isolation or limit.
struct JudgeMeasure {
  std::string name;  ///< "pid", "memory"
  std::string how;   ///< "namespace", "cgroup v1", "rlimit and polling"; empty: not in force
  std::string why;   ///< why not, or not as well as could be
};

struct Judgement {
  JudgeVerdict verdict = JudgeVerdict::start;
  std::string detail;            ///< what of the verdict: "processor time", the denied call
  std::optional<int> exit_code;  ///< if it ended by itself
  std::optional<int> signal;     ///< if a signal ended it, that of the judge included
  std::chrono::microseconds wall{0};
  std::chrono::microseconds cpu{0};
  std::uint64_t peak_memory = 0;   ///< bytes
  std::uint64_t output_bytes = 0;  ///< written, of which at most the limit was kept
  std::string output;              ///< standard output
  std::string errors;              ///< standard error
  std::vector<JudgedDenial> denials;
  std::vector<JudgeMeasure> isolation;
  std::vector<JudgeMeasure> limits;
};

/// Runs the command to its end, or to a limit, and leaves no process behind. Errors are the judge's
/// own, or the caller's, and say nothing about the program: it was not found, cannot be executed,
/// the policy does not compile, isolation that is required cannot be had, a part of the judge was
/// ended from outside. The calling process must have one thread and no children; SIGINT, SIGTERM
/// and SIGHUP end the program and are an error.
[[nodiscard]] Result<Judgement> judge(const JudgeRequest& request);

}  // namespace callgate
