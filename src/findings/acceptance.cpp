#include "callgate/findings/acceptance.h"

#include <algorithm>

namespace callgate {
namespace {

constexpr std::string_view mark = "callgate:";
constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Where a line's comment begins, outside of quotes.
std::size_t comment_of(std::string_view line) {
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '\\')
      ++i;
    else if (line[i] == '"')
      quoted = !quoted;
    else if (line[i] == '#' && !quoted)
      return i;
  }
  return line.npos;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Finding invalid(Place place, std::string message, std::string fix) {
  std::string subject = message;
  return {.id = "acceptance-invalid",
          .severity = Severity::warning,
          .message = std::move(message),
          .subject = std::move(subject),
          .place = std::move(place),
          .fix = std::move(fix)};
}

constexpr const char* form = "write `# callgate: accept ID \"reason\"`";

/// What is wrong with an acceptance, if anything.
std::optional<Finding> fault(const Acceptance& one) {
  if (find_finding_kind(one.id) == nullptr)
    return invalid(one.place, "no finding has the id `" + one.id + "`",
                   "docs/findings.md has them");
  if (one.reason.empty())
    return invalid(one.place, "`" + one.id + "` is accepted without a reason", form);
  return std::nullopt;
}

void add(Acceptances& out, Acceptance one) {
  if (auto wrong = fault(one))
    out.invalid.push_back(std::move(*wrong));
  else
    out.list.push_back(std::move(one));
}

/// `accept ID "reason"`, after the mark.
std::optional<Acceptance> parse(std::string_view words) {
  constexpr std::string_view verb = "accept";
  if (!words.starts_with(verb)) return std::nullopt;
  words = trimmed(words.substr(verb.size()));
  const std::size_t end = std::min(words.find_first_of(blanks), words.size());
  Acceptance made{.id = std::string(words.substr(0, end))};
  const std::string_view rest = trimmed(words.substr(end));
  if (made.id.empty()) return std::nullopt;
  if (rest.empty()) return made;
  if (rest.size() < 2 || rest.front() != '"' || rest.back() != '"') return std::nullopt;
  made.reason = trimmed(rest.substr(1, rest.size() - 2));
  return made;
}

void read_lines(const SourceText& source, Acceptances& out) {
  const std::vector<std::string_view> lines = lines_of(source.text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t at = comment_of(lines[i]);
    if (at == lines[i].npos) continue;
    const std::string_view comment = trimmed(lines[i].substr(at + 1));
    if (!comment.starts_with(mark)) continue;
    const Place place{source.file, static_cast<std::uint32_t>(i + 1),
                      static_cast<std::uint32_t>(at + 1),
                      static_cast<std::uint32_t>(lines[i].size() - at)};
    auto made = parse(trimmed(comment.substr(mark.size())));
    if (!made) {
      out.invalid.push_back(invalid(place, "a comment for callgate that says nothing", form));
      continue;
    }
    std::size_t about = i;
    if (trimmed(lines[i].substr(0, at)).empty())
      while (++about < lines.size() &&
             trimmed(lines[about].substr(0, comment_of(lines[about]))).empty())
        ;
    made->line = about < lines.size() ? static_cast<std::uint32_t>(about + 1) : 0;
    made->path = source.file;
    made->place = place;
    add(out, std::move(*made));
  }
}

/// The line of the rule after the one that begins at `line`, in the same file.
std::uint32_t next_rule(const Policy* policy, const Acceptance& one) {
  std::uint32_t next = one.line + 1;
  if (policy == nullptr) return next;
  bool is_rule = false;
  std::uint32_t after = 0xffffffff;
  for (const Rule& rule : policy->rules) {
    if (rule.place.file != one.path) continue;
    is_rule = is_rule || rule.place.line == one.line;
    if (rule.place.line > one.line) after = std::min(after, rule.place.line);
  }
  return is_rule ? after : next;
}

/// True if the acceptance is about this finding, whether or not it may be accepted.
bool is_about(const Acceptance& one, const Finding& finding, const Policy* policy) {
  if (one.id != finding.id) return false;
  if (!one.subject.empty()) return one.subject == finding.subject;
  if (finding.place.line == 0) return true;
  if (finding.place.file != one.path || one.line == 0) return false;
  return finding.place.line >= one.line && finding.place.line < next_rule(policy, one);
}

/// A comment is always of this source; an entry of a baseline where it names the source or none.
bool is_for(const Acceptance& one, std::string_view path) {
  return one.subject.empty() || one.path.empty() || one.path == path;
}

}  // namespace

Acceptances read_acceptances(std::span<const SourceText> texts) {
  Acceptances out;
  for (const SourceText& text : texts) read_lines(text, out);
  return out;
}

bool is_acceptable(const Finding& finding) noexcept {
  if (finding.severity == Severity::error) return finding.witness.has_value();
  return finding.severity == Severity::warning && finding.id != "acceptance-invalid";
}

void accept(std::vector<Finding>& findings, std::span<const Acceptance> acceptances,
            const Policy* policy, std::string_view path) {
  std::vector<Finding> added;
  for (const Acceptance& one : acceptances) {
    if (!is_for(one, path)) continue;
    bool is_used = false;
    for (Finding& finding : findings) {
      if (!is_about(one, finding, policy)) continue;
      is_used = true;
      const bool compiles = finding.severity != Severity::error || finding.witness.has_value();
      if (compiles) {
        finding.accepted = one.reason;
        finding.accepted_in_source = one.subject.empty();
      } else {
        added.push_back(invalid(one.place,
                                "`" + one.id +
                                    "` cannot be accepted: the policy cannot "
                                    "be compiled",
                                "mend the policy"));
      }
    }
    if (!is_used)
      added.push_back(
          {.id = "acceptance-unused",
           .severity = Severity::note,
           .message = "`" + one.id + "` is accepted here, and there is nothing to accept",
           .subject = one.id + " " + one.subject,
           .place = one.place,
           .fix = "remove it"});
  }
  std::move(added.begin(), added.end(), std::back_inserter(findings));
}

}  // namespace callgate
