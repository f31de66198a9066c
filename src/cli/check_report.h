// What check says of several sources: for people, as JSON (docs/json.md) and as SARIF 2.1.0.
#pragma once

#include <string>
#include <vector>

#include "callgate/abi/groups.h"
#include "callgate/findings/finding.h"

namespace callgate::cli {

/// What was found in one source.
struct CheckReport {
  std::string path;
  std::vector<Arch> arches;  ///< checked for; empty if the source could not be read
  std::vector<Finding> findings;
  std::size_t known = 0;             ///< left out: the older version has them as well
  std::vector<const Group*> groups;  ///< that its rules use, if they are asked for
};

/// `lists_accepted`: accepted findings stand among the others, else they are counted.
[[nodiscard]] std::string check_text(const std::vector<CheckReport>& reports, bool lists_accepted);
[[nodiscard]] std::string check_json(const std::vector<CheckReport>& reports, bool lists_accepted);
/// Accepted findings are there, as suppressed ones.
[[nodiscard]] std::string check_sarif(const std::vector<CheckReport>& reports);

}  // namespace callgate::cli
