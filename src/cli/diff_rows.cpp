#include "cli/diff_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <tuple>

#include "callgate/formats/call.h"
#include "cli/meaning_json.h"

namespace callgate::cli {
namespace {

/// A row that names at most as many calls needs no other description.
constexpr std::size_t handful = 6;

Direction direction_of(const Change& change) {
  if (is_looser(change)) return Direction::looser;
  return precedence(change.to) < precedence(change.from) ? Direction::stricter : Direction::other;
}

/// What changes of one row have in common.
struct Key {
  Direction direction;
  std::string when;
  std::string from;
  std::string to;
  bool other_arches;
  auto operator<=>(const Key&) const = default;
};

Key key_of(const Change& change, const RowOptions& options) {
  const auto text = [&](std::uint32_t ret) {
    return options.permission ? std::string(permission_name(ret)) : action_text(change.arch, ret);
  };
  const bool always = change.when.kind == Condition::Kind::always;
  return {.direction = direction_of(change),
          .when = always ? std::string() : when_text(change.when, change.call),
          .from = text(change.from),
          .to = text(change.to),
          .other_arches = !change.arch};
}

/// Numbers of an ABI that no call has: how many there are, -1 left aside.
std::uint64_t unnamed_count(Arch arch) {
  std::uint64_t all = std::uint64_t{1} << 32;
  if (arch == Arch::x86_64) all = x32_bit;
  if (arch == Arch::x32) all -= x32_bit;
  const bool has_skip = arch != Arch::x86_64 && arch != Arch::x32;
  return all - syscalls(arch).size() - (has_skip || arch == Arch::x32 ? 1 : 0);
}

/// The changes of one key, by what they are about.
struct Bundle {
  std::size_t first = 0;  ///< index of the first change
  std::map<std::string_view, std::vector<const Change*>> calls;
  std::map<Arch, std::vector<const Change*>> numbers;
  std::vector<const Change*> elsewhere;
};

/// How many of the ABIs have a call of that name.
std::size_t count_having(std::string_view name, const std::vector<Arch>& arches) {
  return static_cast<std::size_t>(std::count_if(arches.begin(), arches.end(), [&](Arch arch) {
    return find_syscall(arch, name) != nullptr;
  }));
}

std::vector<Arch> arches_of(const std::vector<const Change*>& changes) {
  std::vector<Arch> arches;
  for (const Change* change : changes) arches.push_back(*change->arch);
  return arches;
}

class RowMaker {
 public:
  RowMaker(const Difference& difference, const RowOptions& options)
      : difference_(difference), options_(options) {}

  std::vector<ChangeRow> make() {
    std::map<Key, Bundle> bundles;
    for (std::size_t i = 0; i < difference_.changes.size(); ++i) {
      const Change& change = difference_.changes[i];
      Bundle& bundle =
          bundles.try_emplace(key_of(change, options_), Bundle{.first = i}).first->second;
      if (!change.arch)
        bundle.elsewhere.push_back(&change);
      else if (change.call != nullptr)
        bundle.calls[change.call->name].push_back(&change);
      else
        bundle.numbers[*change.arch].push_back(&change);
    }
    for (const auto& [key, bundle] : bundles) add_rows(key, bundle);
    std::stable_sort(rows_.begin(), rows_.end(), [](const ChangeRow& a, const ChangeRow& b) {
      return std::tuple(a.direction, a.example) < std::tuple(b.direction, b.example);
    });
    return std::move(rows_);
  }

 private:
  void add_rows(const Key& key, const Bundle& bundle) {
    std::map<std::vector<Arch>, ChangeRow> by_arches;
    const auto row_on = [&](std::vector<Arch> arches, const Change* change) -> ChangeRow& {
      ChangeRow& row = by_arches[arches];
      if (row.example == nullptr || change < row.example) row.example = change;
      row.arches = std::move(arches);
      return row;
    };
    const std::vector<Arch> touched = touched_by(bundle);
    for (const auto& [name, changes] : bundle.calls)
      row_on(tag_of(name, changes, touched), changes.front()).calls.push_back(name);
    add_numbers(bundle, row_on);
    for (auto& [arches, row] : by_arches) finish(key, std::move(row));
    if (bundle.elsewhere.empty()) return;
    finish(key, {.other_arches = true, .example = bundle.elsewhere.front()});
  }

