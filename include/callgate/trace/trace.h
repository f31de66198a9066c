// Recorded system calls, in any of the forms that callgate reads: its own binary form, JSON lines,
// and what strace prints. docs/replay.md describes them.
//
//   CALLGATE_TRY(auto reader, open_trace("app.trace"));
//   for (TraceBlock block;;) {
//     CALLGATE_TRY(const bool more, reader->next(block));
//     if (!more) break;
//     ...
//   }
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/bpf/outcomes.h"

namespace callgate {

/// The forms of a trace.
enum class TraceForm : std::uint8_t { binary, json_lines, strace };
[[nodiscard]] std::string_view trace_form_name(TraceForm form) noexcept;

/// Some calls of a trace, in order. Calls that are alike are told once, in `calls`, and have a
/// number by which the events name them: 1 for the first of the trace, and so on. The spans hold
/// until the reader's next step.
struct TraceBlock {
  bool restart = false;                ///< what was told before is forgotten; numbers begin anew
  std::span<const PartialCall> calls;  ///< that have not been told yet
  std::span<const std::uint32_t> ids;  ///< events: each the number of a call that was told
  // Columns beside `ids`; empty where the trace has none.
  std::span<const std::uint32_t> threads;  ///< 0: not known
  std::span<const std::uint64_t> times;    ///< nanoseconds since the epoch; 0: not known
  std::span<const std::uint64_t> counts;   ///< how often; else each is once
  std::span<const std::uint64_t> lines;    ///< in a text
};

/// Something in a trace that is not to be read as a call.
struct UnreadLine {
  std::uint64_t times = 0;
  std::uint64_t first_line = 0;
};

/// How a trace ends.
struct TraceEnd {
  bool whole = true;         ///< else it was cut: it ends within something, or without its end mark
  std::uint64_t offset = 0;  ///< the byte up to which it was read
  std::string what;          ///< where it is not whole: what it ends in
};

/// Reads one trace from its start to its end. Not thread-safe.
class TraceReader {
 public:
  virtual ~TraceReader() = default;
  TraceReader() = default;
  TraceReader(const TraceReader&) = delete;
  TraceReader& operator=(const TraceReader&) = delete;

  /// The next calls; false at the end. Errors: what cannot be read, with its offset or line. After
  /// one, nothing more is to be asked.
  [[nodiscard]] virtual Result<bool> next(TraceBlock& block) = 0;
  /// Once next() has said false.
  [[nodiscard]] virtual TraceEnd end() const = 0;
  /// Bytes read so far.
  [[nodiscard]] virtual std::uint64_t offset() const noexcept = 0;
  [[nodiscard]] virtual TraceForm form() const noexcept = 0;
  /// What was met of calls that no ABI's tables have, and of lines that are none: by what they are.
  [[nodiscard]] const std::map<std::string, UnreadLine, std::less<>>& unread() const noexcept {
    return unread_;
  }

 protected:
  std::map<std::string, UnreadLine, std::less<>> unread_;
};

struct TraceOptions {
  Arch arch = native_arch();  ///< of the calls in texts that name no ABI
};

/// Opens a trace, "-" for standard input, in whatever form its first bytes say it has. It is read
/// as it goes, a pipe too; memory is bounded by what the forms allow in one piece, never by a
/// length in the file. Errors: not found, unreadable, a binary form of another version.
[[nodiscard]] Result<std::unique_ptr<TraceReader>> open_trace(const std::string& path,
                                                              const TraceOptions& options = {});
/// The same for bytes in memory, which must outlive the reader. `name` is for messages.
[[nodiscard]] Result<std::unique_ptr<TraceReader>> read_trace(std::string_view bytes,
                                                              const std::string& name,
                                                              const TraceOptions& options = {});

/// The longest line of a text form.
inline constexpr std::size_t longest_trace_line = std::size_t{1} << 20;

}  // namespace callgate
