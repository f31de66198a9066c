// Text to instructions, in two passes: each line is parsed on its own, then labels are put in.
// Every mistake is collected, up to `max_mistakes`. docs/assembly.md has the grammar.
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>

#include "bpf/mnemonic.h"
#include "bpf/opcode.h"
#include "callgate/abi/constants.h"
#include "callgate/abi/syscalls.h"
#include "callgate/bpf/assembly.h"

namespace callgate {
namespace {

using bpf::Mnemonic;
using bpf::OperandKind;

constexpr std::size_t max_mistakes = 100;
constexpr std::size_t max_source_line = 400;
constexpr std::size_t max_word = 128;
constexpr std::size_t max_text_instructions = 1u << 16;

/// A word of the text and where it stands.
struct Word {
  std::string_view text;
  std::uint32_t column = 0;
};

/// A jump whose label is not known yet.
struct Reference {
  enum class Field : std::uint8_t { jt, jf, k };
  std::size_t index;
  Field field;
  std::string label;
  Place place;
  std::string_view line;
};

/// What stands after a mnemonic, as parsed.
struct Operand {
  OperandKind kind = OperandKind::none;
  std::uint32_t k = 0;
  Word label;
};

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::uint32_t> parse_number(std::string_view text) {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  if (is_hex) text.remove_prefix(2);
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, is_hex ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A line as a diagnostic shows it; one that is too long is not shown.
std::string shown(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line.size() <= max_source_line ? std::string(line) : std::string();
}

class Assembler {
 public:
  Assembler(const std::string& file, Target target) : file_(file) { assembly_.target = target; }

  Result<Assembly> run(std::string_view text) {
    while (!text.empty() && mistakes_.size() < max_mistakes) {
      ++line_number_;
      const std::size_t end = text.find('\n');
      line_ = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      parse_line();
    }
    for (const Reference& reference : references_) resolve(reference);
    std::stable_sort(mistakes_.begin(), mistakes_.end(), [](const auto& one, const auto& other) {
      return one.place.line < other.place.line;
    });
    if (!mistakes_.empty()) return fail(Error(std::move(mistakes_)));
    return std::move(assembly_);
  }

 private:
  // Reading one line.

  void skip_blanks() {
    while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t' || line_[at_] == '\r'))
      ++at_;
  }
  bool at_end() {
    skip_blanks();
    return at_ >= line_.size() || line_[at_] == ';' || line_[at_] == '#';
  }
  bool accept(char c) {
    if (at_end() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool expect(char c) {
    if (accept(c)) return true;
    mistake_here(std::string("expected `") + c + "`");
    return false;
  }
  Word next_word() {
    skip_blanks();
    const std::size_t start = at_;
    while (at_ < line_.size() && is_word_char(line_[at_])) ++at_;
    const Word word{line_.substr(start, std::min(at_ - start, max_word)),
                    static_cast<std::uint32_t>(start + 1)};
    if (at_ - start > max_word) {
      mistake(word, "a word has at most " + std::to_string(max_word) + " characters");
    }
    return word;
  }

  Place place(std::uint32_t column, std::size_t length) const {
    return {file_, line_number_, column, static_cast<std::uint32_t>(length == 0 ? 1 : length)};
  }
  void mistake(const Word& word, std::string message, std::string hint = {}) {
    if (failed_ || mistakes_.size() >= max_mistakes) return;
    failed_ = true;
    mistakes_.push_back({.message = std::move(message),
                         .place = place(word.column, word.text.size()),
                         .hint = std::move(hint),
                         .source_line = shown(line_)});
  }
  void mistake_here(std::string message) {
    skip_blanks();
    const std::string found =
        at_end() ? ", not the end of the line" : std::string(", not `") + line_[at_] + "`";
    mistake({line_.substr(std::min(at_, line_.size()), 1), static_cast<std::uint32_t>(at_ + 1)},
            std::move(message) + found);
  }

  void parse_line() {
    at_ = 0;
    failed_ = false;
    while (!at_end() && !failed_) {
      const Word word = next_word();
      if (word.text.empty()) return mistake_here("expected a label or an instruction");
      if (accept(':')) {
        define(word);
        continue;
      }
      parse_statement(word);
      if (!failed_ && !at_end()) mistake_here("expected the end of the line");
      return;
    }
  }

  void parse_statement(const Word& word) {
    if (word.text == ".target") return parse_target(word);
    if (assembly_.instructions.size() >= max_text_instructions)
      return mistake(word, "more than 65536 instructions");
    instruction_ = {};
    pending_.clear();
    if (word.text == ".insn") {
      parse_raw();
    } else {
      parse_instruction(word);
    }
    if (failed_) instruction_ = {};  // keeps the indices of what follows
    assembly_.instructions.push_back(instruction_);
    assembly_.places.push_back(place(word.column, word.text.size()));
    if (failed_) return;
    for (Reference& reference : pending_) references_.push_back(std::move(reference));
  }

  void parse_target(const Word& word) {
    if (!assembly_.instructions.empty())
      return mistake(word, "`.target` stands before the first instruction");
    const Word order = next_word();
    if (order.text != "little" && order.text != "big")
      return mistake(order, "expected `little` or `big`");
    assembly_.target.byte_order = order.text == "big" ? ByteOrder::big : ByteOrder::little;
    assembly_.target.shift_rule = ShiftRule::low5;
    if (at_end()) return;
    const Word rule = next_word();
    if (rule.text != "low5" && rule.text != "low6")
      return mistake(rule, "expected `low5` or `low6`");
    if (rule.text == "low6") assembly_.target.shift_rule = ShiftRule::low6;
  }

  std::uint32_t parse_limited(std::uint32_t limit, const char* what) {
    const Word word = next_word();
    const auto value = parse_number(word.text);
    if (!value || *value > limit)
      mistake(word, std::string(what) + " is a number from 0 to " + std::to_string(limit));
    return value.value_or(0);
  }

  void parse_raw() {
    instruction_.code = static_cast<std::uint16_t>(parse_limited(0xffff, "an opcode"));
    if (failed_ || !expect(',')) return;
    instruction_.jt = static_cast<std::uint8_t>(parse_limited(0xff, "jt"));
    if (failed_ || !expect(',')) return;
    instruction_.jf = static_cast<std::uint8_t>(parse_limited(0xff, "jf"));
    if (failed_ || !expect(',')) return;
    instruction_.k = parse_limited(0xffffffff, "k");
  }

  void parse_instruction(const Word& word) {
    bool is_known = false;
    for (const Mnemonic& row : bpf::mnemonics()) is_known = is_known || row.name == word.text;
    if (!is_known)
      return mistake(word, "no instruction `" + std::string(word.text) + "`", suggest(word.text));
    at_end();
    const std::size_t start = at_;
    const Operand operand = parse_operand(word.text);
    if (failed_) return;
    const Mnemonic* mnemonic = bpf::find_mnemonic(word.text, operand.kind);
    if (mnemonic == nullptr) {
      return mistake({line_.substr(start, at_ - start), static_cast<std::uint32_t>(start + 1)},
                     "`" + std::string(word.text) + "` takes " + operands_of(word.text));
    }
    instruction_.code = mnemonic->code;
    instruction_.k = operand.k;
    if (mnemonic->operand == OperandKind::label) refer(Reference::Field::k, operand.label);
    if (!mnemonic->has_arms || !expect(',')) return;
    refer(Reference::Field::jt, next_word());
    if (failed_ || !expect(',')) return;
    refer(Reference::Field::jf, next_word());
  }

  static std::string suggest(std::string_view text) {
    std::vector<std::string_view> names = {".insn", ".target"};
    for (const Mnemonic& row : bpf::mnemonics()) names.push_back(row.name);
    const std::string_view best = nearest(text, names);
    return best.empty() ? std::string() : "did you mean `" + std::string(best) + "`?";
  }

  static std::string operands_of(std::string_view name) {
    static constexpr std::string_view words[] = {
        "nothing", "a word of seccomp_data", "`len`", "a constant", "`M[n]`", "`x`", "`a`",
        "a label"};
    std::string text;
    for (const Mnemonic& row : bpf::mnemonics()) {
      if (row.name != name) continue;
      text +=
          (text.empty() ? "" : " or ") + std::string(words[static_cast<std::size_t>(row.operand)]);
    }
    return text;
  }

  // Operands.

  Operand parse_operand(std::string_view mnemonic) {
    if (at_end()) return {};
    if (accept('[')) {
      const std::uint32_t offset = parse_limited(0xffffffff, "an offset");
      if (!failed_) expect(']');
      return {OperandKind::data, offset, {}};
    }
    const Word word = next_word();
    if (word.text.empty()) {
      mistake_here("expected an operand");
      return {};
    }
    if (mnemonic == "jmp") return {OperandKind::label, 0, word};
    if (mnemonic == "ret") return parse_return(word);
    return parse_value(word);
  }

  Operand parse_return(const Word& word) {
    if (word.text == "a") return {OperandKind::a, 0, {}};
    if (is_digit(word.text.front())) return constant(word);
    for (const bpf::ActionName& row : bpf::action_names()) {
      if (row.name != word.text) continue;
      if (!row.takes_data) return {OperandKind::constant, row.value, {}};
      if (row.name != "errno" && (at_end() || line_[at_] != '('))
        return {OperandKind::constant, row.value, {}};
      if (!expect('(')) return {};
      const std::uint32_t data = parse_return_data(row.name == "errno");
      if (!failed_) expect(')');
      return {OperandKind::constant, row.value | data, {}};
    }
    std::vector<std::string_view> names;
    for (const bpf::ActionName& row : bpf::action_names()) names.push_back(row.name);
    const std::string_view best = nearest(word.text, names);
    mistake(word, "no action `" + std::string(word.text) + "`",
            best.empty() ? "" : "did you mean `" + std::string(best) + "`?");
    return {};
  }

  std::uint32_t parse_return_data(bool is_errno) {
    skip_blanks();
    const bool is_name = is_errno && at_ < line_.size() && !is_digit(line_[at_]);
    if (!is_name) return parse_limited(0xffff, "an action's data");
    const Word word = next_word();
    const auto value = find_errno(word.text);
    if (!value) mistake(word, "no errno `" + std::string(word.text) + "`");
    return value.value_or(0);
  }

  Operand constant(const Word& word) {
    const auto value = parse_number(word.text);
    if (!value)
      mistake(word, "`" + std::string(word.text) + "` is not a number of at most 32 bits");
    return {OperandKind::constant, value.value_or(0), {}};
  }

  Operand data_word(std::uint32_t index) const { return {OperandKind::data, 4 * index, {}}; }
  /// The half of a 64-bit word that starts at word `first`.
  Operand data_half(std::uint32_t first, bool is_low) const {
    const bool comes_first = is_low == (assembly_.target.byte_order == ByteOrder::little);
    return data_word(comes_first ? first : first + 1);
  }

  Operand parse_value(const Word& word) {
    if (is_digit(word.text.front())) return constant(word);
    if (word.text == "x") return {OperandKind::x, 0, {}};
    if (word.text == "len") return {OperandKind::length, 0, {}};
    if (word.text == "nr") return data_word(0);
    if (word.text == "arch") return data_word(1);
    if (word.text == "ip.lo" || word.text == "ip.hi") return data_half(2, word.text == "ip.lo");
    if (word.text == "M" && accept('[')) {
      const std::uint32_t index = parse_limited(0xffffffff, "an index of scratch memory");
      if (!failed_) expect(']');
      return {OperandKind::scratch, index, {}};
    }
    if (word.text == "args" && accept('[')) return parse_argument();
    if (accept(':')) return parse_call_number(word);
    for (const bpf::AuditName& row : bpf::audit_names()) {
      if (row.name == word.text) return {OperandKind::constant, row.value, {}};
    }
    mistake(word, "unknown operand `" + std::string(word.text) + "`");
    return {};
  }

  Operand parse_argument() {
    const std::uint32_t index = parse_limited(5, "an argument's index");
    if (failed_ || !expect(']')) return {};
    const Word half = next_word();
    if (half.text != ".lo" && half.text != ".hi") {
      mistake(half, "expected `.lo` or `.hi`: a load has 32 bits");
      return {};
    }
    return data_half(4 + 2 * index, half.text == ".lo");
  }

  /// `x86_64:openat`
  Operand parse_call_number(const Word& arch_word) {
    const Word name = next_word();
    const auto arch = find_arch(arch_word.text);
    if (!arch) {
      mistake(arch_word, "no architecture `" + std::string(arch_word.text) + "`");
      return {};
    }
    const Syscall* call = find_syscall(*arch, name.text);
    if (call == nullptr) {
      const std::string_view best = nearest(name.text, syscall_names());
      mistake(name,
              "no call `" + std::string(name.text) + "` on " + std::string(arch_info(*arch).name),
              best.empty() || best == name.text ? "" : "did you mean `" + std::string(best) + "`?");
      return {};
    }
    return {OperandKind::constant, call->number, {}};
  }

  // Labels.

  void define(const Word& word) {
    if (is_digit(word.text.front()) || word.text == "next" ||
        word.text.find('.') != std::string_view::npos)
      return mistake(word, "`" + std::string(word.text) + "` cannot be a label");
    const auto [position, is_new] = labels_.emplace(word.text, assembly_.instructions.size());
    if (!is_new) mistake(word, "label `" + std::string(word.text) + "` is defined twice");
  }

  void refer(Reference::Field field, const Word& word) {
    if (failed_ || word.text == "next") return;
    if (word.text.empty()) return mistake_here("expected a label");
    pending_.push_back({assembly_.instructions.size(), field, std::string(word.text),
                        place(word.column, word.text.size()), line_});
  }

  void unresolved(const Reference& reference, std::string message, std::string hint = {}) {
    if (mistakes_.size() >= max_mistakes) return;
    mistakes_.push_back({.message = std::move(message),
                         .place = reference.place,
                         .hint = std::move(hint),
                         .source_line = shown(reference.line)});
  }

  void resolve(const Reference& reference) {
    const auto found = labels_.find(reference.label);
    if (found == labels_.end()) return unresolved(reference, "no label `" + reference.label + "`");
    if (found->second <= reference.index)
      return unresolved(reference, "`" + reference.label + "` is not ahead: jumps go forward only");
    const std::size_t offset = found->second - reference.index - 1;
    Instruction& insn = assembly_.instructions[reference.index];
    if (reference.field == Reference::Field::k) {
      insn.k = static_cast<std::uint32_t>(offset);
      return;
    }
    if (offset > 0xff) {
      return unresolved(reference,
                        "`" + reference.label + "` is " + std::to_string(offset) +
                            " instructions ahead: a conditional jump reaches 255",
                        "jump to a `jmp` that goes there");
    }
    (reference.field == Reference::Field::jt ? insn.jt : insn.jf) =
        static_cast<std::uint8_t>(offset);
  }

  const std::string& file_;
  Assembly assembly_;
  std::vector<Diagnostic> mistakes_;
  std::map<std::string, std::size_t, std::less<>> labels_;
  std::vector<Reference> references_;

  std::string_view line_;
  std::uint32_t line_number_ = 0;
  std::size_t at_ = 0;
  bool failed_ = false;  ///< this line has a mistake
  Instruction instruction_;
  std::vector<Reference> pending_;  ///< of this line
};

}  // namespace

Result<Assembly> assemble(std::string_view text, const std::string& file, Target target) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  return Assembler(file, target).run(text);
}

Result<Program> verify(Assembly assembly) {
  const auto refused = find_refusal(assembly.instructions);
  auto program = Program::verify(std::move(assembly.instructions), assembly.target);
  if (program || !refused || refused->index >= assembly.places.size()) return program;
  Error error = std::move(program).error();
  error.diagnostics.front().place = assembly.places[refused->index];
  return fail(std::move(error));
}

}  // namespace callgate
