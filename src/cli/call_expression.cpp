#include "cli/call_expression.h"

#include <charconv>

#include "callgate/abi/constants.h"

namespace callgate::cli {
namespace {

constexpr std::uint64_t some_pointer = 0x1000;

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::uint64_t low_bits(std::uint64_t value, unsigned bits) {
  return bits >= 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
}

/// A value and how it was written.
struct Written {
  std::uint64_t value = 0;
  bool is_cut = false;  ///< with - or ~: as wide as the parameter
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
    if (accept(':')) {
      const auto arch = find_arch(name);
      if (!arch) return error(start, "no architecture `" + std::string(name) + "`");
      result_.arch = *arch;
      skip_blanks();
      start = at_;
      name = word();
    }
    if (name.empty()) return error(start, "expected the name or number of a call");
    result_.data.arch = arch_info(result_.arch).audit;
    if (name.front() >= '0' && name.front() <= '9') return set_number(start, name);
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

  Result<void> set_number(std::size_t start, std::string_view name) {
    const auto number = parse_integer(name);
    if (!number || *number > 0xffffffff)
      return error(start, "`" + std::string(name) + "` is no call number");
    result_.data.nr = static_cast<std::uint32_t>(*number);
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
    result_.data.args[position - 1] = written.value;
    return {};
  }

  Result<void> parse_raw_word(std::size_t start) {
    const auto index = parse_integer(word());
    if (!index || *index > 5 || !accept(']') || !accept('='))
      return error(start, "a raw word is written args[0]=VALUE to args[5]=VALUE");
    CALLGATE_TRY(const Written written, parse_value(nullptr));
    result_.data.args[static_cast<std::size_t>(*index)] = written.value;
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
    auto& args = result_.data.args;
    const ArchInfo& info = arch_info(result_.arch);
    const unsigned bits = parameter.bits == 0 ? info.word_bits : parameter.bits;
    const std::uint64_t value = written.is_cut ? low_bits(written.value, bits) : written.value;
    switch (parameter.placement) {
      case Placement::word: args[parameter.low] = low_bits(value, info.word_bits); return {};
      case Placement::word_pair:
        args[parameter.low] = low_bits(value, 32);
        args[parameter.high] = value >> 32;
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
};

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

}  // namespace callgate::cli
