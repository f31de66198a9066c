// The supervisor's first part: bringing the program to the point where its policy comes into force,
// and putting it into force there.
#pragma once

#include <sys/types.h>

#include "callgate/supervise/run.h"
#include "supervise/listener.h"

namespace callgate::supervise {

/// How a program was closed.
struct Closed {
  bool ended = false;          ///< it ended by itself before the point was reached
  Listener listener;           ///< where denials with an errno are notified
  bool wait_killable = false;  ///< callers of the listener wait undisturbed by signals (5.19)
  std::string degraded;        ///< why there is no listener although one was wanted
  std::string no_layer;        ///< why the program runs without the layer that it was given
};

/// What is needed to close. `errors` is a descriptor: the program is told why before it exits.
struct ClosingPlan {
  const Confinement& confinement;
  const Program& supervised;
  ClosePoint at = ClosePoint::entry;
  ReportLevel report = ReportLevel::full;
  bool log_only = false;
  bool adopts = false;  ///< orphans of the program become its children (it is init, or a subreaper)
  int errors = -1;
  int layer = -1;  ///< the program's descriptor of the layer that it was started with
  /// With ClosePoint::entry: the filter from the return of execve to the entry point, where the
  /// program must then have one thread. It has to leave seccomp(2) to the tracer (TRACE).
  const Program* loading = nullptr;
};

/// Options under which `program` must be seized first: it dies with us until it is closed.
[[nodiscard]] unsigned long closing_options() noexcept;

/// `program` is seized and runs towards execve. On return it is stopped at the point and closed, or
/// has ended. Where closing failed, the reason was written to plan.errors and the program made to
/// exit with run_failed, or killed where even that failed.
[[nodiscard]] Closed close_program(pid_t program, const ClosingPlan& plan);

}  // namespace callgate::supervise
