// What the questions that name calls (survey, difference, lifting) begin with.
#pragma once

#include "callgate/meaning/subject.h"
#include "callgate/meaning/survey.h"
#include "meaning/call_map.h"
#include "meaning/decider.h"

namespace callgate::meaning {

/// The target that the programs of some subjects share; none if there are only policies, whose
/// words have names. Error: different targets.
[[nodiscard]] Result<std::optional<Target>> target_of(std::span<const Subject* const> subjects);

/// The ABIs that a question about these subjects names, in the order of all_arches: those asked
/// for, or those of the policies and those that one of the layers 1 tells apart.
[[nodiscard]] Result<std::vector<Arch>> named_arches(std::span<const Subject* const> subjects,
                                                     std::span<const Arch> asked, FirstLayer& layer,
                                                     std::span<const Diagram> roots);

/// How a survey is taken beyond its options.
struct SurveyManner {
  bool with_strangers = true;   ///< everything that is no ABI of the survey is part of it
  bool names_constants = true;  ///< constants stand by name
};
[[nodiscard]] Result<Survey> take_survey(const Subject& subject, const SurveyOptions& options,
                                         const SurveyManner& manner);

/// A call of a piece with some arguments.
[[nodiscard]] SeccompData call_of(const Piece& piece, Assignment example);

/// "x86_64 ioctl", "i386 500": the calls of a piece, for messages.
[[nodiscard]] std::string name_of(const Piece& piece);

/// Layer 1 past its budget.
[[nodiscard]] tl::unexpected<Error> first_layer_overflow();

}  // namespace callgate::meaning
