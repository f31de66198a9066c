// Built-in profiles. Their texts are embedded at build time (cmake/embed_texts.cmake).
#include "callgate/formats/builtin.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "callgate/formats/oci.h"
#include "formats/builtin_texts.h"

namespace callgate {
namespace {

/// `#: with CAP`, `#: without CAP`, `#: end`.
struct Directive {
  enum class Kind : std::uint8_t { with, without, end } kind;
  std::string_view capability;
};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::optional<Directive> directive_of(std::string_view words) {
  if (words == "end") return Directive{Directive::Kind::end, {}};
  const std::size_t space = std::min(words.find(' '), words.size());
  const std::string_view verb = words.substr(0, space);
  const std::string_view name = trimmed(words.substr(space));
  const auto known = capability_names();
  if (std::find(known.begin(), known.end(), name) == known.end()) return std::nullopt;
  if (verb == "with") return Directive{Directive::Kind::with, name};
  if (verb == "without") return Directive{Directive::Kind::without, name};
  return std::nullopt;
}

Error at_line(std::uint32_t line, std::string message) {
  return Error(Diagnostic{.message = std::move(message), .place = {.line = line, .column = 1}});
}

/// Which lines count, from the first to the last.
class LineFilter {
 public:
  explicit LineFilter(std::span<const std::string> capabilities) : capabilities_(capabilities) {}

  /// Takes the next line; true if it counts.
  Result<bool> take(std::string_view line) {
    ++number_;
    const std::string_view text = trimmed(line);
    if (!text.starts_with("#:")) return counts_;
    const std::string_view words = trimmed(text.substr(2));
    const std::optional<Directive> directive = directive_of(words);
    if (!directive) return fail(at_line(number_, fmt::format("`#: {}` is not understood", words)));
    const bool closes = directive->kind == Directive::Kind::end;
    if (closes != open_) {
      return fail(at_line(number_, closes ? "`#: end` without a beginning"
                                          : "sections of capabilities do not nest"));
    }
    open_ = !closes;
    const bool has = std::find(capabilities_.begin(), capabilities_.end(), directive->capability) !=
                     capabilities_.end();
    counts_ = closes || has == (directive->kind == Directive::Kind::with);
    return true;
  }

  [[nodiscard]] bool open() const noexcept { return open_; }
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }

 private:
  std::span<const std::string> capabilities_;
  std::uint32_t number_ = 0;
  bool open_ = false;
  bool counts_ = true;
};

}  // namespace

std::span<const std::string_view> builtin_profile_names() noexcept {
  static constexpr auto names = [] {
    std::array<std::string_view, builtin_texts.size()> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = builtin_texts[i].name;
    std::ranges::sort(all);
    return all;
  }();
  return names;
}

std::string_view builtin_profile_text(std::string_view name) noexcept {
  for (const EmbeddedText& each : builtin_texts) {
    if (each.name == name) return each.text;
  }
  return {};
}

Result<std::string> select_capabilities(std::string_view text,
                                        std::span<const std::string> capabilities) {
  std::string selected;
  LineFilter filter(capabilities);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    CALLGATE_TRY(const bool counts, filter.take(line));
    if (!counts) selected += "# ";
    selected += line;
    selected += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (filter.open())
    return fail(at_line(filter.number(), "a section of capabilities has no `#: end`"));
  return selected;
}

Result<ParsedPolicy> find_builtin_profile(std::string_view name,
                                          std::span<const std::string> capabilities) {
  const std::string_view text = builtin_profile_text(name);
  if (text.empty()) {
    return fail(fmt::format("no built-in profile is named \"{}\"", name),
                fmt::format("there are {}", fmt::join(builtin_profile_names(), " and ")));
  }
  CALLGATE_TRY(const std::string selected, select_capabilities(text, capabilities));
  return parse_policy(selected, fmt::format("{}.policy", name));
}

}  // namespace callgate
