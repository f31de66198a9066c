// Findings that somebody has looked at and accepts, each with a reason.
//
//   # callgate: accept twin-open "openat is refused by the broker"
//   errno(EACCES) open
//
// or a baseline, a JSON file beside the profile: {"accepted": [{"id", "subject", "path"?,
// "reason"}]}. What keeps a policy from being compiled is not accepted by anybody.
#pragma once

#include "callgate/base/result.h"
#include "callgate/findings/finding.h"
#include "callgate/formats/text.h"

namespace callgate {

/// One acceptance.
struct Acceptance {
  std::string id;
  std::string reason;
  std::string subject;     ///< Finding::subject; empty for a comment, which goes by its line
  std::string path;        ///< of the source; empty in a baseline: any
  std::uint32_t line = 0;  ///< of the statement that a comment is about; 0: there is none after it
  Place place;             ///< of the acceptance itself
};

/// Acceptances, and what was wrong with others ("acceptance-invalid").
struct Acceptances {
  std::vector<Acceptance> list;
  std::vector<Finding> invalid;
};

/// The comments of a policy's texts. One behind a statement is about it, one that stands alone
/// about the next. A finding without a line is accepted by any comment of the file.
[[nodiscard]] Acceptances read_acceptances(std::span<const SourceText> texts);

/// A baseline. Errors: what is not JSON of that form. An entry without a reason, or with an id that
/// there is not, is among `invalid`.
[[nodiscard]] Result<Acceptances> read_baseline(std::string_view json, const std::string& file);

/// Marks the findings of one source that are accepted, and adds a note for each acceptance that is
/// for this source and accepts nothing. `policy` may be null; `path` is the source's.
void accept(std::vector<Finding>& findings, std::span<const Acceptance> acceptances,
            const Policy* policy, std::string_view path);

/// True for what a baseline may accept: no note, and nothing that keeps a policy from compiling.
[[nodiscard]] bool is_acceptable(const Finding& finding) noexcept;

/// Findings of one source, for a baseline.
struct BaselineSource {
  std::string path;
  std::span<const Finding> findings;
};
/// A baseline of all acceptable findings: those accepted keep their reason, the others get
/// `reason`.
[[nodiscard]] std::string write_baseline(std::span<const BaselineSource> sources,
                                         std::string_view reason);

}  // namespace callgate
