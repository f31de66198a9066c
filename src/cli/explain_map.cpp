#include "cli/explain_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/common.h"
#include "cli/meaning_json.h"

namespace callgate::cli {
namespace {

constexpr std::size_t line_width = 100;

/// A section of the map: calls that are decided alike.
struct Section {
  CallClass which = CallClass::allowed;
  std::string title;  ///< "allowed", "refused with errno(EPERM)"
  bool operator<(const Section& other) const {
    return std::tie(which, title) < std::tie(other.which, other.title);
  }
};

/// What a call is under: its class, and how it is refused where that is always the same.
Section section_of(const CallDecision& call) {
  const CallClass which = class_of(call);
  const auto constant = call.constant();
  if (!constant) {
    const bool is_one_class = which == CallClass::refused || which == CallClass::allowed;
    return {which,
            std::string(class_name(which)) + (is_one_class ? ", how depends on arguments" : "")};
  }
  const std::string action = action_text(call.arch, *constant);
  const bool is_plain = action == "allow";
  return {which, is_plain ? std::string(class_name(which))
                          : fmt::format("{}: {}", class_name(which), action)};
}

/// A call's line: its name, or name and cases.
std::string entry_of(const CallDecision& call) {
  if (call.constant()) return std::string(call.call->name);
  return fmt::format("{}: {}", call.call->name, cases_text(call));
}

/// Words after a first line's prefix, wrapped.
std::string wrapped(const std::vector<std::string>& words) {
  std::string text;
  std::string line = "  ";
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = words[i] + (i + 1 < words.size() ? "," : "");
    if (line.size() > 2 && line.size() + 1 + word.size() > line_width) {
      text += line + "\n";
      line = "  ";
    }
    line += (line.size() > 2 ? " " : "") + word;
  }
  return text + line + "\n";
}

std::string shortened(const std::string& line) {
  return line.size() <= line_width ? line : line.substr(0, line_width - 3) + "...";
}

std::string tag_of(const std::vector<Arch>& arches) {
  return arches.empty() ? "" : fmt::format("[{}] ", join_arches(arches));
}

class Map {
 public:
  explicit Map(const Survey& survey) : survey_(survey) {
    for (const CallDecision& call : survey.calls) {
      if (!call.arch || call.call == nullptr) continue;
      ++having_[call.call->name];
      sections_[section_of(call)][entry_of(call)].push_back(&call);
    }
  }

  [[nodiscard]] std::string text(bool all_names) const {
    std::string text = counts_table() + other_lines();
    const Section* longest = all_names ? nullptr : longest_section();
    for (const auto& [section, entries] : sections_)
      text += section_text(section, entries, &section == longest);
    return text;
  }

 private:
  using Entries = std::map<std::string, std::vector<const CallDecision*>>;

  [[nodiscard]] const Section* longest_section() const {
    const Section* longest = nullptr;
    std::size_t most = 0;
    for (const auto& [section, entries] : sections_) {
      if (section.which == CallClass::conditional || entries.size() <= most) continue;
      most = entries.size();
      longest = &section;
    }
    return longest;
  }

  /// The ABIs of an entry; empty if they are all that have the call.
  [[nodiscard]] std::vector<Arch> tag(const std::vector<const CallDecision*>& calls) const {
    if (calls.size() == having_.at(calls.front()->call->name)) return {};
    std::vector<Arch> arches;
    for (const CallDecision* call : calls) arches.push_back(*call->arch);
    return arches;
  }

  [[nodiscard]] std::string section_text(const Section& section, const Entries& entries,
                                         bool is_longest) const {
    std::map<std::vector<Arch>, std::vector<std::string>> by_arches;
    for (const auto& [entry, calls] : entries) by_arches[tag(calls)].push_back(entry);
    std::string text = fmt::format("{} ({}):", section.title, entries.size());
    if (is_longest && by_arches.size() == 1 && by_arches.begin()->first.empty())
      return text + " every other call\n";
    text += "\n";
    for (auto& [arches, words] : by_arches) {
      if (is_longest && arches.empty()) {
        text += "  every other call\n";
      } else if (entries.begin()->second.front()->constant()) {
        words.front() = tag_of(arches) + words.front();
        text += wrapped(words);
      } else {
        for (const std::string& word : words)
          text += shortened("  " + tag_of(arches) + word) + "\n";
      }
    }
    return text;
  }

  /// One line an ABI: how many calls there are of each class, and what other numbers get.
  [[nodiscard]] std::string counts_table() const {
    std::string text = fmt::format("{:<12}{:>9}{:>13}{:>11}{:>9}   numbers without a call\n", "",
                                   "allowed", "conditional", "delegated", "refused");
    for (const Arch arch : survey_.arches) {
      std::map<CallClass, std::size_t> counts;
      std::vector<std::string> others;
      for (const CallDecision& call : survey_.calls) {
        if (call.arch != arch) continue;
        if (call.call != nullptr) {
          ++counts[class_of(call)];
          continue;
        }
        if (call.numbers.first == skipped_call) continue;
        std::string action = call.undecided ? std::string("undecided") : cases_text(call);
        if (std::find(others.begin(), others.end(), action) == others.end())
          others.push_back(std::move(action));
      }
      text += shortened(fmt::format("{:<12}{:>9}{:>13}{:>11}{:>9}   {}", arch_info(arch).name,
                                    counts[CallClass::allowed], counts[CallClass::conditional],
                                    counts[CallClass::delegated], counts[CallClass::refused],
                                    fmt::join(others, ", "))) +
              "\n";
    }
    return text;
  }

  /// What calls of other audit architectures get.
  [[nodiscard]] std::string other_lines() const {
    std::vector<std::string> actions;
    for (const CallDecision& call : survey_.calls) {
      if (call.arch) continue;
      std::string action = call.undecided ? std::string("undecided") : cases_text(call);
      if (std::find(actions.begin(), actions.end(), action) == actions.end())
        actions.push_back(std::move(action));
    }
    if (actions.empty()) return "";
    return shortened(fmt::format("other architectures: {}", fmt::join(actions, ", "))) + "\n";
  }

  const Survey& survey_;
  std::map<std::string_view, std::size_t> having_;
  std::map<Section, Entries> sections_;
};

}  // namespace

CallClass class_of(const CallDecision& call) noexcept {
  if (call.undecided || call.cases.empty()) return CallClass::undecided;
  const std::string_view first = permission_name(call.cases.front().ret);
  for (const Case& one : call.cases)
    if (permission_name(one.ret) != first) return CallClass::conditional;
  if (first == "allowed") return CallClass::allowed;
  return first == "denied" ? CallClass::refused : CallClass::delegated;
}

std::string_view class_name(CallClass which) noexcept {
  switch (which) {
    case CallClass::allowed: return "allowed";
    case CallClass::conditional: return "conditional";
    case CallClass::delegated: return "delegated";
    case CallClass::refused: return "refused";
    case CallClass::undecided: break;
  }
  return "undecided";
}

std::string cases_text(const CallDecision& call) {
  if (call.undecided) return "past the budget: not known";
  std::string text;
  for (const Case& one : call.cases) {
    const std::string action = action_text(call.arch, one.ret);
    const bool is_last = &one == &call.cases.back();
    if (text.empty())
      text = is_last ? action : fmt::format("{} if {}", action, when_text(one.when, call.call));
    else
      text += is_last ? fmt::format(", else {}", action)
                      : fmt::format("; {} if {}", action, when_text(one.when, call.call));
  }
  return text;
}

std::string map_text(const Survey& survey, bool all_names) { return Map(survey).text(all_names); }

}  // namespace callgate::cli
