// What decides a call: the rule, the path through the instructions, what the kernel makes of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "callgate/compiler/compile.h"
#include "callgate/formats/call.h"
#include "callgate/kernel/release.h"
#include "callgate/meaning/survey.h"
#include "callgate/policy/evaluate.h"
#include "cli/program_json.h"
#include "cli/sources.h"

namespace callgate::cli {

/// A source and the program that is made of it.
struct ExplainedSource {
  QuestionedSource question;
  std::optional<Compilation> made;  ///< of a policy

  /// The programs that decide, the oldest first.
  [[nodiscard]] std::span<const Program> programs() const noexcept {
    return made ? std::span(&made->program, 1) : question.source.programs();
  }
  [[nodiscard]] const Policy* policy() const noexcept { return question.source.policy(); }
};

/// What decides a call of a policy: place, index and words of the rule, or the default. None for
/// programs, which have no rules.
struct DecidedBy {
  Verdict verdict;
  Place place;       ///< may be empty
  std::string text;  ///< "allow read, write", "otherwise errno(EPERM)"
};
[[nodiscard]] std::optional<DecidedBy> decided_by(const ExplainedSource& source,
                                                  const SeccompData& data);
/// "app.policy:7: allow read, write"
[[nodiscard]] std::string decided_text(const DecidedBy& by);
/// A member "by" of an object that the caller has opened; null for programs.
void write_decided(JsonWriter& writer, const std::optional<DecidedBy>& by);

/// One call and its answer. Errors: the program, the rules and the Meaning do not agree, which is a
/// defect.
[[nodiscard]] Result<std::string> call_report(const ExplainedSource& source,
                                              const CallExpression& call, Release release);
/// An object for it.
[[nodiscard]] Result<void> write_call(JsonWriter& writer, const ExplainedSource& source,
                                      const CallExpression& call, Release release);

}  // namespace callgate::cli