  /// The ABIs on which a bundle changes calls.
  static std::vector<Arch> touched_by(const Bundle& bundle) {
    std::vector<Arch> touched;
    for (const auto& [name, changes] : bundle.calls)
      for (const Change* change : changes)
        if (std::find(touched.begin(), touched.end(), *change->arch) == touched.end())
          touched.push_back(*change->arch);
    std::sort(touched.begin(), touched.end());
    return touched;
  }

  /// The ABIs of a call's row: none where it changes wherever it is, all that the bundle touches
  /// where it changes on those that have it, else its own.
  [[nodiscard]] std::vector<Arch> tag_of(std::string_view name,
                                         const std::vector<const Change*>& changes,
                                         const std::vector<Arch>& touched) const {
    const bool is_everywhere = touched.size() == difference_.arches.size();
    if (count_having(name, touched) != changes.size()) return arches_of(changes);
    return is_everywhere ? std::vector<Arch>() : touched;
  }

  /// Numbers without a name: joined over ABIs that agree in them, or that change all of theirs.
  template <class RowOn>
  void add_numbers(const Bundle& bundle, RowOn row_on) {
    struct Numbers {
      std::vector<Arch> arches;
      const Change* example = nullptr;
    };
    std::map<std::pair<bool, std::vector<std::pair<std::uint32_t, std::uint32_t>>>, Numbers> alike;
    for (const auto& [arch, changes] : bundle.numbers) {
      std::uint64_t count = 0;
      std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
      for (const Change* change : changes) {
        ranges.emplace_back(change->numbers.first, change->numbers.last);
        count += std::uint64_t{change->numbers.last} - change->numbers.first + 1;
        if (change->numbers.last == skipped_call) --count;
      }
      const bool all = count == unnamed_count(arch);
      if (all) ranges.clear();
      Numbers& numbers = alike[{all, std::move(ranges)}];
      numbers.arches.push_back(arch);
      if (numbers.example == nullptr) numbers.example = changes.front();
    }
    for (auto& [what, numbers] : alike) {
      // -1 is no number of x32, whose numbers have bit 30.
      const bool is_skip = what.second == std::vector{std::pair{skipped_call, skipped_call}};
      const auto having = std::count_if(difference_.arches.begin(), difference_.arches.end(),
                                        [&](Arch arch) { return !is_skip || arch != Arch::x32; });
      const bool on_all = numbers.arches.size() == static_cast<std::size_t>(having);
      ChangeRow& row = row_on(on_all ? std::vector<Arch>() : numbers.arches, numbers.example);
      row.all_numbers = row.all_numbers || what.first;
      for (const auto& [first, last] : what.second) row.numbers.push_back({first, last});
    }
  }

  void finish(const Key& key, ChangeRow row) {
    row.direction = key.direction;
    row.when = key.when;
    row.from = key.from;
    row.to = key.to;
    if (row.calls.size() > handful && row.when.empty()) describe_whole(row);
    rows_.push_back(std::move(row));
  }

  void describe_whole(ChangeRow& row) const {
    const std::vector<Arch>& arches = row.arches.empty() ? difference_.arches : row.arches;
    if (options_.left != nullptr && is_whole(*options_.left, arches, row, row.from))
      row.whole = fmt::format("every call that was {} ({})", row.from, row.calls.size());
    else if (options_.right != nullptr && is_whole(*options_.right, arches, row, row.to))
      row.whole = fmt::format("every call that is now {} ({})", row.to, row.calls.size());
  }

