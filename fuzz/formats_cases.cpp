// Any text as a table of cases: no crash; a mistake has a message, a case stands on a line of the
// text, and failures of it can be told.
#include <cstdlib>

#include "callgate/formats/cases.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace callgate;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto cases = parse_cases(text, "fuzz", Arch::x86_64);
  if (!cases) {
    if (cases.error().text().empty()) std::abort();
    return 0;
  }
  static const Program program = *Program::verify({{.code = 0x06, .k = 0x7fff0000}});  // ret allow
  for (const VerdictCase& one : *cases) {
    if (one.place.line == 0 || one.call.text.empty()) std::abort();
  }
  for (const FailedCase& failed : failed_cases(*cases, program)) {
    if (explain_failure((*cases)[failed.index], failed).message.empty()) std::abort();
  }
  return 0;
}
