#include "callgate/compiler/frequencies.h"

#include <algorithm>
#include <charconv>

#include "callgate/abi/syscalls.h"

namespace callgate {
namespace {

constexpr std::string_view blanks = " \t\r";
constexpr const char* form = "a line is CALL COUNT or ABI:CALL COUNT, as in `openat 1200`";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const bool is_hex = text.starts_with("0x");
  if (is_hex) text.remove_prefix(2);
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, is_hex ? 16 : 10);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string_view nearest_call(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Syscall& call : syscalls(Arch::x86_64)) names.push_back(call.name);
  return nearest(name, names);
}

/// One line at a time; keeps the errors.
class FrequencyReader {
 public:
  explicit FrequencyReader(std::string_view file) : file_(file) {}

  void read(std::string_view line) {
    ++line_;
    whole_ = line;
    const std::string_view text = trimmed(line.substr(0, line.find('#')));
    if (text.empty()) return;
    const std::size_t gap = text.find_first_of(blanks);
    if (gap == text.npos) return refuse(text, "a call without a count", form);
    const std::string_view count = trimmed(text.substr(gap));
    Frequencies::Count entry;
    if (!parse_number(count, entry.count)) return refuse(count, "this is not a count", form);
    if (read_call(text.substr(0, gap), entry)) frequencies_.counts.push_back(std::move(entry));
  }

  Result<Frequencies> finish() {
    if (!diagnostics_.empty()) return fail(Error(std::move(diagnostics_)));
    return std::move(frequencies_);
  }

 private:
  bool read_call(std::string_view text, Frequencies::Count& entry) {
    std::string_view call = text;
    if (const std::size_t colon = text.find(':'); colon != text.npos) {
      call = text.substr(colon + 1);
      entry.arch = find_arch(text.substr(0, colon));
      if (!entry.arch) return refuse(text.substr(0, colon), "no ABI has this name", form), false;
    }
    entry.call = call;
    std::uint32_t number = 0;
    if (parse_number(call, number)) {
      if (entry.arch) return true;
      return refuse(call, "a number is a call on one ABI only", "name the ABI: x86_64:257"), false;
    }
    const auto has_it = [&](Arch arch) { return find_syscall(arch, call) != nullptr; };
    if (entry.arch ? has_it(*entry.arch) : std::ranges::any_of(all_arches, has_it)) return true;
    const std::string_view meant = nearest_call(call);
    const std::string message =
        entry.arch ? std::string(arch_info(*entry.arch).name) + " has no call of this name"
                   : "no ABI has a call of this name";
    refuse(call, message, meant.empty() ? "" : "did you mean `" + std::string(meant) + "`?");
    return false;
  }

  /// `part` is a piece of the current line.
  void refuse(std::string_view part, std::string message, std::string hint) {
    const auto column = static_cast<std::uint32_t>(part.data() - whole_.data() + 1);
    diagnostics_.push_back({.severity = Severity::error,
                            .message = std::move(message),
                            .place = {.file = std::string(file_),
                                      .line = line_,
                                      .column = column,
                                      .length = static_cast<std::uint32_t>(part.size())},
                            .hint = std::move(hint),
                            .source_line = std::string(whole_),
                            .id = {}});
  }

  std::string_view file_;
  std::string_view whole_;
  std::uint32_t line_ = 0;
  Frequencies frequencies_;
  std::vector<Diagnostic> diagnostics_;
};

}  // namespace

std::optional<std::uint32_t> Frequencies::Count::number_on(Arch abi) const {
  if (arch.value_or(abi) != abi) return std::nullopt;
  if (const Syscall* found = find_syscall(abi, std::string_view(call))) return found->number;
  std::uint32_t number = 0;
  if (arch && parse_number(call, number)) return number;
  return std::nullopt;
}

Result<Frequencies> parse_frequencies(std::string_view text, std::string_view file) {
  FrequencyReader reader(file);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    reader.read(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return reader.finish();
}

}  // namespace callgate
