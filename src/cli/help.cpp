#include "cli/help.h"

#include <algorithm>

namespace callgate::cli {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::string join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

/// An option's type as CLI11 prints it, "TEXT:{raw,text}", cut at the colon.
std::pair<std::string, std::string> type_parts(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t colon = type.find(':');
  return colon == std::string::npos ? std::pair(type, std::string())
                                    : std::pair(type.substr(0, colon), type.substr(colon + 1));
}

}  // namespace

HelpText help_text(const CLI::App& verb) {
  HelpText help;
  std::vector<std::string>* part = &help.notes;
  for (std::string& line : lines_of(verb.get_footer())) {
    const bool is_indented = line.starts_with(' ');
    if (line.starts_with("callgate ") && help.usage.empty() && help.notes.empty()) {
      help.usage = std::move(line);
      continue;
    }
    if (line == "Examples:") {
      part = &help.examples;
      continue;
    }
    if (line.starts_with("Exit code")) part = &help.exit_codes;
    if (part == &help.examples && !is_indented) part = &help.notes;
    if (line.empty() && part->empty()) continue;
    part->push_back(part == &help.examples ? line.substr(line.find_first_not_of(' '))
                                           : std::move(line));
  }
  return help;
}

std::string ExamplesFirst::make_usage(const CLI::App* verb, std::string name) const {
  const HelpText help = help_text(*verb);
  std::string text = help.usage.empty() ? CLI::Formatter::make_usage(verb, std::move(name))
                                        : "Usage: " + help.usage + "\n";
  if (!help.examples.empty()) {
    text += "\nExamples:\n";
    for (const std::string& line : help.examples) text += "  " + line + "\n";
  }
  return text;
}

std::string ExamplesFirst::make_footer(const CLI::App* verb) const {
  const HelpText help = help_text(*verb);
  return join(help.notes) + join(help.exit_codes);
}

std::vector<const CLI::App*> shown_verbs(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* verb) { return !is_hidden(*verb); });
}

std::vector<std::string> option_values(const CLI::Option& option) {
  std::string set = type_parts(option).second;
  if (!set.starts_with('{') || !set.ends_with('}')) return {};
  set = set.substr(1, set.size() - 2);
  return CLI::detail::split(set, ',');
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

std::string value_name(const CLI::Option& option) { return type_parts(option).first; }

}  // namespace callgate::cli
