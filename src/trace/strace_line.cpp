// The shape of strace's lines (strace 6.1, strace(1)): nesting of quotes, brackets, comments and
// decorations is followed, what is within them is not read.
#include "trace/strace_line.h"

#include <algorithm>
#include <charconv>

namespace callgate::tracing {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '?';
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
}

template <class Number>
std::optional<Number> whole_number(std::string_view text, int base = 10) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// The length of "<...>", brackets within it included; npos where it does not end.
std::size_t decoration_length(std::string_view text) {
  unsigned depth = 0;
  unsigned brackets = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') ++i;
    if (c == '[') ++brackets;
    if (c == ']' && brackets > 0) --brackets;
    if (c == '<') ++depth;
    // "[127.0.0.1:80->127.0.0.1:81]"
    if (c == '>' && !(brackets > 0 && i > 0 && text[i - 1] == '-') && --depth == 0) return i + 1;
  }
  return std::string_view::npos;
}

/// The length of what begins with a quote, comment or decoration; 0 where none begins, npos where
/// it does not end.
std::size_t opaque_length(std::string_view text, char before) {
  if (text.front() == '"') {
    for (std::size_t i = 1; i < text.size(); ++i) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        return i + 1;
    }
    return std::string_view::npos;
  }
  if (text.starts_with("/*")) {
    const std::size_t end = text.find("*/", 2);
    return end == std::string_view::npos ? end : end + 2;
  }
  if (text.front() == '<' && is_word(before)) return decoration_length(text);
  return 0;
}

std::string_view trimmed(std::string_view text) {
  skip_blanks(text);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// "12:34:56.789", "1700000000.123456", and "(+     0.000012)" after one.
bool take_time(std::string_view& line, LinePrefix& prefix) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  const bool is_time = word.find_first_of(".:") != std::string_view::npos &&
                       word.find_first_not_of("0123456789.:") == std::string_view::npos;
  if (!is_time || end == line.size()) return false;
  const std::size_t point = word.find('.');
  if (word.find(':') == std::string_view::npos && point >= 9) {
    const auto seconds = whole_number<std::uint64_t>(word.substr(0, point));
    const auto fraction = whole_number<std::uint64_t>(word.substr(point + 1));
    std::uint64_t unit = 1'000'000'000;
    for (std::size_t i = point + 1; i < word.size(); ++i) unit /= 10;
    if (seconds && fraction && *seconds < 10'000'000'000)
      prefix.time = *seconds * 1'000'000'000 + *fraction * unit;
  }
  line.remove_prefix(end);
  skip_blanks(line);
  if (line.starts_with("(+")) {
    line.remove_prefix(std::min(line.find(')') + 1, line.size()));
    skip_blanks(line);
  }
  return true;
}

/// "[pid 123] ", "[ 257] ", "[00007f00] "
bool take_bracket(std::string_view& line, LinePrefix& prefix) {
  const std::size_t end = line.find(']');
  if (!line.starts_with('[') || end == std::string_view::npos) return false;
  std::string_view inside = trimmed(line.substr(1, end - 1));
  if (inside.starts_with("pid ")) {
    inside = trimmed(inside.substr(4));
    const auto thread = whole_number<std::uint32_t>(inside.substr(0, inside.find('<')));
    if (!thread) return false;
    prefix.thread = *thread;
  } else if (inside.size() < 8) {
    prefix.number = whole_number<std::uint32_t>(inside);
    if (!prefix.number) return false;
  } else if (inside.find_first_not_of('?') != std::string_view::npos) {
    prefix.ip = whole_number<std::uint64_t>(inside, 16);
    if (!prefix.ip) return false;
  }
  line.remove_prefix(end + 1);
  skip_blanks(line);
  return true;
}

/// "123 " and "123<comm> ", as -o FILE has it.
bool take_thread(std::string_view& line, LinePrefix& prefix) {
  std::size_t digits = 0;
  while (digits < line.size() && is_digit(line[digits])) ++digits;
  if (digits == 0 || digits == line.size()) return false;
  std::size_t end = digits;
  if (line[digits] == '<') {
    const std::size_t length = decoration_length(line.substr(digits));
    if (length == std::string_view::npos) return false;
    end += length;
  }
  const auto thread = whole_number<std::uint32_t>(line.substr(0, digits));
  if (!thread || end >= line.size() || line[end] != ' ') return false;
  prefix.thread = *thread;
  line.remove_prefix(end);
  skip_blanks(line);
  return true;
}

}  // namespace

LinePrefix take_prefix(std::string_view& line) {
  LinePrefix prefix;
  if (line.starts_with(" > ")) return prefix;  // a line of -k
  skip_blanks(line);
  if (!take_thread(line, prefix)) take_bracket(line, prefix);
  while (!line.empty() && (take_time(line, prefix) || take_bracket(line, prefix))) continue;
  return prefix;
}

LineKind kind_of_line(std::string_view line) {
  if (line.starts_with("+++ ")) return LineKind::ended;
  if (line.starts_with("[ Process PID=")) return LineKind::mode;
  for (const std::string_view start : {"--- ", " > ", "strace: ", "Process "}) {
    if (line.starts_with(start)) return LineKind::nothing;
  }
  if (line.starts_with("<... ")) return LineKind::resumed;
  std::size_t name = 0;
  while (name < line.size() && is_word(line[name])) ++name;
  if (name == 0 || name == line.size() || line[name] != '(') return LineKind::unknown;
  return line.ends_with("<unfinished ...>") || line.ends_with("<detached ...>")
             ? LineKind::unfinished
             : LineKind::call;
}

std::optional<CallLine> parse_call_line(std::string_view line) {
  CallLine call;
  const std::size_t open = line.find('(');
  if (open == std::string_view::npos) return std::nullopt;
  call.name = line.substr(0, open);
  std::size_t begin = open + 1;
  unsigned depth = 0;
  const auto take = [&](std::size_t end) {
    const std::string_view argument = trimmed(line.substr(begin, end - begin));
    if (!argument.empty()) call.arguments.push_back(argument);
    begin = end + 1;
  };
  for (std::size_t i = open + 1; i < line.size(); ++i) {
    const std::size_t length = opaque_length(line.substr(i), line[i - 1]);
    if (length == std::string_view::npos) return std::nullopt;
    if (length > 0) {
      i += length - 1;
      continue;
    }
    const char c = line[i];
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ',' && depth == 0) take(i);
    if (c != ')' && c != ']' && c != '}') continue;
    if (depth > 0) {
      --depth;
    } else {
      take(i);
      std::string_view rest = line.substr(i + 1);
      skip_blanks(rest);
      call.is_closed = c == ')' && (rest.starts_with("= ") || rest == "=");
      return call;
    }
  }
  take(line.size());
  return call;
}

std::string_view bare_argument(std::string_view argument) {
  for (std::size_t i = 0; i < argument.size(); ++i) {
    if (argument[i] == '"') break;
    const bool is_beside = argument.substr(i).starts_with("/*") ||
                           (argument[i] == '<' && i > 0 && is_word(argument[i - 1]) &&
                            !argument.substr(i).starts_with("<<"));
    if (is_beside) return trimmed(argument.substr(0, i));
  }
  return trimmed(argument);
}

}  // namespace callgate::tracing
