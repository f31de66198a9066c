// The parser of case tables: line by line, each cut at its top-level `->`, `:` and commas; calls
// and actions are read by the parsers that the command line and the policy language have for them.
#include "callgate/formats/cases.h"

#include <algorithm>

#include "callgate/abi/constants.h"
#include "callgate/abi/groups.h"
#include "formats/text_parser.h"

namespace callgate {
namespace {

using formats::TextReport;

/// Part of a line, and where it begins.
struct Piece {
  std::string_view text;
  std::size_t at = 0;  ///< byte offset in the line
};

Piece trimmed(Piece piece) {
  const std::size_t first = std::min(piece.text.find_first_not_of(" \t\r"), piece.text.size());
  piece.text.remove_prefix(first);
  piece.at += first;
  const std::size_t last = piece.text.find_last_not_of(" \t\r");
  piece.text = piece.text.substr(0, last == std::string_view::npos ? 0 : last + 1);
  return piece;
}

/// The first place, outside of quotes and parentheses, where `sign` stands; npos if none.
std::size_t find_outside(std::string_view text, std::string_view sign) {
  bool quoted = false;
  unsigned depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!quoted && depth == 0 && text.substr(i).starts_with(sign)) return i;
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '(') ++depth;
    if (c == ')' && depth > 0) --depth;
  }
  return std::string_view::npos;
}

/// The parts between the commas that stand outside of quotes and parentheses.
std::vector<Piece> split_list(Piece list) {
  std::vector<Piece> parts;
  for (;;) {
    const std::size_t comma = find_outside(list.text, ",");
    parts.push_back(trimmed({list.text.substr(0, comma), list.at}));
    if (comma == std::string_view::npos) return parts;
    list = {list.text.substr(comma + 1), list.at + comma + 1};
  }
}

Piece without_comment(std::string_view line) {
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    if (line[i] == '#' && !quoted) return trimmed({line.substr(0, i), 0});
  }
  return trimmed({line, 0});
}

class CaseParser {
 public:
  CaseParser(std::string_view text, const std::string& file, Arch default_arch)
      : text_(text), file_(file), arches_{default_arch}, default_{default_arch} {}

  Result<std::vector<VerdictCase>> run() {
    while (!text_.empty() && !report_full()) next_line();
    if (in_section_) error(section_, "this section has no `}`");
    if (!mistakes_.empty()) return fail(Error(std::move(mistakes_)));
    return std::move(cases_);
  }

 private:
  static constexpr std::size_t most_mistakes = 1000;
  static constexpr std::size_t most_cases = 100'000;

  [[nodiscard]] bool report_full() const { return mistakes_.size() >= most_mistakes || is_full_; }

  void next_line() {
    const std::size_t end = std::min(text_.find('\n'), text_.size());
    line_ = text_.substr(0, end);
    text_.remove_prefix(std::min(end + 1, text_.size()));
    ++number_;
    const Piece piece = without_comment(line_);
    if (!piece.text.empty()) statement(piece);
  }

  Place place(const Piece& piece) const {
    return {.file = file_,
            .line = number_,
            .column = static_cast<std::uint32_t>(piece.at + 1),
            .length = static_cast<std::uint32_t>(std::max<std::size_t>(piece.text.size(), 1))};
  }
  [[nodiscard]] std::string quoted_line() const {
    return line_.size() <= 400 ? std::string(line_) : std::string();
  }
  void error(const Place& place, std::string message, std::string hint = {}) {
    mistakes_.push_back({.message = std::move(message),
                         .place = place,
                         .hint = std::move(hint),
                         .source_line = place.line == number_ ? quoted_line() : std::string()});
  }
  /// Mistakes that another parser found in a piece.
  void errors(const Piece& piece, const Error& found) {
    for (const Diagnostic& each : found.diagnostics) {
      Place at = place(piece);
      at.column += each.place.column > 0 ? each.place.column - 1 : 0;
      at.length = each.place.length;
      error(at, each.message, each.hint);
    }
  }

  void statement(const Piece& piece) {
    const bool continues = list_ && (piece.text.front() == ',' || list_continues_);
    if (continues) return list(piece, *list_);
    list_.reset();
    if (piece.text == "}") return close_section(piece);
    if (piece.text.starts_with("on ") || piece.text.starts_with("on\t")) return section(piece);
    const std::size_t arrow = find_outside(piece.text, "->");
    if (arrow != std::string_view::npos) return row(piece, arrow);
    const std::size_t colon = find_outside(piece.text, ":");
    if (colon == std::string_view::npos) {
      return error(place(piece), "expected `CALL -> VERDICT` or `VERDICT: CALL, CALL`");
    }
    const auto expected = verdict(trimmed({piece.text.substr(0, colon), piece.at}), false);
    if (!expected) return;
    list({piece.text.substr(colon + 1), piece.at + colon + 1}, *expected);
  }

  void close_section(const Piece& piece) {
    if (!in_section_) return error(place(piece), "`}` without a section");
    in_section_ = false;
    arches_ = default_;
  }

  void section(const Piece& piece) {
    if (in_section_) return error(place(piece), "a section within a section");
    if (piece.text.back() != '{') {
      return error(place(piece), "expected `{` at the end of the line", "on i386, x32 {");
    }
    in_section_ = true;
    section_ = place(piece);
    arches_.clear();
    const std::string_view names = piece.text.substr(2, piece.text.size() - 3);
    for (const Piece& name : split_list({names, piece.at + 2})) {
      const auto arch = find_arch(name.text);
      if (!arch) {
        error(place(name), "no architecture `" + std::string(name.text) + "`");
      } else {
        arches_.push_back(*arch);
      }
    }
  }

