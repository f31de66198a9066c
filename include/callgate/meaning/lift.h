// From what is executed back to what a person would write.
#pragma once

#include "callgate/meaning/survey.h"

namespace callgate {

/// A policy that is proved equal to the subject for every seccomp_data: rules grouped by action and
/// condition, calls by name, `otherwise`, `unknown` and `unlisted` chosen so that the rules are
/// few. `abi` is newest_release(). A policy that takes too much to be said anew is handed out as it
/// was, with its `abi` and the subject's ABIs.
/// Errors: what a policy cannot say (a return value of unknown kind, tests of two words against one
/// another, decisions about audit architectures that no ABI has), with the first witness; what
/// passes the budget, naming the call.
[[nodiscard]] Result<Policy> lift(const Subject& subject, const SurveyOptions& options = {});

}  // namespace callgate
