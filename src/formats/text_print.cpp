// Prints a policy so that reading it gives the same policy: parentheses stand wherever a condition
// stands in another, so the tree is kept node by node.
#include <algorithm>

#include "callgate/formats/text.h"
#include "formats/text_parser.h"
#include "policy/rule_names.h"

namespace callgate {
namespace formats {
namespace {

constexpr std::size_t line_width = 100;

std::string number_text(std::uint64_t number) {
  if (number < 1000) return std::to_string(number);
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (; number != 0; number >>= 4) text.insert(text.begin(), digits[number & 15]);
  return "0x" + text;
}

std::string release_text(Release release) {
  std::string text = std::to_string(release.major) + "." + std::to_string(release.minor);
  if (release.patch != 0) text += "." + std::to_string(release.patch);
  return text;
}

/// A policy's name, quoted where the language asks for it.
std::string name_text(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const bool is_plain = !continues_line(name) && name.size() <= 128 && is_letter(name[0]) &&
                        std::all_of(name.begin(), name.end(), [&](char c) {
                          return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
                        });
  if (is_plain) return std::string(name);
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "\"";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      text += {'\\', c};
    else if (byte >= ' ' && byte < 0x7f)
      text += c;
    else
      text += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
  }
  return text + "\"";
}

std::string_view untestable_text(OnUntestable on_untestable) {
  switch (on_untestable) {
    case OnUntestable::error: return "error";
    case OnUntestable::deny: return "deny";
    case OnUntestable::allow_: return "allow";
  }
  return "error";
}

std::string_view relation_text(Relation relation) {
  switch (relation) {
    case Relation::eq: return "==";
    case Relation::ne: return "!=";
    case Relation::lt: return "<";
    case Relation::le: return "<=";
    case Relation::gt: return ">";
    case Relation::ge: return ">=";
    case Relation::in: return "in";
    case Relation::not_in: return "not in";
    case Relation::subset: return "subset";
  }
  return "==";
}

/// Names and numbers of a value, joined; `parts` counts them.
std::string terms_text(const Value& value, std::size_t& parts) {
  std::string text;
  for (const std::string& name : value.names) text += (text.empty() ? "" : "|") + name;
  parts = value.names.size();
  if (value.number == 0 && !value.negative && parts > 0) return text;
  ++parts;
  if (!text.empty()) text += '|';
  return text + (value.negative ? "-" + number_text(0 - value.number) : number_text(value.number));
}

std::string value_text(const Value& value) {
  std::size_t parts = 0;
  std::string terms = terms_text(value, parts);
  if (!value.complement) return terms;
  return parts > 1 ? "~(" + terms + ")" : "~" + terms;
}

std::string mask_text(const Value& mask) {
  std::size_t parts = 0;
  const std::string terms = terms_text(mask, parts);
  return (mask.complement ? "~" : "") + (parts > 1 ? "(" + terms + ")" : terms);
}

std::string operand_text(const Operand& operand) {
  std::string word = "args[" + std::to_string(operand.index) + "]";
  switch (operand.kind) {
    case Operand::Kind::parameter: return operand.name;
    case Operand::Kind::word: return word;
    case Operand::Kind::low: return word + ".lo";
    case Operand::Kind::high: return word + ".hi";
    case Operand::Kind::ip: return "ip";
    case Operand::Kind::ip_low: return "ip.lo";
    case Operand::Kind::ip_high: return "ip.hi";
  }
  return word;
}

/// Pieces of a rule between which a line may break.
class Line {
 public:
  Line(std::string& out, std::size_t indent, bool breaks = true)
      : out_(out), indent_(indent), breaks_(breaks) {
    out_.append(indent, ' ');
    column_ = indent;
  }
  /// Adds a piece; before it the line may break if `may_break`.
  void add(std::string_view piece, bool may_break) {
    if (breaks_ && may_break && column_ + piece.size() + 1 > line_width) {
      while (out_.ends_with(' ')) out_.pop_back();
      out_ += '\n';
      out_.append(indent_ + 4, ' ');
      column_ = indent_ + 4;
      while (piece.starts_with(' ')) piece.remove_prefix(1);
    }
    out_ += piece;
    column_ += piece.size();
  }

 private:
  std::string& out_;
  std::size_t indent_;
  bool breaks_;
  std::size_t column_ = 0;
};

class RulePrinter {
 public:
  RulePrinter(const Rule& rule, std::string& out, std::size_t indent, bool breaks = true)
      : rule_(rule), names_(rule), line_(out, indent, breaks) {}

  void print() {
    line_.add(to_string(rule_.action), false);
    for (std::size_t i = 0; i < rule_.calls.size(); ++i) {
      const bool is_last = i + 1 == rule_.calls.size();
      line_.add(" " + selector_text(rule_.calls[i]) + (is_last ? "" : ","), i > 0);
    }
    if (rule_.condition.kind != Condition::Kind::always) {
      line_.add(" if ", false);
      print(rule_.condition, false);
    }
    if (rule_.on_untestable)
      line_.add(" on untestable " + std::string(untestable_text(*rule_.on_untestable)), false);
  }
  void print_condition() {
    const bool is_always = rule_.condition.kind == Condition::Kind::always;
    return is_always ? line_.add("true", false) : print(rule_.condition, false);
  }