  /// True if a side decides nothing else like that than the row's calls (numbers aside, which the
  /// row tells apart).
  [[nodiscard]] bool is_whole(const Survey& side, const std::vector<Arch>& arches,
                              const ChangeRow& row, const std::string& action) const {
    return std::all_of(side.calls.begin(), side.calls.end(), [&](const CallDecision& call) {
      if (!call.arch || call.call == nullptr) return true;
      if (std::find(arches.begin(), arches.end(), *call.arch) == arches.end()) return true;
      const auto ret = call.constant();
      if (!ret) return true;
      const std::string text =
          options_.permission ? std::string(permission_name(*ret)) : action_text(call.arch, *ret);
      return text != action ||
             std::binary_search(row.calls.begin(), row.calls.end(), call.call->name);
    });
  }

  const Difference& difference_;
  const RowOptions& options_;
  std::vector<ChangeRow> rows_;
};

std::string ranges_text(const std::vector<NumberRange>& ranges) {
  constexpr std::size_t most = 4;
  std::vector<std::string> all;
  for (const NumberRange& range : ranges) {
    if (all.size() == most) break;
    all.push_back(range_text(range));
  }
  const bool one = ranges.size() == 1 && ranges.front().first == ranges.front().last;
  std::string text = fmt::format("number{} {}", one ? "" : "s", fmt::join(all, ", "));
  if (ranges.size() > most) text += fmt::format(" and {} more ranges", ranges.size() - most);
  return text;
}

std::string names_text(const std::vector<std::string_view>& names, std::size_t most) {
  if (most == 0 || names.size() <= most + 2) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(std::span(names).first(most), ", "),
                     names.size() - most);
}

std::string row_head(const ChangeRow& row, const RowText& options) {
  std::string text = row_subject(row, options);
  if (!row.arches.empty()) {
    std::vector<std::string_view> names;
    for (const Arch arch : row.arches) names.push_back(arch_info(arch).name);
    text = fmt::format("[{}] {}", fmt::join(names, ", "), text);
  }
  return row.when.empty() ? text : text + ": " + row.when;
}

}  // namespace

std::string_view direction_name(Direction direction) noexcept {
  switch (direction) {
    case Direction::looser: return "looser";
    case Direction::stricter: return "stricter";
    case Direction::other: break;
  }
  return "other";
}

std::vector<ChangeRow> rows_of(const Difference& difference, const RowOptions& options) {
  return RowMaker(difference, options).make();
}

std::string row_subject(const ChangeRow& row, const RowText& options) {
  if (row.other_arches) return "every call of other architectures";
  std::vector<std::string> parts;
  if (!row.whole.empty() && options.names != 0)
    parts.push_back(row.whole);
  else if (!row.calls.empty())
    parts.push_back(names_text(row.calls, options.names));
  if (row.all_numbers) parts.emplace_back("all numbers without a call");
  if (!row.numbers.empty()) parts.push_back(ranges_text(row.numbers));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string rows_text(const std::vector<ChangeRow>& rows, const Difference& difference,
                      const RowText& options) {
  constexpr std::size_t widest = 48;
  const bool one_abi = difference.arches.size() == 1;
  std::size_t width = 0;
  std::size_t change_width = 0;
  for (const ChangeRow& row : rows) {
    const std::size_t head = row_head(row, options).size();
    if (head <= widest) width = std::max(width, head);
    change_width = std::max(change_width, row.from.size() + row.to.size() + 4);
  }
  std::string text;
  for (const ChangeRow& row : rows) {
    const SeccompData& data = row.example->witness;
    const std::string call = one_abi && row.example->arch ? bare_call_text(data) : call_text(data);
    text +=
        fmt::format("{:<8}  {:<{}}  {:<{}}  e.g. {}\n", direction_name(row.direction),
                    row_head(row, options), width, row.from + " -> " + row.to, change_width, call);
  }
  return text;
}

}  // namespace callgate::cli
