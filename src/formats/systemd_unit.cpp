// As config_parse of src/shared/conf-parser.c reads lines (systemd 252): a comment may stand
// between the lines of a continued one, a backslash at a line's end is a blank.
#include "formats/systemd_unit.h"

#include <fmt/format.h>

namespace callgate::systemd {
namespace {

constexpr std::string_view blanks = " \t\n\r";
constexpr std::size_t largest_file = std::size_t{1} << 20;  // systemd's limit for a line
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// True if a sequence that starts with `lead` has that many further bytes in range.
bool follows(std::string_view text, std::size_t at, std::size_t count) {
  for (std::size_t i = 1; i <= count; ++i) {
    if (at + i >= text.size() || (static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80)
      return false;
  }
  return true;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t more = 0;
    if (lead >= 0xf0 && lead <= 0xf4)
      more = 3;
    else if (lead >= 0xe0 && lead < 0xf0)
      more = 2;
    else if (lead >= 0xc2 && lead < 0xe0)
      more = 1;
    else if (lead >= 0x80)
      return false;
    if (!follows(text, i, more)) return false;
    i += more + 1;
  }
  return true;
}

/// True if a backslash that none escapes ends the text.
bool continues(std::string_view text) {
  bool escaped = false;
  for (const char c : text) escaped = !escaped && c == '\\';
  return escaped;
}

class LineReader {
 public:
  LineReader(const UnitFile& file, std::vector<Diagnostic>& diagnostics)
      : file_(file), diagnostics_(diagnostics) {}

  std::vector<Assignment> run();

 private:
  void physical_line(std::string_view line);
  void logical_line();
  void header(std::string_view line);
  void assignment(std::string_view line, std::size_t offset);
  [[nodiscard]] Place place(std::size_t offset, std::size_t length) const;
  void report(Severity severity, std::size_t offset, std::size_t length, std::string message,
              std::string hint = {}) {
    diagnostics_.push_back({severity,
                            std::move(message),
                            place(offset, length),
                            std::move(hint),
                            {},
                            severity == Severity::error ? "" : "reader-drops"});
  }

  const UnitFile& file_;
  std::vector<Diagnostic>& diagnostics_;
  std::vector<Assignment> result_;
  std::optional<std::string> section_;
  std::string logical_;
  std::vector<Piece> pieces_;  ///< of logical_
  bool continued_ = false;
  std::uint32_t number_ = 0;
};

Place LineReader::place(std::size_t offset, std::size_t length) const {
  Assignment where{.file = file_.path, .pieces = pieces_};
  return where.place(offset, length);
}

void LineReader::physical_line(std::string_view line) {
  ++number_;
  const std::size_t first = line.find_first_not_of(blanks);
  if (first != std::string_view::npos && (line[first] == '#' || line[first] == ';')) return;
  if (!continued_) {
    logical_.clear();
    pieces_.clear();
  }
  pieces_.push_back({logical_.size(), number_, 1});
  logical_ += line;
  continued_ = continues(logical_);
  if (continued_) logical_.back() = ' ';
  if (!continued_) logical_line();
}

void LineReader::logical_line() {
  const std::string_view whole = logical_;
  const std::size_t first = whole.find_first_not_of(blanks);
  if (first == std::string_view::npos) return;
  const std::string_view line = whole.substr(first, whole.find_last_not_of(blanks) - first + 1);
  if (!is_utf8(line)) {
    report(Severity::error, first, 1, "not UTF-8: systemd does not read the file");
  } else if (line.front() == '[') {
    header(line);
  } else {
    assignment(line, first);
  }
}

void LineReader::header(std::string_view line) {
  if (line.back() != ']') {
    report(Severity::error, 0, line.size(), "a section's header without its `]`",
           "systemd does not load such a unit");
    return;
  }
  section_ = std::string(line.substr(1, line.size() - 2));
}

void LineReader::assignment(std::string_view line, std::size_t offset) {
  const std::size_t equals = line.find('=');
  if (!section_ || equals == std::string_view::npos || equals == 0) {
    report(Severity::warning, offset, line.size(),
           section_ ? "systemd ignores a line without `key=`"
                    : "systemd ignores what stands before the first section");
    return;
  }
  const std::string_view key = line.substr(0, line.find_last_not_of(blanks, equals - 1) + 1);
  const std::size_t start = std::min(line.find_first_not_of(blanks, equals + 1), line.size());
  Assignment made{.section = *section_,
                  .key = std::string(key),
                  .value = std::string(line.substr(start)),
                  .file = file_.path,
                  .pieces = {}};
  const std::size_t begin = offset + start;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const bool before = pieces_[i].offset <= begin;
    if (before) made.pieces.clear();
    const std::size_t skipped = before ? begin - pieces_[i].offset : 0;
    made.pieces.push_back({before ? 0 : pieces_[i].offset - begin, pieces_[i].line,
                           pieces_[i].column + static_cast<std::uint32_t>(skipped)});
  }
  result_.push_back(std::move(made));
}

std::vector<Assignment> LineReader::run() {
  std::string_view rest = file_.text;
  if (const std::size_t nul = rest.find('\0'); nul != std::string_view::npos) {
    diagnostics_.push_back({Severity::error,
                            fmt::format("a NUL byte at offset {}: this is no unit", nul),
                            {.file = file_.path},
                            {},
                            {}});
    return {};
  }
  if (rest.size() > largest_file) {
    diagnostics_.push_back(
        {Severity::error, "more than 1 MiB: this is no unit", {.file = file_.path}, {}, {}});
    return {};
  }
  if (rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
    physical_line(rest.substr(0, end));
    const bool pair = rest.substr(end).starts_with("\r\n");
    rest.remove_prefix(std::min(end + (pair ? 2 : 1), rest.size()));
  }
  if (continued_) logical_line();
  return std::move(result_);
}

}  // namespace

Place Assignment::place(std::size_t offset, std::size_t length) const {
  Piece found;
  for (const Piece& piece : pieces) {
    if (piece.offset <= offset) found = piece;
  }
  return {.file = file,
          .line = found.line,
          .column = found.column + static_cast<std::uint32_t>(offset - found.offset),
          .length = static_cast<std::uint32_t>(length)};
}

std::vector<Assignment> parse_lines(const UnitFile& file, std::vector<Diagnostic>& diagnostics) {
  return LineReader(file, diagnostics).run();
}

std::vector<Word> words(std::string_view value, std::size_t offset) {
  std::vector<Word> result;
  for (;;) {
    const std::size_t begin = value.find_first_not_of(blanks, offset);
    if (begin == std::string_view::npos) return result;
    const std::size_t end = std::min(value.find_first_of(blanks, begin), value.size());
    result.push_back({value.substr(begin, end - begin), begin});
    offset = end;
  }
}

}  // namespace callgate::systemd