 private:
  [[nodiscard]] static std::string selector_text(const Selector& selector) {
    switch (selector.kind) {
      case Selector::Kind::name: return selector.name;
      case Selector::Kind::group: return "@" + selector.name;
      case Selector::Kind::any: return "*";
      case Selector::Kind::numbers: break;
    }
    const std::string first = number_text(selector.first);
    return selector.first == selector.last ? first : first + ".." + number_text(selector.last);
  }

  void print(const Condition& condition, bool is_part) {
    switch (condition.kind) {
      case Condition::Kind::always: return line_.add("always", false);
      case Condition::Kind::test: return print(condition.test);
      case Condition::Kind::all: return print_children(condition, "all", "and", "true", is_part);
      case Condition::Kind::any: return print_children(condition, "any", "or", "false", is_part);
      case Condition::Kind::negation: break;
    }
    line_.add("not ", false);
    const bool is_test =
        !condition.children.empty() && condition.children.front().kind == Condition::Kind::test;
    if (is_test) line_.add("(", false);
    if (!condition.children.empty()) print(condition.children.front(), true);
    if (is_test) line_.add(")", false);
  }

  void print_children(const Condition& condition, std::string_view list, std::string_view word,
                      std::string_view empty, bool is_part) {
    const std::vector<Condition>& children = condition.children;
    if (children.empty()) return line_.add(empty, false);
    const bool is_list = children.size() == 1;
    if (is_list) line_.add(list, false);
    if (is_list || is_part) line_.add("(", false);
    for (std::size_t i = 0; i < children.size(); ++i) {
      if (i > 0) line_.add(" " + std::string(word) + " ", true);
      print(children[i], true);
    }
    if (is_list || is_part) line_.add(")", false);
  }

  void print(const Test& test) {
    line_.add(operand_text(test.operand), false);
    if (test.mask) line_.add(" & " + mask_text(*test.mask), false);
    line_.add(" " + std::string(relation_text(test.relation)) + " ", false);
    if (test.relation != Relation::in && test.relation != Relation::not_in) {
      if (!test.values.empty()) line_.add(single_text(test), false);
      return;
    }
    line_.add("{", false);
    for (std::size_t i = 0; i < test.values.size(); ++i) {
      const Interval& interval = test.values[i];
      std::string piece = (i > 0 ? " " : "") + value_text(interval.first);
      if (interval.last) piece += ".." + value_text(*interval.last);
      if (i + 1 < test.values.size()) piece += ",";
      line_.add(piece, i > 0);
    }
    line_.add("}", false);
  }

  std::string single_text(const Test& test) {
    const Value& value = test.values.front().first;
    const bool is_null = value == Value{} && !test.mask &&
                         test.operand.kind == Operand::Kind::parameter &&
                         names_.is_pointer(test.operand.name);
    return is_null ? "null" : value_text(value);
  }

  const Rule& rule_;
  policy::RuleNames names_;
  Line line_;
};

void print_header(const Policy& policy, std::string& out) {
  const Policy usual;
  if (!policy.name.empty()) out += "policy " + name_text(policy.name) + "\n";
  if (policy.abi) out += "abi " + release_text(*policy.abi) + "\n";
  if (!policy.arches.empty()) out += "arches " + policy::arch_list(policy.arches) + "\n";
  out += "otherwise " + to_string(policy.otherwise) + "\n";
  if (policy.unknown != usual.unknown) out += "unknown " + to_string(policy.unknown) + "\n";
  if (policy.unlisted != usual.unlisted) out += "unlisted " + to_string(policy.unlisted) + "\n";
  if (policy.on_untestable != OnUntestable::error)
    out += "on untestable " + std::string(untestable_text(policy.on_untestable)) + "\n";
}

}  // namespace
}  // namespace formats

std::string print_policy(const Policy& policy) {
  std::string out;
  formats::print_header(policy, out);
  if (!policy.rules.empty()) out += "\n";
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    const Rule& rule = policy.rules[i];
    const bool opens =
        !rule.arches.empty() && (i == 0 || policy.rules[i - 1].arches != rule.arches);
    const bool closes = !rule.arches.empty() &&
                        (i + 1 == policy.rules.size() || policy.rules[i + 1].arches != rule.arches);
    if (opens) out += "on " + policy::arch_list(rule.arches) + " {\n";
    formats::RulePrinter(rule, out, rule.arches.empty() ? 0 : 2).print();
    out += "\n";
    if (closes) out += "}\n";
  }
  return out;
}

std::string print_condition(const Condition& condition, std::span<const std::string_view> calls) {
  Rule rule{.condition = condition};
  for (const std::string_view call : calls)
    rule.calls.push_back(Selector::named(std::string(call)));
  std::string out;
  formats::RulePrinter(rule, out, 0, false).print_condition();
  return out;
}

}  // namespace callgate
