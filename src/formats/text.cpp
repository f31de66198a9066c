// The statements of a policy (docs/policy.md): each begins with a word of its own, and a mistake in
// one does not hide those of the next.
#include "callgate/formats/text.h"

#include <algorithm>

#include "callgate/abi/groups.h"
#include "callgate/base/file.h"
#include "formats/promise_rules.h"
#include "formats/text_parser.h"
#include "formats/text_reading.h"

namespace callgate {
namespace formats {
namespace {

std::optional<Release> read_release(const Token& token) {
  std::uint32_t parts[3] = {};
  std::size_t part = 0;
  for (const char c : token.text) {
    if (c == '.') {
      if (++part > 2) return {};
      continue;
    }
    if (c < '0' || c > '9') return {};
    parts[part] = parts[part] * 10 + static_cast<std::uint32_t>(c - '0');
    if (parts[part] > 0xffff) return {};
  }
  return Release{static_cast<std::uint16_t>(parts[0]), static_cast<std::uint16_t>(parts[1]),
                 static_cast<std::uint16_t>(parts[2])};
}

/// A quoted name's content; none if an escape is malformed.
std::optional<std::string> unescape(std::string_view quoted) {
  std::string out;
  const std::string_view body = quoted.substr(1, quoted.size() - 2);
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      out += body[i];
      continue;
    }
    const char c = ++i < body.size() ? body[i] : '\0';
    if (c == '\\' || c == '"') {
      out += c;
      continue;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    const std::size_t high = i + 2 < body.size() ? digits.find(body[i + 1]) : digits.npos;
    const std::size_t low = i + 2 < body.size() ? digits.find(body[i + 2]) : digits.npos;
    if (c != 'x' || high == digits.npos || low == digits.npos) return {};
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

std::vector<Diagnostic> read_text(Reading& reading, const SourceText& source,
                                  const std::optional<std::vector<Arch>>& section);

/// The statements of one text.
class PolicyParser : private PartParser {
 public:
  PolicyParser(TokenReader& tokens, TextReport& report, Reading& reading, bool is_included)
      : PartParser(tokens, report, reading), policy_(reading.policy), is_included_(is_included) {}

  /// `section`: the ABIs of the section that the text is included in, if it is.
  void run(const std::optional<std::vector<Arch>>& section) {
    if (section) {
      section_arches_ = *section;
      is_in_section_ = true;
    }
    while (!tokens_.at_text_end()) {
      tokens_.begin_statement();
      if (tokens_.raw().is("}"))
        close_section();
      else
        parse_statement();
    }
    if (section_) error(*section_, "the section is not closed", "a `}` closes it");
    note_raw_words();
    if (!is_included_) note_unused_sets();
  }

 private:
  void close_section() {
    if (!section_) error(tokens_.raw(), "a `}` without a section");
    if (section_) {
      section_arches_.clear();
      is_in_section_ = false;
    }
    section_ = nullptr;
    tokens_.take_section_brace();
  }

  void parse_statement() {
    const bool opens_section = tokens_.raw().is("on") && !tokens_.raw(1).is("untestable");
    if (opens_section) {
      if (!open_section()) tokens_.skip_statement();
      return;
    }
    if (!parse_word()) return tokens_.skip_statement();
    if (tokens_.peek().kind == Token::Kind::end) return;
    if (tokens_.peek().kind != Token::Kind::broken)
      error(tokens_.peek(), "unexpected " + shown(tokens_), "a statement ends with its line");
    tokens_.skip_statement();
  }

  bool parse_word() {
    const Token& word = tokens_.peek();
    if (is_action_word(word)) return parse_rule();
    if (word.is("promise")) return parse_promise();
    if (word.is("set")) return parse_set();
    if (word.is("include")) return parse_include();
    if (begins_statement(word)) return parse_header();
    if (word.kind != Token::Kind::broken) {
      const std::string_view likely =
          word.kind == Token::Kind::name ? likely_word(word.text) : std::string_view{};
      error(word, "no statement begins with " + shown(tokens_),
            likely.empty() ? "a rule begins with an action, such as allow or errno(EPERM)"
                           : "did you mean `" + std::string(likely) + "`?");
    }
    tokens_.take();
    return false;
  }

  bool parse_header() {
    const Token& word = tokens_.take();
    if (is_in_section_ || is_included_) {
      error(word, "`" + std::string(word.text) + "` is said of the whole policy",
            is_included_ ? "say it in the file that includes this one"
                         : "move it out of the section");
      return false;
    }
    if (!reading_.headers.emplace(word.text).second)
      error(word,
            "`" + std::string(word.text == "on" ? "on untestable" : word.text) +
                "` is said a second time",
            "keep one of them");
    if (word.is("policy")) return parse_name();
    if (word.is("abi")) return parse_abi();
    if (word.is("arches")) return parse_arches(policy_.arches);
    if (word.is("otherwise")) return parse_default(policy_.otherwise);
    if (word.is("unknown")) return parse_default(policy_.unknown);
    if (word.is("unlisted")) return parse_default(policy_.unlisted);
    return parse_untestable(policy_.on_untestable);
  }

  bool parse_name() {
    const Token& token = tokens_.peek();
    if (token.kind == Token::Kind::name) {
      policy_.name = tokens_.take().text;
      return true;
    }
    if (token.kind != Token::Kind::string) return expected("a name");
    tokens_.take();
    if (auto name = unescape(token.text))
      policy_.name = std::move(*name);
    else
      error(token, "a backslash stands before \", \\ or xNN only");
    return true;
  }

  bool parse_abi() {
    const Token& token = tokens_.peek();
    const bool is_release = token.kind == Token::Kind::release;
    if (!is_release && token.kind != Token::Kind::number)
      return expected("a Linux release such as 6.12");
    tokens_.take();
    policy_.abi = is_release ? read_release(token) : std::nullopt;
    if (!policy_.abi)
      error(token, "`" + std::string(token.text) + "` is no Linux release", "write it as 6.12");
    else if (*policy_.abi > newest_release())
      report_newer(token);
    return true;
  }

  void report_newer(const Token& token) {
    const std::string newest = to_string(newest_release());
    error(token,
          "abi " + to_string(*policy_.abi) + " is newer than the tables, which end at " + newest,
          "say `abi " + newest + "`, or use a newer callgate");
    policy_.abi = newest_release();
  }

  bool parse_arches(std::vector<Arch>& arches) {
    do {
      const Token& token = tokens_.peek();
      if (token.kind != Token::Kind::name) return expected("an ABI such as x86_64");
      tokens_.take();
      const std::optional<Arch> arch = find_arch(token.text);
      if (!arch) {
        const policy::NameFault fault = policy::arch_fault(token.text);
        error(token, fault.message, fault.hint);
        continue;
      }
      if (std::find(arches.begin(), arches.end(), *arch) != arches.end())
        report_.add(Severity::warning, place_of(token, report_.file()),
                    std::string(arch_info(*arch).name) + " is listed twice", {},
                    "architecture-repeated");
      arches.push_back(*arch);
    } while (tokens_.accept(","));
    return true;
  }

  bool open_section() {
    const Token& word = tokens_.take();
    if (is_in_section_) {
      error(word, "a section inside a section",
            section_ ? "close the one before with `}`" : "the file is included in one");
      return false;
    }
    std::vector<Arch> arches;
    if (!parse_arches(arches)) return false;
    if (!tokens_.peek().is("{")) return expected("`{`");
    section_ = &word;
    is_in_section_ = true;
    section_arches_ = std::move(arches);
    tokens_.take_section_brace();
    return true;
  }

  /// `on untestable` has been seen up to `on`.
  template <class OnUntestableField>
  bool parse_untestable(OnUntestableField& field) {
    if (!tokens_.accept("untestable")) return expected("`untestable`");
    if (tokens_.accept("deny"))
      field = OnUntestable::deny;
    else if (tokens_.accept("allow"))
      field = OnUntestable::allow_;
    else if (tokens_.accept("error"))
      field = OnUntestable::error;
    else
      return expected("`deny`, `allow` or `error`");
    return true;
  }

  /// An action that has no rule whose place check could name.
  bool parse_default(Action& action) {
    constexpr std::uint16_t max_errno = 4095;  // MAX_ERRNO, include/linux/err.h, 6.12
    const Token& word = tokens_.peek();
    if (!ActionParser(tokens_, report_, reading_).parse(action)) return false;
    if (action.kind != ActionKind::errno_ || action.data <= max_errno) return true;
    error(word, "errno " + std::to_string(action.data) + " is above 4095, the kernel's largest",
          "give an errno name such as errno(EPERM)");
    action.data = max_errno;
    return true;
  }

  bool parse_rule() {
    Rule rule;
    const Token& word = tokens_.peek();
    rule.place = place_of(word, report_.file());
    rule.arches = section_arches_;
    if (!ActionParser(tokens_, report_, reading_).parse(rule.action)) return false;
    if (!SelectorParser(tokens_, report_, reading_).parse(rule.calls)) return false;
    policy::RuleNames names(rule);
    if (tokens_.accept("if")) {
      auto condition = ConditionParser(tokens_, report_, reading_, names).parse();
      if (!condition) return false;
      rule.condition = std::move(*condition);
    }
    if (tokens_.accept("on") && !parse_untestable(rule.on_untestable)) return false;
    find_raw_words(rule.condition, names);
    policy_.rules.push_back(std::move(rule));
    return true;
  }

  /// The rules of promises, at this place. All that were made before count together with them,
  /// since some rules ask for several promises.
  bool parse_promise() {
    const Token& word = tokens_.take();
    std::set<std::string_view>& promised = reading_.promised[section_arches_];
    const std::size_t known = promised.size();
    do {
      const Token& token = tokens_.peek();
      if (token.kind != Token::Kind::name) return expected("a promise such as stdio");
      tokens_.take();
      if (const auto fault = promise_fault(token.text))
        error(token, fault->message, fault->hint, "unknown-name");
      else
        promised.insert(find_promise(token.text)->name);
    } while (tokens_.accept(","));
    if (promised.size() == known) return true;
    std::set<std::string_view> all = reading_.promised[{}];
    all.insert(promised.begin(), promised.end());
    const std::size_t before = policy_.rules.size();
    add_promises(all, section_arches_, place_of(word, report_.file()), policy_.rules);
    std::size_t calls = 0;
    for (std::size_t i = before; i < policy_.rules.size(); ++i)
      calls += policy_.rules[i].calls.size();
    return may_grow(word, calls);
  }

  bool parse_include() {
    const Token& word = tokens_.take();
    const Token& token = tokens_.peek();
    if (token.kind != Token::Kind::string)
      return expected("a file in quotes, as in include \"base.policy\"");
    tokens_.take();
    const auto name = unescape(token.text);
    if (!name) {
      error(token, "a backslash stands before \", \\ or xNN only");
      return true;
    }
    auto found = open_include(reading_, *name, place_of(word, report_.file()));
    if (!found) {
      const Diagnostic& first = found.error().diagnostics.front();
      error(token, first.message, first.hint);
      return true;
    }
    read_included(**found);
    return true;
  }

  void read_included(const SourceText& source) {
    const std::size_t index = reading_.texts.size() - 1;
    reading_.diagnostics.resize(index + 1);
    std::optional<std::vector<Arch>> section;
    if (is_in_section_) section = section_arches_;
    std::vector<Diagnostic> found = read_text(reading_, source, section);
    reading_.diagnostics[index] = std::move(found);
    reading_.open.pop_back();
  }

  bool parse_set() {
    tokens_.take();
    const Token& name = tokens_.peek();
    if (name.kind != Token::Kind::name) return expected("a name for the set");
    tokens_.take();
    if (is_in_section_) error(name, "a set is for the whole policy", "move it out of the section");
    if (!tokens_.accept("=")) return expected("`=`");
    NamedSet set{.place = place_of(name, report_.file()), .of_values = tokens_.peek().is("{")};
    if (set.of_values) {
      const Rule any;
      policy::RuleNames names(any);
      auto values = ConditionParser(tokens_, report_, reading_, names).parse_value_set();
      if (!values) return false;
      set.values = std::move(*values);
    } else if (!SelectorParser(tokens_, report_, reading_).parse(set.calls)) {
      return false;
    }
    define(name, std::move(set));
    return true;
  }

  void define(const Token& name, NamedSet set) {
    const std::string text(name.text);
    const Rule any;
    const bool hides_constant =
        set.of_values && !policy::RuleNames(any).constant_fault({}, name.text);
    if (find_group(text) != nullptr)
      return error(name, "the set would hide the group `@" + text + "`", "give it another name");
    if (hides_constant)
      return error(name, "the set would hide the constant `" + text + "`", "give it another name");
    if (is_operator_word(name.text))
      return error(name, "`" + text + "` is a word of conditions", "give it another name");
    const auto [known, is_new] = reading_.sets.try_emplace(text, std::move(set));
    // A file that is included by two others defines its sets twice.
    if (is_new || known->second.place == place_of(name, report_.file())) return;
    error(name,
          "the set `" + text + "` is defined already, in " +
              (known->second.place.file == report_.file() ? "line "
                                                          : known->second.place.file + ":") +
              std::to_string(known->second.place.line),
          "give it another name");
  }

  void note_unused_sets() {
    for (const auto& [name, set] : reading_.sets)
      if (!set.is_used && set.place.file == report_.file())
        report_.add(Severity::note, set.place, "the set `" + name + "` is not used", {},
                    "set-unused");
  }

  /// Raw words of calls whose parameters have names: such a test is easily wrong, since it looks at
  /// bits that the kernel drops.
  void find_raw_words(const Condition& condition, policy::RuleNames& names) {
    for (const Condition& child : condition.children) find_raw_words(child, names);
    const Operand& operand = condition.test.operand;
    const bool is_argument = operand.kind == Operand::Kind::word ||
                             operand.kind == Operand::Kind::low ||
                             operand.kind == Operand::Kind::high;
    if (condition.kind != Condition::Kind::test || !is_argument) return;
    const std::string_view parameter = names.parameter_in_word(operand.index);
    if (parameter.empty() || ++raw_words_ > 1) return;
    raw_place_ = condition.test.place;
    raw_parameter_ = parameter;
  }

  void note_raw_words() {
    if (raw_words_ == 0) return;
    std::string others =
        raw_words_ > 1 ? " (and " + std::to_string(raw_words_ - 1) + " more tests)" : "";
    report_.add(Severity::note, raw_place_,
                "this tests a raw word, with the bits that the kernel drops" + others,
                "the parameter's name, `" + raw_parameter_ + "`, tests what the kernel keeps",
                "raw-word");
  }

  Policy& policy_;
  bool is_included_;
  const Token* section_ = nullptr;  ///< the word that opened the section, in this text
  bool is_in_section_ = false;      ///< in this text or in one that includes it
  std::vector<Arch> section_arches_;
  std::size_t raw_words_ = 0;
  Place raw_place_;
  std::string raw_parameter_;
};

/// Reads one text of a policy. `section`: the ABIs of the section that it is included in, if it is.
std::vector<Diagnostic> read_text(Reading& reading, const SourceText& source,
                                  const std::optional<std::vector<Arch>>& section) {
  TextReport report(source.text, source.file);
  TokenReader tokens(tokenize(source.text, report));
  PolicyParser(tokens, report, reading, source.included_at.line > 0).run(section);
  return report.take();
}

}  // namespace
}  // namespace formats

namespace {

ParsedPolicy read_texts(std::string_view text, const std::string& file, const IncludeRoot* root) {
  if (text.size() > max_input_bytes)
    return {{}, {Diagnostic{.message = "a policy has at most 16 MiB", .place = {file}}}, {}};
  formats::Reading reading;
  if (root != nullptr) formats::allow_includes(reading, file, *root);
  reading.texts.push_back({file, std::string(text), {}});
  reading.diagnostics.emplace_back();
  std::vector<Diagnostic> all = formats::read_text(reading, reading.texts.front(), {});
  for (std::vector<Diagnostic>& each : reading.diagnostics)
    all.insert(all.end(), each.begin(), each.end());
  std::vector<SourceText> texts(std::make_move_iterator(reading.texts.begin()),
                                std::make_move_iterator(reading.texts.end()));
  if (texts.size() > 1) quote_lines(all, texts);
  return {std::move(reading.policy), std::move(all), std::move(texts)};
}

Result<ParsedPolicy> without_errors(ParsedPolicy parsed) {
  if (has_errors(parsed.diagnostics)) return fail(Error(std::move(parsed.diagnostics)));
  return parsed;
}

}  // namespace

ParsedPolicy read_policy(std::string_view text, const std::string& file) {
  return read_texts(text, file, nullptr);
}

ParsedPolicy read_policy(std::string_view text, const std::string& file, const IncludeRoot& root) {
  return read_texts(text, file, &root);
}

Result<ParsedPolicy> parse_policy(std::string_view text, const std::string& file) {
  return without_errors(read_policy(text, file));
}

Result<ParsedPolicy> parse_policy(std::string_view text, const std::string& file,
                                  const IncludeRoot& root) {
  return without_errors(read_policy(text, file, root));
}

}  // namespace callgate