  /// CALL -> VERDICT [by SOURCE]
  void row(const Piece& piece, std::size_t arrow) {
    const auto expected =
        verdict(trimmed({piece.text.substr(arrow + 2), piece.at + arrow + 2}), true);
    const Piece call = trimmed({piece.text.substr(0, arrow), piece.at});
    if (expected) add(call, *expected);
  }

  /// The calls of a list; one that ends in a comma goes on in the next line.
  void list(Piece calls, const ExpectedVerdict& expected) {
    calls = trimmed(calls);
    list_ = expected;
    list_continues_ = !calls.text.empty() && calls.text.back() == ',';
    if (list_continues_) calls.text.remove_suffix(1);
    if (calls.text.empty()) return error(place(calls), "expected a call");
    for (const Piece& call : split_list(calls)) {
      call.text.starts_with('@') ? add_group(call, expected) : add(call, expected);
    }
  }

  void add(const Piece& piece, const ExpectedVerdict& expected) {
    for (const Arch arch : arches_) add_on(arch, piece, piece.text, expected);
  }

  void add_on(Arch arch, const Piece& piece, std::string_view text,
              const ExpectedVerdict& expected) {
    if (is_full_) return;
    if (cases_.size() >= most_cases) {
      is_full_ = true;
      return error(place(piece), "more than 100000 cases in a table");
    }
    auto call = parse_call(text, arch);
    if (!call) return errors(piece, call.error());
    cases_.push_back({*std::move(call), expected, place(piece), quoted_line()});
  }

  /// Those forms of a group that an ABI has; a multiplexer is no form of its own.
  void add_group(const Piece& piece, const ExpectedVerdict& expected) {
    const Group* group = find_group(piece.text.substr(1));
    if (group == nullptr) return error(place(piece), "no group `" + std::string(piece.text) + "`");
    for (const Arch arch : arches_) {
      for (const std::string_view name : group->calls) {
        const Syscall* call = find_syscall(arch, name);
        if (call != nullptr && call->multiplexes.empty()) add_on(arch, piece, name, expected);
      }
    }
  }

  std::optional<ExpectedVerdict> verdict(const Piece& piece, bool may_say_by) {
    ExpectedVerdict expected;
    const std::size_t by = may_say_by ? piece.text.find(" by ") : std::string_view::npos;
    const Piece word = trimmed({piece.text.substr(0, by), piece.at});
    if (word.text == "allowed") {
      expected.kind = ExpectedVerdict::Kind::allowed;
    } else if (word.text == "denied") {
      expected.kind = ExpectedVerdict::Kind::denied;
    } else if (word.text == "delegated") {
      expected.kind = ExpectedVerdict::Kind::delegated;
    } else if (!action(word, expected.action)) {
      return std::nullopt;
    }
    if (by == std::string_view::npos) return expected;
    const Piece source = trimmed({piece.text.substr(by + 4), piece.at + by + 4});
    return decider(source, expected) ? std::optional(expected) : std::nullopt;
  }

  /// As the policy language writes it.
  bool action(const Piece& piece, Action& action) {
    TextReport report(piece.text, file_);
    formats::TokenReader tokens(formats::tokenize(piece.text, report));
    formats::Reading reading;
    tokens.begin_statement();
    const bool parsed = formats::ActionParser(tokens, report, reading).parse(action);
    std::vector<Diagnostic> found = report.take();
    if (!found.empty())
      errors(piece, Error(std::move(found)));
    else if (!tokens.at_text_end())
      error(place(piece), "expected one action, such as errno(EPERM)");
    else
      return parsed;
    return false;
  }

  bool decider(const Piece& piece, ExpectedVerdict& expected) {
    using Source = Verdict::Source;
    if (piece.text.starts_with("line ")) {
      const auto number = parse_integer(trimmed({piece.text.substr(5), 0}).text);
      if (number && *number > 0 && *number <= 0xffffffff) {
        expected.by = Source::rule;
        expected.line = static_cast<std::uint32_t>(*number);
        return true;
      }
    }
    if (piece.text == "otherwise") expected.by = Source::otherwise;
    if (piece.text == "unknown") expected.by = Source::unknown;
    if (piece.text == "unlisted") expected.by = Source::unlisted;
    if (!expected.by) {
      error(place(piece), "what decides is `line NUMBER`, `otherwise`, `unknown` or `unlisted`");
    }
    return expected.by.has_value();
  }

  std::string_view text_;
  const std::string& file_;
  std::vector<Arch> arches_;
  std::vector<Arch> default_;
  std::string_view line_;
  std::uint32_t number_ = 0;
  bool in_section_ = false;
  Place section_;
  std::optional<ExpectedVerdict> list_;  ///< of the list that the line before may go on with
  bool list_continues_ = false;
  std::vector<VerdictCase> cases_;
  bool is_full_ = false;
  std::vector<Diagnostic> mistakes_;
};

}  // namespace

Result<std::vector<VerdictCase>> parse_cases(std::string_view text, const std::string& file,
                                             Arch default_arch) {
  return CaseParser(text, file, default_arch).run();
}

}  // namespace callgate
