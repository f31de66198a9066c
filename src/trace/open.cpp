#include "callgate/trace/trace.h"
#include "trace/layout.h"
#include "trace/readers.h"

namespace callgate {
namespace {

Result<std::unique_ptr<TraceReader>> choose(tracing::Input input, const TraceOptions& options) {
  CALLGATE_TRY(const std::string_view start, input.peek(4096));
  if (start.empty()) return fail(input.name() + ": empty, where a trace has calls");
  if (start.starts_with(tracing::magic)) return tracing::read_binary(std::move(input));
  if (tracing::magic.starts_with(start) && start.front() == tracing::magic.front()) {
    return fail(input.error_at(start.size(), "the trace's head is cut"));
  }
  const std::size_t first = start.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && start[first] == '{') {
    return tracing::read_json_lines(std::move(input), options);
  }
  if (start.find('\0') != std::string_view::npos) {
    return fail(input.error_at(start.find('\0'), "no trace: neither its mark at the start nor text",
                               "docs/replay.md describes the forms"));
  }
  return tracing::read_strace(std::move(input), options);
}

}  // namespace

std::string_view trace_form_name(TraceForm form) noexcept {
  switch (form) {
    case TraceForm::binary: return "binary";
    case TraceForm::json_lines: return "JSON lines";
    case TraceForm::strace: return "strace";
  }
  return "unknown";
}

Result<std::unique_ptr<TraceReader>> open_trace(const std::string& path,
                                                const TraceOptions& options) {
  CALLGATE_TRY(tracing::Input input, tracing::Input::open(path));
  return choose(std::move(input), options);
}

Result<std::unique_ptr<TraceReader>> read_trace(std::string_view bytes, const std::string& name,
                                                const TraceOptions& options) {
  return choose(tracing::Input::of_memory(bytes, name), options);
}

}  // namespace callgate
