#include "cli/output_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace callgate::cli {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

std::string comment_text(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool closes = c == '/' && !line.empty() && line.back() == '*';
    line += closes || static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return line;
}

std::string identifier(std::string_view name) {
  name.remove_prefix(name.find_last_of('/') + 1);
  name = name.substr(0, name.find('.', 1));
  std::string word;
  for (const char c : name) word += is_word(c) ? c : '_';
  const bool starts_badly = word.empty() || std::isdigit(static_cast<unsigned char>(word[0])) != 0;
  return starts_badly ? "filter_" + word : word;
}

std::string program_header(const Program& program, std::string_view name,
                           std::string_view comment) {
  const std::string word = identifier(name);
  std::string guard = "CALLGATE_" + word + "_H";
  std::transform(guard.begin(), guard.end(), guard.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  std::string text =
      fmt::format("/* {} */\n#ifndef {}\n#define {}\n\n#include <linux/filter.h>\n\n",
                  comment_text(comment), guard, guard);
  text += fmt::format("#define {}_length {}u\n", word, program.size());
  text += fmt::format("static const struct sock_filter {}[{}] = {{\n", word, program.size());
  for (const Instruction& step : program.instructions()) {
    text +=
        fmt::format("    {{0x{:02x}, {}, {}, 0x{:08x}}},\n", step.code, step.jt, step.jf, step.k);
  }
  return text + fmt::format("}};\n\n#endif /* {} */\n", guard);
}

}  // namespace callgate::cli
