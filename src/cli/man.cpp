// callgate man: the manual, made from the verbs as they are declared (man(7) macros). Not in
// --help: the build writes callgate(1) and callgate-VERB(1) with it, and a new verb has its page.
#include <utility>

#include "cli/help.h"

namespace callgate::cli {
namespace {

/// Text as roff takes it; a hyphen is one that can be typed.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    const bool starts_line = out.empty() || out.back() == '\n';
    if (starts_line && (letter == '.' || letter == '\'')) out += "\\&";
    switch (letter) {
      case '\\': out += "\\e"; break;
      case '-': out += "\\-"; break;
      case '\'': out += "\\(aq"; break;
      case '`': out += "\\(ga"; break;
      case '^': out += "\\(ha"; break;
      case '~': out += "\\(ti"; break;
      default: out += letter;
    }
  }
  return out;
}

std::string section(std::string_view title) { return ".SH " + std::string(title) + "\n"; }

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string title(const std::string& page, const std::string& version, const std::string& summary) {
  std::string upper = page;
  for (char& letter : upper)
    letter = static_cast<char>(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
  return ".TH " + escaped(upper) + " 1 \"\" \"" + escaped(version) + "\" \"callgate\"\n" +
         section("NAME") + escaped(page) + " \\- " + escaped(summary) + "\n";
}

/// Lines as they are.
std::string verbatim(const std::vector<std::string>& lines) {
  std::string text = ".EX\n";
  for (const std::string& line : lines) text += escaped(line) + "\n";
  return text + ".EE\n";
}

/// Paragraphs; indented lines as they are.
std::string prose(const std::vector<std::string>& lines) {
  std::string text;
  std::vector<std::string> indented;
  bool new_paragraph = false;
  const auto start = [&](bool is_due) {
    if (is_due && !text.empty()) text += ".PP\n";
  };
  for (std::size_t i = 0; i <= lines.size(); ++i) {
    const bool is_indented = i < lines.size() && lines[i].starts_with(' ');
    if (!is_indented && !indented.empty()) {
      start(true);
      text += verbatim(std::exchange(indented, {}));
      new_paragraph = true;
    }
    if (i == lines.size()) break;
    if (is_indented) {
      indented.push_back(lines[i]);
    } else if (lines[i].empty()) {
      new_paragraph = true;
    } else {
      start(std::exchange(new_paragraph, false));
      text += escaped(lines[i]) + "\n";
    }
  }
  return text;
}

/// What follows an option's name: the set its value is from, or the value's type.
std::string value_text(const CLI::Option& option) {
  const std::string set = CLI::detail::join(option_values(option), "|");
  if (takes_value(option)) return " " + italic(set.empty() ? value_name(option) : set);
  return set.empty() ? "" : "[=" + italic(set) + "]";
}

/// "-f, --form raw|text" and what it is.
std::string option_entry(const CLI::Option& option) {
  std::string names;
  if (option.get_positional()) names = italic(option.get_name());
  for (const std::string& name : option.get_snames())
    names += (names.empty() ? "" : ", ") + bold("-" + name);
  for (const std::string& name : option.get_lnames())
    names += (names.empty() ? "" : ", ") + bold("--" + name);
  if (!option.get_positional()) names += value_text(option);
  const bool must = option.get_required() && !option.get_positional();
  return ".TP\n" + names + "\n" + escaped(option.get_description()) +
         (must ? "; must be given" : "") + "\n";
}

std::string options_section(const CLI::App& app) {
  std::string text;
  for (const bool positional : {true, false}) {
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_positional() == positional && !option->get_group().empty())
        text += option_entry(*option);
    }
  }
  return text.empty() ? "" : section("OPTIONS") + text;
}

std::string synopsis(const CLI::App& verb, const HelpText& help) {
  if (!help.usage.empty()) return escaped(help.usage) + "\n";
  std::string text = "callgate " + verb.get_name() + " [OPTIONS]";
  for (const CLI::Option* option :
       verb.get_options([](const CLI::Option* one) { return one->get_positional(); })) {
    const bool several = option->get_items_expected_max() > 1;
    const std::string name = option->get_name() + (several ? "..." : "");
    text += option->get_required() ? " " + name : " [" + name + "]";
  }
  return escaped(text) + "\n";
}

std::string closing_sections(HelpText help) {
  std::string text;
  if (!help.examples.empty()) text += section("EXAMPLES") + verbatim(help.examples);
  if (help.exit_codes.empty()) return text;
  constexpr std::string_view said_by_title = "Exit codes: ";
  if (help.exit_codes.front().starts_with(said_by_title))
    help.exit_codes.front().erase(0, said_by_title.size());
  return text + section("EXIT STATUS") + prose(help.exit_codes);
}

std::string verb_page(const CLI::App& verb, const std::string& version) {
  const HelpText help = help_text(verb);
  std::string text = title("callgate-" + verb.get_name(), version, verb.get_description()) +
                     section("SYNOPSIS") + synopsis(verb, help);
  if (!help.notes.empty()) text += section("DESCRIPTION") + prose(help.notes);
  return text + options_section(verb) + closing_sections(help) + section("SEE ALSO") +
         ".BR callgate (1),\n.BR callgate.policy (5)\n";
}

std::string main_page(const CLI::App& app, const std::string& version) {
  std::string text = title("callgate", version, app.get_description()) + section("SYNOPSIS") +
                     escaped("callgate VERB [OPTIONS] ...") + "\n" + section("DESCRIPTION") +
                     prose(help_text(app).notes) + section("VERBS");
  std::string pages;
  for (const CLI::App* verb : shown_verbs(app)) {
    text += ".TP\n" + bold(verb->get_name()) + "\n" + escaped(verb->get_description()) + "\n";
    pages += ".BR " + escaped("callgate-" + verb->get_name()) + " (1),\n";
  }
  return text + options_section(app) + closing_sections(help_text(app)) + section("SEE ALSO") +
         pages + ".BR callgate.policy (5)\n";
}

struct ManOptions {
  std::string verb;
  std::string folder;
  const CLI::App* app = nullptr;
};

/// Every page of section 1 into a folder.
int write_pages(const ManOptions& options, const std::string& version) {
  int code = write_output(options.folder + "/callgate.1", main_page(*options.app, version));
  for (const CLI::App* verb : shown_verbs(*options.app)) {
    if (code != exit_yes) return code;
    code = write_output(options.folder + "/callgate-" + verb->get_name() + ".1",
                        verb_page(*verb, version));
  }
  return code;
}

int run_man(const ManOptions& options) {
  const std::string version = options.app->version();
  if (!options.folder.empty()) return write_pages(options, version);
  if (options.verb.empty()) return write_output("-", main_page(*options.app, version));
  for (const CLI::App* verb : shown_verbs(*options.app)) {
    if (verb->get_name() == options.verb) return write_output("-", verb_page(*verb, version));
  }
  return report(Error("no verb is named `" + options.verb + "`", "callgate --help lists them"));
}

}  // namespace

void add_man_verb(CLI::App& app, Action& chosen) {
  auto [command, options] =
      add_verb<ManOptions>(app, chosen, "man", "print a page of the manual", run_man);
  options->app = &app;
  command->group("");
  command->footer(
      "Examples:\n"
      "  callgate man run | man -l -\n"
      "  callgate man --all build/man1\n"
      "Exit codes: 0 written, 2 misuse.");
  command->add_option("VERB", options->verb, "its page; else that of callgate itself");
  command->add_option("--all", options->folder, "write every page into this folder");
}

}  // namespace callgate::cli
