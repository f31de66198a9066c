// What the readers of the two forms of text have in common: lines until a block is full.
#pragma once

#include "trace/dictionary.h"
#include "trace/input.h"

namespace callgate::tracing {

class LineReader : public TraceReader {
 public:
  explicit LineReader(Input input) : input_(std::move(input)) {}

  Result<bool> next(TraceBlock& block) final {
    builder_.begin();
    while (!done_ && !builder_.is_full()) CALLGATE_CHECK(next_line());
    block = builder_.block();
    return !builder_.is_empty();
  }
  [[nodiscard]] TraceEnd end() const final { return end_; }
  [[nodiscard]] std::uint64_t offset() const noexcept final { return input_.offset(); }

 protected:
  /// Reads one line into `builder_`; sets `done_` and `end_` where there is none.
  virtual Result<void> next_line() = 0;

  Input input_;
  BlockBuilder builder_;
  TraceEnd end_;
  bool done_ = false;
};

}  // namespace callgate::tracing
