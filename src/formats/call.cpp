#include "callgate/formats/call.h"

#include <fmt/format.h>

#include <charconv>

#include "callgate/abi/constants.h"

namespace callgate {
namespace {

constexpr std::uint64_t some_pointer = 0x1000;

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::uint64_t low_bits(std::uint64_t value, unsigned bits) {
  return bits >= 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
}

/// What a value says of the word that holds it: the bits that the kernel keeps.
Known known_of(unsigned bits, unsigned word_bits) {
  if (bits >= word_bits) return Known::all;
  return bits >= 32 ? Known::low32 : Known::low16;
}

/// A value and how it was written.
struct Written {
  std::uint64_t value = 0;
  bool is_cut = false;   ///< with - or ~: as wide as the parameter
  bool is_text = false;  ///< "text"
};

class CallParser {
 public:
  CallParser(std::string_view text, Arch arch) : text_(text) {
    result_.text = text;
    result_.arch = arch;
  }

  Result<CallExpression> run() {
    CALLGATE_CHECK(parse_name());
    skip_blanks();
    if (accept('(')) CALLGATE_CHECK(parse_arguments());
    skip_blanks();
    if (at_ != text_.size()) return error(at_, "expected the end of the call");
    return result_;
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool accept(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view word() {
    skip_blanks();
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word_char(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }
  tl::unexpected<Error> error(std::size_t at, std::string message, std::string hint = {}) const {
    return fail(Error(
        Diagnostic{.message = std::move(message),
                   .place = {"call", 1, static_cast<std::uint32_t>(at + 1), 1},
                   .hint = std::move(hint),
                   .source_line = result_.text.size() <= 400 ? result_.text : std::string()}));
  }

  Result<void> parse_name() {
    std::size_t start = at_;
    std::string_view name = word();
    result_.data.arch = arch_info(result_.arch).audit;
    if (accept(':')) {
      CALLGATE_CHECK(set_arch(start, name));
      skip_blanks();
      start = at_;
      name = word();
    }
    if (name.empty()) return error(start, "expected the name or number of a call");
    if (name.front() >= '0' && name.front() <= '9') return set_number(start, name);
    if (is_audit_number_) return error(start, "an audit architecture goes with a call's number");
    result_.call = find_syscall(result_.arch, name);
    if (result_.call == nullptr) {
      const std::string_view best = nearest(name, syscall_names());
      return error(
          start,
          "no call `" + std::string(name) + "` on " + std::string(arch_info(result_.arch).name),
          best.empty() || best == name ? "" : "did you mean `" + std::string(best) + "`?");
    }
    result_.data.nr = result_.call->number;
    return {};
  }

  Result<void> set_arch(std::size_t start, std::string_view name) {
    if (const auto arch = find_arch(name)) {
      result_.arch = *arch;
      result_.data.arch = arch_info(*arch).audit;
      return {};
    }
    const auto audit = parse_integer(name);
    if (!audit || *audit > 0xffffffff)
      return error(start, "no architecture `" + std::string(name) + "`");
    result_.data.arch = static_cast<std::uint32_t>(*audit);
    is_audit_number_ = true;
    return {};
  }

  Result<void> set_number(std::size_t start, std::string_view name) {
    const auto number = parse_integer(name);
    if (!number || *number > 0xffffffff)
      return error(start, "`" + std::string(name) + "` is no call number");
    result_.data.nr = static_cast<std::uint32_t>(*number);
    if (is_audit_number_) {
      const auto arch = classify(result_.data.arch, result_.data.nr);
      if (!arch) return {};
      result_.arch = *arch;
    }
    result_.call = find_syscall(result_.arch, result_.data.nr);
    return {};
  }

  Result<void> parse_arguments() {
    if (accept(')')) return {};
    std::size_t position = 0;
    for (;;) {
      CALLGATE_CHECK(parse_argument(position));
      if (accept(')')) return {};
      if (!accept(',')) return error(at_, "expected `,` or `)`");
    }
  }

  /// One argument; only one without a name takes the next position.
  Result<void> parse_argument(std::size_t& position) {
    skip_blanks();
    const std::size_t start = at_;
    const std::string_view name = word();
    if (name == "args" && accept('[')) return parse_raw_word(start);
    if (name == "ip" && accept('=')) return parse_instruction_pointer();
    const Parameter* parameter = nullptr;
    if (!name.empty() && accept('=')) {
      parameter = result_.call == nullptr ? nullptr : find_parameter(*result_.call, name);
      if (parameter == nullptr) return error(start, "no parameter `" + std::string(name) + "`");
    } else {
      at_ = start;
      CALLGATE_TRY(parameter, positional(position));
      ++position;
    }
    const std::size_t value_at = at_;
    CALLGATE_TRY(const Written written, parse_value(parameter));
    if (parameter != nullptr) return place(value_at, *parameter, written);
    give(position - 1, written.value, written.is_text ? Known::not_null : Known::all);
    return {};
  }

  void give(std::size_t index, std::uint64_t value, Known known) {
    result_.data.args[index] = value;
    result_.given[index] = known;
  }

  Result<void> parse_instruction_pointer() {
    CALLGATE_TRY(const Written written, parse_value(nullptr));
    result_.data.instruction_pointer = written.value;
    result_.ip_given = Known::all;
    return {};
  }

  Result<void> parse_raw_word(std::size_t start) {
    const auto index = parse_integer(word());
    if (!index || *index > 5 || !accept(']') || !accept('='))
      return error(start, "a raw word is written args[0]=VALUE to args[5]=VALUE");
    CALLGATE_TRY(const Written written, parse_value(nullptr));
    give(static_cast<std::size_t>(*index), written.value, Known::all);
    return {};
  }

  /// The parameter in that position; null where the tables know none and words are meant.
  Result<const Parameter*> positional(std::size_t position) const {
    const Syscall* call = result_.call;
    if (call == nullptr || !call->signature_known) {
      if (position >= 6) return error(at_, "a call has at most 6 arguments");
      return nullptr;
    }
    if (position >= call->parameters.size())
      return error(at_,
                   std::string(call->name) + " has " + std::to_string(call->parameters.size()) +
                       " parameters",
                   "args[i]=VALUE sets a raw word");
    return &call->parameters[position];
  }

  Result<void> place(std::size_t at, const Parameter& parameter, const Written& written) {
    const ArchInfo& info = arch_info(result_.arch);
    const unsigned bits = parameter.bits == 0 ? info.word_bits : parameter.bits;
    const std::uint64_t value = written.is_cut ? low_bits(written.value, bits) : written.value;
    switch (parameter.placement) {
      case Placement::word:
        give(parameter.low, low_bits(value, info.word_bits),
             written.is_text ? Known::not_null : known_of(bits, info.word_bits));
        return {};
      case Placement::word_pair:
        give(parameter.low, low_bits(value, 32), Known::all);
        give(parameter.high, value >> 32, Known::all);
        return {};
      case Placement::memory:
      case Placement::unknown: break;
    }
    return error(
        at,
        "`" + std::string(parameter.name) + "` is not in a register on " + std::string(info.name),
        "args[i]=VALUE sets a raw word");
  }

  // value := term ('|' term)*; term := ('-' | '~')? (NUMBER | NAME) | "text"
  Result<Written> parse_value(const Parameter* parameter) {
    Written written;
    do {
      skip_blanks();
      written.is_text = written.is_text || (at_ < text_.size() && text_[at_] == '"');
      CALLGATE_TRY(const std::uint64_t term, parse_term(parameter, written.is_cut));
      written.value |= term;
    } while (accept('|'));
    return written;
  }

  Result<std::uint64_t> parse_term(const Parameter* parameter, bool& is_cut) {
    if (accept('"')) return parse_quoted();
    const bool is_negative = accept('-');
    const bool is_complement = !is_negative && accept('~');
    skip_blanks();
    const std::size_t start = at_;
    const std::string_view name = word();
    if (name.empty()) return error(start, "expected a value");
    CALLGATE_TRY(const std::uint64_t value, parse_atom(start, name, parameter));
    is_cut = is_cut || is_negative || is_complement || value > 0xffffffff80000000u;
    if (is_negative) return 0 - value;
    return is_complement ? ~value : value;
  }

  Result<std::uint64_t> parse_quoted() {
    const std::size_t end = text_.find('"', at_);
    if (end == std::string_view::npos) return error(at_, "no closing quote");
    at_ = end + 1;
    return some_pointer;
  }

  Result<std::uint64_t> parse_atom(std::size_t start, std::string_view name,
                                   const Parameter* parameter) const {
    if (name.front() >= '0' && name.front() <= '9') {
      if (const auto number = parse_integer(name)) return *number;
      return error(start, "`" + std::string(name) + "` is not a number of at most 64 bits");
    }
    if (name == "NULL") return 0;
    const ConstantSet* set = parameter == nullptr ? nullptr : parameter->constants;
    const auto own = set == nullptr ? std::nullopt : find_constant(result_.arch, *set, name);
    const auto value = own ? own : find_constant(result_.arch, name);
    if (value) return *value;
    const auto names = constant_names(result_.arch, set);
    const std::string_view best = nearest(name, names);
    return error(start, "no constant `" + std::string(name) + "`",
                 best.empty() ? "" : "did you mean `" + std::string(best) + "`?");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  CallExpression result_;
  bool is_audit_number_ = false;
};

/// A parameter's value as the words give it; none where it is not in a register.
std::optional<std::string> value_text(Arch arch, const Parameter& parameter,
                                      const SeccompData& data) {
  const unsigned word = arch_info(arch).word_bits;
  const unsigned bits = parameter.bits == 0 ? word : parameter.bits;
  std::uint64_t value = 0;
  switch (parameter.placement) {
    case Placement::word: value = data.args[parameter.low]; break;
    case Placement::word_pair:
      value = data.args[parameter.high] << 32 | low_bits(data.args[parameter.low], 32);
      break;
    case Placement::memory:
    case Placement::unknown: return std::nullopt;
  }
  if (parameter.kind == ParameterKind::pointer) {
    return value == 0 ? "NULL" : fmt::format("{:#x}", value);
  }
  if (value != low_bits(value, bits)) return fmt::format("{:#x}", value);
  return format_value(arch, parameter.constants, value, bits, parameter.is_signed);
}

/// Arguments as the manual page has them, as far as they are not 0: by name where one before them
/// is not in a register.
std::string argument_list(const SeccompData& data, Arch arch, const Syscall& call) {
  std::vector<std::string> all;
  std::size_t used = 0;
  bool by_name = false;
  for (const Parameter& parameter : call.parameters) {
    const auto text = value_text(arch, parameter, data);
    by_name = by_name || !text;
    if (!text) continue;
    const bool is_zero = parameter.placement == Placement::word
                             ? data.args[parameter.low] == 0
                             : data.args[parameter.low] == 0 && data.args[parameter.high] == 0;
    if (by_name && is_zero) continue;
    all.push_back(by_name ? fmt::format("{}={}", parameter.name, *text) : *text);
    if (!is_zero) used = all.size();
  }
  all.resize(used);
  return fmt::format("{}", fmt::join(all, ", "));
}

std::string raw_words(const SeccompData& data) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < data.args.size(); ++i)
    if (data.args[i] != 0) all.push_back(fmt::format("args[{}]={:#x}", i, data.args[i]));
  return fmt::format("{}", fmt::join(all, ", "));
}

std::string with_ip(std::string list, std::uint64_t ip) {
  if (ip == 0) return list;
  return fmt::format("{}{}ip={:#x}", list, list.empty() ? "" : ", ", ip);
}

}  // namespace

std::optional<std::uint64_t> parse_integer(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return is_negative ? 0 - value : value;
}

Result<CallExpression> parse_call(std::string_view text, Arch default_arch) {
  return CallParser(text, default_arch).run();
}

std::string bare_call_text(const SeccompData& data) {
  const auto arch = classify(data.arch, data.nr);
  const Syscall* call = arch ? find_syscall(*arch, data.nr) : nullptr;
  const std::string name = call != nullptr     ? std::string(call->name)
                           : data.nr < x32_bit ? std::to_string(data.nr)
                                               : fmt::format("{:#x}", data.nr);
  if (call != nullptr && call->signature_known) {
    const std::string list = argument_list(data, *arch, *call);
    std::string text = fmt::format("{}({})", name, with_ip(list, data.instruction_pointer));
    const auto again = parse_call(text, *arch);
    if (again && again->data == data) return text;
  }
  return fmt::format("{}({})", name, with_ip(raw_words(data), data.instruction_pointer));
}

std::string call_text(const SeccompData& data) {
  const auto arch = classify(data.arch, data.nr);
  const std::string prefix =
      arch ? std::string(arch_info(*arch).name) : fmt::format("{:#x}", data.arch);
  return prefix + ":" + bare_call_text(data);
}

}  // namespace callgate
