// What a replay found, for people and as JSON.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "callgate/kernel/release.h"
#include "callgate/trace/replay.h"
#include "cli/explain_call.h"

namespace callgate::cli {

/// Everything that there is to tell.
struct ReplayReport {
  std::string trace;
  TraceForm form = TraceForm::binary;
  std::string policy;
  std::uint64_t events = 0;
  std::vector<ReplayRow> rows;
  std::map<std::string, UnreadLine, std::less<>> unread;
  TraceEnd end;
  std::optional<KernelRelease> kernel;  ///< whose view `fate` of the rows is
};

/// How many calls have a fate; what could not be read is unclear.
[[nodiscard]] std::array<std::uint64_t, call_fate_count> fates(const ReplayReport& report);
/// Sets the fates of rows to what a release makes of what the filter returns.
void view_by_kernel(ReplayReport& report, const ExplainedSource& source);

/// `all`: calls that are allowed are listed, too.
[[nodiscard]] std::string replay_text(const ReplayReport& report, const ExplainedSource& source,
                                      bool all);
[[nodiscard]] std::string replay_json(const ReplayReport& report, const ExplainedSource& source);

}  // namespace callgate::cli
