#include "cli/diff_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/meaning_json.h"

namespace callgate::cli {
namespace {

/// Rows of more calls than that are described by what either side decides alike, if they can be.
constexpr std::size_t many_changes = 6;

/// Rows, and what they point into.
struct Rows {
  Survey left;
  Survey right;
  std::vector<ChangeRow> rows;
};

Result<Rows> rows_for(const DiffReport& report, const Difference& difference, bool is_across) {
  Rows made;
  RowOptions options{.permission = report.permission};
  if (!is_across && difference.changes.size() > many_changes) {
    const SurveyOptions asked{.arches = difference.arches};
    CALLGATE_TRY(made.left, survey_of(report.left->subject, asked));
    CALLGATE_TRY(made.right, survey_of(report.right->subject, asked));
    options.left = &made.left;
    options.right = &made.right;
  }
  made.rows = rows_of(difference, options);
  return made;
}

/// How many rows go each way, in the order of Direction.
std::array<std::size_t, 3> count_rows(const std::vector<ChangeRow>& rows) {
  std::array<std::size_t, 3> counts{};
  for (const ChangeRow& row : rows) ++counts[static_cast<std::size_t>(row.direction)];
  return counts;
}

std::string counts_text(const std::vector<ChangeRow>& rows) {
  const auto counts = count_rows(rows);
  std::vector<std::string> parts;
  for (const Direction direction : {Direction::looser, Direction::stricter, Direction::other}) {
    const std::size_t count = counts[static_cast<std::size_t>(direction)];
    if (count > 0) parts.push_back(fmt::format("{} {}", count, direction_name(direction)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string undecided_text(const std::vector<std::string>& calls) {
  std::string text;
  for (const std::string& call : calls)
    text += fmt::format("undecided  {}: past the budget of the proof; taken for different\n", call);
  return text;
}

std::string header(const DiffReport& report) {
  return fmt::format("{} -> {}", report.left->source.path, report.right->source.path);
}

std::string what_is_compared(const DiffReport& report) {
  return report.permission ? "allowed, delegated or denied" : "decided";
}

Result<std::string> plain_text(const DiffReport& report, const RowText& options) {
  const Difference& difference = report.difference;
  if (difference.is_equal()) {
    return fmt::format("equal: every call of {}{} is {} alike, whatever its arguments (proved)\n",
                       join_arches(difference.arches),
                       report.restricted ? "" : " and of every other architecture",
                       what_is_compared(report));
  }
  CALLGATE_TRY(const Rows made, rows_for(report, difference, false));
  std::string text;
  if (made.rows.size() > 1)
    text = fmt::format("{}, on {}: {}\n", header(report), join_arches(difference.arches),
                       counts_text(made.rows));
  return text + rows_text(made.rows, difference, options) + undecided_text(difference.undecided);
}

std::string name_list(std::string_view title, const std::vector<std::string>& names,
                      const RowText& options) {
  if (names.empty()) return "";
  const std::size_t shown =
      options.names == 0 || names.size() <= options.names + 2 ? names.size() : options.names;
  std::string text = fmt::format("{} ({}): {}", title, names.size(),
                                 fmt::join(std::span(names).first(shown), ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text + "\n";
}

Result<std::string> pair_text(const DiffReport& report, const AcrossPair& pair,
                              const RowText& options) {
  const std::string_view left = arch_info(pair.left).name;
  const std::string_view right = arch_info(pair.right).name;
  const Difference& difference = pair.found.difference;
  CALLGATE_TRY(const Rows made, rows_for(report, difference, true));
  std::string text =
      fmt::format("{} on {} -> {} on {}: {}\n", report.left->source.path, left,
                  report.right->source.path, right,
                  made.rows.empty() ? "no difference seen in the calls that both have"
                                    : counts_text(made.rows));
  text += rows_text(made.rows, difference, options) + undecided_text(difference.undecided);
  text += name_list(fmt::format("only {} has", left), pair.found.only_left, options);
  text += name_list(fmt::format("only {} has", right), pair.found.only_right, options);
  return text + name_list("not compared, their tests cannot be carried over", pair.found.untestable,
                          options);
}

Result<std::string> across_text(const DiffReport& report, const RowText& options) {
  std::string text;
  for (const AcrossPair& pair : report.across) {
    CALLGATE_TRY(const std::string one, pair_text(report, pair, options));
    text += one;
  }
  if (!report.left_alone.empty())
    text += fmt::format("not compared: {} of {}\n", join_arches(report.left_alone),
                        report.left->source.path);
  if (!report.right_alone.empty())
    text += fmt::format("not compared: {} of {}\n", join_arches(report.right_alone),
                        report.right->source.path);
  return text + "not a proof: calls and parameters were compared by name, constants by number\n";
}

void write_side(JsonWriter& writer, std::string_view key, const QuestionedSource& side) {
  json_key(writer, key);
  writer.StartObject();
  json_member(writer, "path", side.source.path);
  json_member(writer, "format", format_name(side.source.format));
  write_arches(writer, "arches", side.arches);
  writer.EndObject();
}

void write_names(JsonWriter& writer, std::string_view key, const std::vector<std::string>& names) {
  json_key(writer, key);
  writer.StartArray();
  for (const std::string& name : names) json_string(writer, name);
  writer.EndArray();
}

void write_row(JsonWriter& writer, const ChangeRow& row) {
  writer.StartObject();
  json_member(writer, "direction", direction_name(row.direction));
  json_member(writer, "text", row_subject(row));
  write_arches(writer, "arches", row.arches);
  json_key(writer, "calls");
  writer.StartArray();
  for (const std::string_view call : row.calls) json_string(writer, call);
  writer.EndArray();
  json_flag(writer, "all_numbers", row.all_numbers);
  json_key(writer, "numbers");
  writer.StartArray();
  for (const NumberRange& range : row.numbers) write_range(writer, range);
  writer.EndArray();
  json_flag(writer, "other_architectures", row.other_arches);
  json_member(writer, "when", row.when.empty() ? "true" : row.when);
  json_member(writer, "from", row.from);
  json_member(writer, "to", row.to);
  write_witness(writer, row.example->witness);
  writer.EndObject();
}

void write_change(JsonWriter& writer, const Change& change) {
  writer.StartObject();
  write_call_members(writer, change.arch, change.numbers, change.call);
  json_member(writer, "when", when_text(change.when, change.call));
  json_flag(writer, "looser", is_looser(change));
  for (const auto& [key, ret] : {std::pair("from", change.from), std::pair("to", change.to)}) {
    json_key(writer, key);
    writer.StartObject();
    write_return(writer, change.arch, ret);
    writer.EndObject();
  }
  write_witness(writer, change.witness);
  writer.EndObject();
}

/// The members "arches", "rows", "changes", "undecided".
Result<void> write_difference(JsonWriter& writer, const DiffReport& report,
                              const Difference& difference, bool is_across) {
  CALLGATE_TRY(const Rows made, rows_for(report, difference, is_across));
  write_arches(writer, "arches", difference.arches);
  json_key(writer, "rows");
  writer.StartArray();
  for (const ChangeRow& row : made.rows) write_row(writer, row);
  writer.EndArray();
  json_key(writer, "changes");
  writer.StartArray();
  for (const Change& change : difference.changes) write_change(writer, change);
  writer.EndArray();
  write_names(writer, "undecided", difference.undecided);
  return {};
}

Result<void> write_across(JsonWriter& writer, const DiffReport& report) {
  json_key(writer, "across");
  writer.StartArray();
  for (const AcrossPair& pair : report.across) {
    writer.StartObject();
    json_member(writer, "left", arch_info(pair.left).name);
    json_member(writer, "right", arch_info(pair.right).name);
    CALLGATE_CHECK(write_difference(writer, report, pair.found.difference, true));
    write_names(writer, "only_left", pair.found.only_left);
    write_names(writer, "only_right", pair.found.only_right);
    write_names(writer, "untestable", pair.found.untestable);
    writer.EndObject();
  }
  writer.EndArray();
  write_arches(writer, "left_alone", report.left_alone);
  write_arches(writer, "right_alone", report.right_alone);
  return {};
}

template <class Test>
bool any_change(const DiffReport& report, Test test) {
  const auto in = [&](const Difference& difference) {
    return std::any_of(difference.changes.begin(), difference.changes.end(), test);
  };
  return in(report.difference) ||
         std::any_of(report.across.begin(), report.across.end(),
                     [&](const AcrossPair& pair) { return in(pair.found.difference); });
}

bool has_undecided(const DiffReport& report) {
  return !report.difference.undecided.empty() ||
         std::any_of(report.across.begin(), report.across.end(), [](const AcrossPair& pair) {
           return !pair.found.difference.undecided.empty() || !pair.found.untestable.empty();
         });
}

}  // namespace

bool DiffReport::is_equal() const noexcept {
  return !has_undecided(*this) && !any_change(*this, [](const Change&) { return true; });
}

bool DiffReport::may_be_looser() const noexcept {
  return has_undecided(*this) ||
         any_change(*this, [](const Change& change) { return is_looser(change); });
}

Result<std::string> report_text(const DiffReport& report, const RowText& options) {
  return report.is_across() ? across_text(report, options) : plain_text(report, options);
}

Result<std::string> report_json(const DiffReport& report) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  write_side(writer, "left", *report.left);
  write_side(writer, "right", *report.right);
  json_member(writer, "compared", report.permission ? "permission" : "returns");
  json_flag(writer, "equal", report.is_equal());
  json_flag(writer, "looser", report.may_be_looser());
  json_flag(writer, "proved", !report.is_across() && report.difference.undecided.empty());
  if (report.is_across()) {
    CALLGATE_CHECK(write_across(writer, report));
  } else {
    CALLGATE_CHECK(write_difference(writer, report, report.difference, false));
  }
  writer.EndObject();
  return json_text(buffer);
}

}  // namespace callgate::cli
