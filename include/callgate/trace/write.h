// Writing a trace as it is recorded.
//
//   CALLGATE_TRY(auto writer, TraceWriter::create(std::move(fd), {Arch::x86_64, Arch::i386}));
//   CALLGATE_CHECK(writer.add(call, {.thread = tid}));   // from time to time: writer.flush()
//   CALLGATE_CHECK(writer.finish());
#pragma once

#include <memory>
#include <span>

#include "callgate/base/unique_fd.h"
#include "callgate/trace/trace.h"

namespace callgate {

/// An ABI that a trace may have calls of.
struct TraceAbi {
  std::uint32_t audit = 0;
  std::string name;  ///< at most 23 bytes
  bool operator==(const TraceAbi&) const = default;
};
/// Those of these ABIs, each audit number once.
[[nodiscard]] std::vector<TraceAbi> trace_abis(std::span<const Arch> arches);

/// What is known of one event besides the call.
struct TraceEvent {
  std::uint32_t thread = 0;  ///< 0: not known
  std::uint64_t time = 0;    ///< nanoseconds since the epoch; 0: not known
  std::uint64_t count = 1;   ///< so many events alike
};

/// Writes the binary form to a descriptor, front to back, in pieces that are whole by themselves:
/// what has been flushed can be read whatever happens afterwards. Memory is bounded (some 100 MiB).
/// Not thread-safe.
class TraceWriter {
 public:
  /// Writes the head. Errors: more than 64 ABIs, a name too long; those of write(2).
  [[nodiscard]] static Result<TraceWriter> create(UniqueFd out, std::span<const TraceAbi> abis);
  TraceWriter(TraceWriter&&) noexcept;
  TraceWriter& operator=(TraceWriter&&) noexcept;
  ~TraceWriter();

  /// Adds one event. Errors: a call of an ABI that the head does not list; a count of 0; those of
  /// write(2).
  [[nodiscard]] Result<void> add(const PartialCall& call, const TraceEvent& event);
  /// Writes out what was added.
  [[nodiscard]] Result<void> flush();
  /// The same, and the end mark; nothing may be added afterwards.
  [[nodiscard]] Result<void> finish();

 private:
  struct State;
  explicit TraceWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// One event as a line of JSON, newline included.
[[nodiscard]] std::string trace_json_line(const PartialCall& call, const TraceEvent& event);

}  // namespace callgate
