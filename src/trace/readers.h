// The readers of the three forms.
#pragma once

#include "callgate/trace/trace.h"
#include "trace/input.h"

namespace callgate::tracing {

/// Errors: not this version, a head that is damaged.
[[nodiscard]] Result<std::unique_ptr<TraceReader>> read_binary(Input input);
[[nodiscard]] Result<std::unique_ptr<TraceReader>> read_json_lines(Input input,
                                                                   const TraceOptions& options);
[[nodiscard]] Result<std::unique_ptr<TraceReader>> read_strace(Input input,
                                                               const TraceOptions& options);

}  // namespace callgate::tracing
