// The command line up to the word that is being typed, read as CLI11 will read it.
#include "cli/completion.h"

#include <algorithm>

#include "cli/help.h"

namespace callgate::cli {
namespace {

/// What the words before the one that is being typed have settled.
struct Settled {
  const CLI::App* verb = nullptr;
  const CLI::Option* waiting = nullptr;  ///< an option whose value comes next
  std::size_t positionals = 0;
  bool no_options = false;                ///< `--` was there
  std::optional<std::size_t> command_at;  ///< where another program's command line begins
};

const CLI::App* find_verb(const CLI::App& app, const std::string& name) {
  const auto found =
      app.get_subcommands([&](const CLI::App* verb) { return verb->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

/// The option of a word such as --arch, -o or -vo that takes the next word as its value.
const CLI::Option* waiting_option(const CLI::App& app, const std::string& word) {
  if (word.starts_with("--")) {
    const CLI::Option* option = app.get_option_no_throw(word);
    return option != nullptr && takes_value(*option) ? option : nullptr;
  }
  for (std::size_t at = 1; at < word.size(); ++at) {
    const CLI::Option* option = app.get_option_no_throw(std::string("-") + word[at]);
    if (option == nullptr) return nullptr;
    if (takes_value(*option)) return at + 1 == word.size() ? option : nullptr;
  }
  return nullptr;
}

/// Reads one word. Of a verb that runs a program (take_words), what is no option is the program's.
void settle(Settled& so_far, const CLI::App& app, const std::string& word, std::size_t index) {
  const CLI::App& here = so_far.verb == nullptr ? app : *so_far.verb;
  if (so_far.command_at) return;
  if (so_far.waiting != nullptr) {
    so_far.waiting = nullptr;
  } else if (word == "--" && !so_far.no_options) {
    so_far.no_options = true;
    if (here.get_prefix_command()) so_far.command_at = index + 1;
  } else if (word.size() > 1 && word.starts_with('-') && !so_far.no_options) {
    so_far.waiting = waiting_option(here, word);
  } else if (so_far.verb == nullptr) {
    so_far.verb = find_verb(app, word);
  } else if (here.get_prefix_command()) {
    so_far.command_at = index;
  } else {
    ++so_far.positionals;
  }
}

void add_matching(Completion& out, const std::string& typed, std::string text,
                  std::string summary) {
  if (text.starts_with(typed)) out.candidates.push_back({std::move(text), std::move(summary)});
}

Completion option_names(const CLI::App& app, const std::string& typed) {
  Completion out;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_lnames())
      add_matching(out, typed, "--" + name, option->get_description());
    for (const std::string& name : option->get_snames())
      add_matching(out, typed, "-" + name, option->get_description());
  }
  return out;
}

Completion verb_names(const CLI::App& app, const std::string& typed) {
  Completion out;
  for (const CLI::App* verb : shown_verbs(app))
    add_matching(out, typed, verb->get_name(), verb->get_description());
  return out;
}

Completion option_value(const CLI::Option& option, const std::string& typed) {
  if (const auto set = option_values(option); !set.empty()) {
    Completion out;
    for (const std::string& value : set) add_matching(out, typed, value, "");
    return out;
  }
  const std::string name =
      option.get_positional() ? option.get_name() : "--" + option.get_lnames().front();
  return complete_value(name, typed);
}

/// `--option=value`, the value being typed; a flag may have some, too (--strict=filter).
Completion attached_value(const CLI::App& app, const std::string& typed, std::size_t equals) {
  const CLI::Option* option = app.get_option_no_throw(typed.substr(0, equals));
  if (option == nullptr || (!takes_value(*option) && option_values(*option).empty())) return {};
  Completion out = option_value(*option, typed.substr(equals + 1));
  for (Candidate& one : out.candidates) one.text.insert(0, typed, 0, equals + 1);
  return out;
}

Completion positional(const CLI::App& verb, std::size_t index, const std::string& typed) {
  const auto all =
      verb.get_options([](const CLI::Option* option) { return option->get_positional(); });
  for (const CLI::Option* option : all) {
    const auto taken = static_cast<std::size_t>(option->get_items_expected_max());
    if (index < taken) return option_value(*option, typed);
    index -= taken;
  }
  return {};
}

}  // namespace

Completion complete(const CLI::App& app, std::span<const std::string> words) {
  if (words.empty()) return {};
  Settled so_far;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) settle(so_far, app, words[i], i);
  const std::string& typed = words.back();
  const CLI::App& here = so_far.verb == nullptr ? app : *so_far.verb;
  if (so_far.command_at) return {.command_at = so_far.command_at};
  if (so_far.waiting != nullptr) return option_value(*so_far.waiting, typed);
  if (typed.starts_with('-') && !so_far.no_options) {
    const std::size_t equals = typed.find('=');
    return equals == std::string::npos ? option_names(here, typed)
                                       : attached_value(here, typed, equals);
  }
  if (so_far.verb == nullptr) return words.size() == 1 ? verb_names(app, typed) : Completion{};
  if (here.get_prefix_command()) return {.command_at = words.size() - 1};
  return positional(here, so_far.positionals, typed);
}

}  // namespace callgate::cli
