#include "callgate/meaning/subject.h"

#include "callgate/bpf/emulate.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"
#include "meaning/combined_side.h"

namespace callgate {

Subject::Subject(Program program) : content_(StackSubject{{std::move(program)}}) {}

Subject::Subject(Combined combined) : content_(std::move(combined)) {}

Subject Subject::strictest(std::vector<Subject> parts) {
  return Combined{Combine::strictest, std::move(parts)};
}

Subject Subject::loosest(std::vector<Subject> parts) {
  return Combined{Combine::loosest, std::move(parts)};
}

std::uint32_t Subject::at(const SeccompData& data) const {
  if (const auto* one = std::get_if<PolicySubject>(&content_))
    return normalise(returned(one->policy, one->arches, data));
  std::vector<std::uint32_t> answers;
  if (const auto* stack = std::get_if<StackSubject>(&content_)) {
    for (const Program& program : stack->programs)
      answers.push_back(normalise(emulate(program, data)));
    return meaning::combined(Combine::strictest, answers);
  }
  const auto& content = std::get<Combined>(content_);
  for (const Subject& part : content.parts) answers.push_back(part.at(data));
  return meaning::combined(content.how, answers);
}

}  // namespace callgate
