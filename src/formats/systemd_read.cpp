#include <fmt/format.h>

#include <algorithm>

#include "callgate/abi/groups.h"
#include "formats/systemd_filters.h"

namespace callgate {
namespace {

/// Line `number` of a text, as parse_lines counts them.
std::string_view line_of(std::string_view text, std::uint32_t number) {
  for (;;) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    if (number <= 1 || end == text.size()) return number <= 1 ? text.substr(0, end) : "";
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
    --number;
  }
}

void quote(std::vector<Diagnostic>& diagnostics, std::span<const UnitFile> files) {
  for (Diagnostic& diagnostic : diagnostics) {
    const Place& place = diagnostic.place;
    for (const UnitFile& file : files) {
      if (place.line == 0 || file.path != place.file) continue;
      diagnostic.source_line = line_of(file.text, place.line);
    }
  }
}

}  // namespace

bool looks_like_unit(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const std::size_t first = line.find_first_not_of(blanks);
    if (first != std::string_view::npos && line[first] != '#' && line[first] != ';') {
      // Names of sections begin with a capital, which keeps lists of JSON out.
      const char name = line.substr(first).size() > 1 ? line[first + 1] : '\0';
      return line[first] == '[' && name >= 'A' && name <= 'Z' &&
             line[line.find_last_not_of(blanks)] == ']';
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

Result<UnitImport> read_unit(std::span<const UnitFile> files, const UnitContext& context) {
  if (systemd::local_arches(context.arch).empty()) {
    return fail(
        fmt::format("what systemd loads on {} is not modelled", arch_info(context.arch).name),
        "read the unit for x86_64 or aarch64");
  }
  if (find_group("systemd/default") == nullptr) {
    return fail("the groups of systemd are not among callgate's tables");
  }
  std::vector<Diagnostic> diagnostics;
  const systemd::Settings settings = systemd::read_settings(files, context, diagnostics);
  const systemd::FilterStack stack = systemd::filters_of(settings, context, diagnostics);
  if (has_errors(diagnostics)) {
    quote(diagnostics, files);
    return fail(Error(std::move(diagnostics)));
  }
  for (const systemd::Filter& filter : stack.filters) {
    if (!systemd::is_lost_on_i386(filter, context)) continue;
    diagnostics.push_back(
        {Severity::warning,
         "this list has no effect on i386: libseccomp 2.5.4 makes an empty filter of calls that "
         "have no number there",
         filter.rules.front().place,
         "list a call that has one, or say SystemCallArchitectures=native",
         {},
         "reader-drops"});
  }
  if (stack.filters.empty() && stack.unlisted == allow) {
    diagnostics.push_back({Severity::warning,
                           "no setting of this unit restricts a system call",
                           {.file = files.empty() ? std::string() : files.front().path},
                           {},
                           {},
                           "no-filter"});
  }
  quote(diagnostics, files);
  return UnitImport{systemd::stack_policy(stack, context), std::move(diagnostics)};
}

}  // namespace callgate
