// Where a supervisor's findings go.
#pragma once

#include <memory>

#include "callgate/base/unique_fd.h"
#include "callgate/supervise/denial.h"

namespace callgate {

/// Receives a supervisor's findings, in its process and thread. A slow sink slows denied calls.
class DenialSink {
 public:
  virtual ~DenialSink() = default;
  /// The first of its kind; the thread that made the call still waits for its answer's effect.
  virtual void denial(const Denial& denial) = 0;
  /// Something about the supervision itself, one sentence.
  virtual void message(const std::string& text) = 0;
  /// The end: every kind that was met.
  virtual void counts(const std::vector<DenialCount>& counts) = 0;
  /// The program that was started has ended, but descendants live on. A sink that holds a pipe of
  /// the program's caller lets go of it here, so that the caller sees its end.
  virtual void program_ended() {}
};

/// Text for people, or one JSON object a line, to a descriptor. Writing errors (a closed terminal,
/// a full disk) lose the report and nothing else.
[[nodiscard]] std::unique_ptr<DenialSink> make_sink(UniqueFd out, bool json);

}  // namespace callgate
