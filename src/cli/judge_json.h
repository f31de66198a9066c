// A judgement for people and for programs; docs/json.md has the members.
#pragma once

#include <string>

#include "callgate/judge/judge.h"

namespace callgate::cli {

/// Several lines: the verdict, what was used, what was refused, what was not in force.
[[nodiscard]] std::string judgement_text(const Judgement& judged);
/// One JSON object and a newline.
[[nodiscard]] std::string judgement_json(const Judgement& judged);

}  // namespace callgate::cli
