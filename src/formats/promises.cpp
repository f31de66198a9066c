// Promises are texts in the policy language (profiles/promises), embedded at build time. A text is
// cut at its `#: with` lines into parts, and each part is parsed once.
#include "callgate/formats/promises.h"

#include <algorithm>
#include <array>

#include "callgate/formats/text.h"
#include "formats/promise_rules.h"
#include "formats/promise_texts.h"

namespace callgate {
namespace {

/// The rules that follow those of every promise.
constexpr std::string_view fallback = "fallback";

constexpr std::string_view head_line(std::string_view text, std::string_view label) {
  const std::size_t begin = text.find(label) + label.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

constexpr auto all_promises = [] {
  std::array<Promise, promise_texts.size() - 1> all{};
  std::size_t count = 0;
  for (const EmbeddedText& each : promise_texts)
    if (each.name != fallback)
      all[count++] = {each.name, head_line(each.text, "# summary: "),
                      head_line(each.text, "# source: "), each.text};
  return all;
}();

/// Rules of one promise that count where others are promised as well.
struct Part {
  std::string_view promise;
  std::vector<std::string_view> with;
  std::vector<Rule> rules;
};

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n,";
  std::vector<std::string_view> words;
  for (std::size_t at = text.find_first_not_of(blanks); at != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(blanks, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(blanks, end);
  }
  return words;
}

void add_part(std::vector<Part>& parts, std::string_view promise, std::string_view with,
              std::string_view text) {
  Part part{promise, words_of(with), read_policy(text, std::string(promise)).policy.rules};
  if (!part.rules.empty()) parts.push_back(std::move(part));
}

/// Cuts a promise's text.
void add_parts(std::vector<Part>& parts, const EmbeddedText& promise) {
  std::string_view rest = promise.text;
  std::string_view with;
  for (;;) {
    const std::size_t mark = rest.find("#: ");
    add_part(parts, promise.name, with, rest.substr(0, mark));
    if (mark == rest.npos) return;
    std::string_view line = rest.substr(mark + 3, rest.find('\n', mark) - mark - 3);
    rest.remove_prefix(mark + 3 + line.size());
    with = line.starts_with("with ") ? line.substr(5) : std::string_view{};
  }
}

/// In the order in which their rules stand: stdio first, since its conditions are the narrow ones,
/// then by name; what follows them all is last.
const std::vector<Part>& all_parts() {
  static const std::vector<Part> all = [] {
    std::vector<Part> parts;
    for (const std::string_view stage : {"stdio", "", "fallback"})
      for (const EmbeddedText& each : promise_texts) {
        const bool is_special = each.name == "stdio" || each.name == fallback;
        if (stage.empty() ? !is_special : stage == each.name) add_parts(parts, each);
      }
    return parts;
  }();
  return all;
}

/// Names of OpenBSD that have no meaning on Linux, and what to do.
struct Foreign {
  std::string_view name, hint;
};
constexpr Foreign foreign[] = {
    {"audio", "open the device before, and allow its ioctl requests"},
    {"bpf", "open the device before, and allow its ioctl requests"},
    {"disklabel", "open the device before, and allow its ioctl requests"},
    {"drm", "open the device before, and allow its ioctl requests"},
    {"error", "`otherwise` says what a refused call gets, and errno(ENOSYS) is what `error` gives"},
    {"pf", "Linux has no pf(4)"},
    {"route", "allow socket if domain == AF_NETLINK and protocol == NETLINK_ROUTE"},
    {"tape", "open the device before, and allow its ioctl requests"},
    {"tmppath", "promise rpath, wpath, cpath"},
    {"video", "open the device before, and allow its ioctl requests"},
    {"vmm", "open the device before, and allow its ioctl requests"},
    {"wroute", "allow socket if domain == AF_NETLINK and protocol == NETLINK_ROUTE"},
};

bool covers(const Rule& earlier, const std::vector<Arch>& arches) {
  return earlier.arches.empty() || (!arches.empty() && std::ranges::all_of(arches, [&](Arch arch) {
           return std::ranges::find(earlier.arches, arch) != earlier.arches.end();
         }));
}

/// True if an earlier rule of a promise leaves nothing for this selector of the rule to decide.
bool is_decided(const std::vector<Rule>& rules, const Rule& rule, const Selector& selector) {
  return std::ranges::any_of(rules, [&](const Rule& earlier) {
    return !earlier.promise.empty() && covers(earlier, rule.arches) &&
           (earlier.condition.kind == Condition::Kind::always ||
            (earlier.condition == rule.condition && earlier.action == rule.action &&
             earlier.on_untestable == rule.on_untestable)) &&
           std::ranges::find(earlier.calls, selector) != earlier.calls.end();
  });
}

}  // namespace

namespace formats {

std::optional<policy::NameFault> promise_fault(std::string_view name) {
  if (find_promise(name) != nullptr) return {};
  const auto* known = std::ranges::find(foreign, name, &Foreign::name);
  if (known != std::end(foreign))
    return policy::NameFault{"OpenBSD's promise `" + std::string(name) + "` means nothing here",
                             std::string(known->hint)};
  std::vector<std::string_view> names;
  for (const Promise& each : all_promises) names.push_back(each.name);
  return policy::NameFault{"no promise is named `" + std::string(name) + "`",
                           policy::did_you_mean(name, names)};
}

void add_promises(const std::set<std::string_view>& promised, const std::vector<Arch>& section,
                  const Place& place, std::vector<Rule>& rules) {
  const auto is_promised = [&](std::string_view name) {
    return name == fallback || promised.contains(name);
  };
  for (const Part& part : all_parts()) {
    if (!is_promised(part.promise) || !std::ranges::all_of(part.with, is_promised)) continue;
    for (Rule rule : part.rules) {
      rule.arches = section;
      rule.place = place;
      rule.promise = part.promise;
      std::erase_if(rule.calls, [&](const Selector& s) { return is_decided(rules, rule, s); });
      for (Selector& selector : rule.calls) selector.place = place;
      if (!rule.calls.empty()) rules.push_back(std::move(rule));
    }
  }
}

}  // namespace formats

std::span<const Promise> promises() noexcept { return all_promises; }

const Promise* find_promise(std::string_view name) noexcept {
  const auto found = std::ranges::lower_bound(all_promises, name, {}, &Promise::name);
  return found != all_promises.end() && found->name == name ? &*found : nullptr;
}

Result<Policy> promised_policy(std::string_view promises) {
  std::set<std::string_view> promised;
  std::vector<Diagnostic> faults;
  for (const std::string_view name : words_of(promises)) {
    if (auto fault = formats::promise_fault(name))
      faults.push_back({.message = std::move(fault->message), .hint = std::move(fault->hint)});
    promised.insert(name);
  }
  if (!faults.empty()) return fail(Error(std::move(faults)));
  if (promised.empty())
    return fail("nothing is promised", "promise stdio, which every program of C or C++ needs");
  Policy policy{.abi = newest_release(),
                .arches = {native_arch()},
                .otherwise = Action{ActionKind::errno_, 1}};
  formats::add_promises(promised, {}, {}, policy.rules);
  return policy;
}

}  // namespace callgate
