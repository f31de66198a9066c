// Actions: a word, and data in parentheses.
#include <algorithm>

#include "callgate/abi/constants.h"
#include "formats/text_parser.h"

namespace callgate::formats {
namespace {

struct ActionName {
  std::string_view name;
  ActionKind kind;
};
constexpr ActionName action_names[] = {{"allow", ActionKind::allow},
                                       {"log", ActionKind::log},
                                       {"errno", ActionKind::errno_},
                                       {"trap", ActionKind::trap},
                                       {"trace", ActionKind::trace},
                                       {"notify", ActionKind::user_notif},
                                       {"kill_process", ActionKind::kill_process},
                                       {"kill_thread", ActionKind::kill_thread}};

}  // namespace

bool is_action_word(const Token& word) {
  return std::any_of(std::begin(action_names), std::end(action_names),
                     [&](const ActionName& action) { return word.is(action.name); });
}

std::string_view likely_word(std::string_view word) {
  struct Other {
    std::string_view word, here;
  };
  static constexpr Other others[] = {{"deny", "errno(EPERM)"},   {"block", "errno(EPERM)"},
                                     {"reject", "errno(EPERM)"}, {"kill", "kill_process"},
                                     {"default", "otherwise"},   {"permit", "allow"},
                                     {"user_notif", "notify"},   {"arch", "arches"},
                                     {"return", "errno(EPERM)"}, {"name", "policy"}};
  for (const Other& other : others)
    if (other.word == word) return other.here;
  return nearest(word, statement_words);
}

bool ActionParser::parse(Action& action) {
  const Token& word = tokens_.peek();
  const auto* found = std::find_if(std::begin(action_names), std::end(action_names),
                                   [&](const ActionName& name) { return word.is(name.name); });
  if (found == std::end(action_names)) {
    if (word.kind == Token::Kind::name) {
      const std::string_view likely = likely_word(word.text);
      error(word, "no action is named `" + std::string(word.text) + "`",
            likely.empty() ? "" : "did you mean `" + std::string(likely) + "`?");
      return false;
    }
    return expected("an action such as allow or errno(EPERM)");
  }
  tokens_.take();
  action = {found->kind, 0};
  if (tokens_.accept("(")) return parse_data(action);
  if (found->kind == ActionKind::errno_) return expected("`(`, as in errno(EPERM)");
  return true;
}

bool ActionParser::parse_data(Action& action) {
  const Token& token = tokens_.peek();
  const bool is_name = action.kind == ActionKind::errno_ && token.kind == Token::Kind::name;
  if (token.kind != Token::Kind::number && !is_name)
    return expected(action.kind == ActionKind::errno_ ? "an errno, as in errno(EPERM)"
                                                      : "a number");
  tokens_.take();
  if (is_name) {
    if (const auto value = find_errno(token.text))
      action.data = *value;
    else
      report_errno(token);
  } else if (token.number > 0xffff) {
    error(token, "an action carries 16 bits", "the largest number is 65535");
  } else {
    action.data = static_cast<std::uint16_t>(token.number);
  }
  return tokens_.accept(")") || expected("`)`");
}

void ActionParser::report_errno(const Token& token) {
  std::vector<std::string_view> names;
  for (const Constant& constant : errno_constants()) names.push_back(constant.name);
  error(token, "no errno is named `" + std::string(token.text) + "`",
        policy::did_you_mean(token.text, names));
}

}  // namespace callgate::formats
