// One self-contained HTML page of what a verb found: docs/pages.md.
#pragma once

#include <string>
#include <string_view>

#include "callgate/meaning/survey.h"

namespace callgate::cli {

/// The help of -o where a verb writes pages.
inline constexpr const char* output_help = "where to write: X.html is a page, - is standard output";

/// True if an output of that name is a page: "X.html".
[[nodiscard]] bool is_page(std::string_view path) noexcept;

/// The page of a verb ("explain", "diff" or "check") that shows its --json document. Nothing in
/// `title` or in the document can end the element that it stands in. `names` is page_names() of
/// what is shown, or an empty object.
[[nodiscard]] std::string page(std::string_view verb, std::string_view title, std::string_view json,
                               std::string_view names = "{}");

/// What the page must know to read arguments by name: the ABIs of the survey with their errors, and
/// parameters and constants of the calls whose arguments matter.
[[nodiscard]] std::string page_names(const Survey& survey);

}  // namespace callgate::cli
