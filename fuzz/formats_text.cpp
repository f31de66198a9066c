// Any bytes: parsing ends with a policy or with mistakes that have places; a policy is checked,
// printed, and reads back equal; what check passes has a verdict; laid out, it is the same policy.
#include <cstdlib>

#include "callgate/formats/text.h"
#include "callgate/policy/evaluate.h"

namespace {

using namespace callgate;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Calls near nothing in particular: that there is a verdict is all that is asked.
void evaluate_some(const Policy& policy) {
  for (const Arch arch : all_arches)
    for (const std::uint32_t number : {0u, 1u, 102u, 0x40000001u, 0xffffffffu}) {
      const SeccompData data{.nr = number, .arch = arch_info(arch).audit, .args = {1, 2, 3}};
      const Verdict verdict = evaluate(policy, all_arches, data);
      require(verdict.source != Verdict::Source::rule || verdict.rule.has_value());
    }
}

/// Whatever can be laid out stays as it is when it is laid out again.
std::string laid_out(std::string_view text) {
  const auto once = format_policy(text, "fuzz");
  if (!once) return {};
  const auto twice = format_policy(*once, "formatted");
  require(twice.has_value() && *twice == *once);
  return *once;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::string formatted = laid_out(text);
  auto parsed = parse_policy(text, "fuzz");
  if (!parsed) {
    const std::vector<Diagnostic>& found = parsed.error().diagnostics;
    require(has_errors(found));
    require(!render(found).empty());
    return 0;
  }
  std::vector<Diagnostic> findings = check(parsed->policy, all_arches);
  quote_lines(findings, text);
  require(findings.empty() || !render(findings).empty());
  const std::string printed = print_policy(parsed->policy);
  const auto again = parse_policy(printed, "printed");
  require(again.has_value());
  require(again->policy == parsed->policy);
  require(print_policy(again->policy) == printed);
  const auto same = parse_policy(formatted, "formatted");
  require(same.has_value() && same->policy == parsed->policy);
  if (!has_errors(findings) && parsed->policy.rules.size() < 100) evaluate_some(parsed->policy);
  return 0;
}
