// A trace written in another form while it is read.
#pragma once

#include <string>
#include <vector>

#include "callgate/trace/write.h"

namespace callgate::cli {

/// Writes what it is given to a file that takes the place of the old one at the end, and not
/// before.
class TraceCopy {
 public:
  /// JSON lines where the file's name ends in .jsonl or .json, else the binary form; "-" is
  /// standard output.
  [[nodiscard]] static Result<TraceCopy> create(const std::string& path);
  TraceCopy(TraceCopy&& other) noexcept;
  TraceCopy& operator=(TraceCopy&&) = delete;
  /// Removes what was not finished.
  ~TraceCopy();

  [[nodiscard]] Result<void> take(const TraceBlock& block);
  [[nodiscard]] Result<void> finish();

 private:
  explicit TraceCopy(std::string path) : path_(std::move(path)) {}
  Result<void> write_lines();

  std::string path_;
  std::string made_;  ///< the file that is being written; empty for standard output
  UniqueFd out_;      ///< of JSON lines
  std::optional<TraceWriter> binary_;
  std::vector<PartialCall> calls_;  ///< by the trace's number, from 1
  std::string lines_;
};

}  // namespace callgate::cli
