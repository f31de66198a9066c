// From a JSON tree to a profile. `null` counts as absent, as Go and yajl have it.
#include "formats/oci_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <utility>

namespace callgate::oci {
namespace {

using json::Kind;
using json::Node;
using json::Reporter;
using json::Tree;

constexpr std::array<std::pair<std::string_view, ActionKind>, 9> action_words = {{
    {"SCMP_ACT_KILL", ActionKind::kill_thread},
    {"SCMP_ACT_KILL_PROCESS", ActionKind::kill_process},
    {"SCMP_ACT_KILL_THREAD", ActionKind::kill_thread},
    {"SCMP_ACT_TRAP", ActionKind::trap},
    {"SCMP_ACT_ERRNO", ActionKind::errno_},
    {"SCMP_ACT_TRACE", ActionKind::trace},
    {"SCMP_ACT_ALLOW", ActionKind::allow},
    {"SCMP_ACT_LOG", ActionKind::log},
    {"SCMP_ACT_NOTIFY", ActionKind::user_notif},
}};

constexpr std::array<std::pair<std::string_view, Operator>, 7> operator_words = {{
    {"SCMP_CMP_NE", Operator::ne},
    {"SCMP_CMP_LT", Operator::lt},
    {"SCMP_CMP_LE", Operator::le},
    {"SCMP_CMP_EQ", Operator::eq},
    {"SCMP_CMP_GE", Operator::ge},
    {"SCMP_CMP_GT", Operator::gt},
    {"SCMP_CMP_MASKED_EQ", Operator::masked_eq},
}};

std::string same_letters(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

/// Reads values of one tree into the profile's types.
class Decoder {
 public:
  Decoder(const Tree& tree, Reporter& reporter) : tree_(tree), reporter_(reporter) {}

  /// A function that outlives it.
  class Take {
   public:
    template <class Function>
    Take(const Function& function)  // NOLINT(google-explicit-constructor)
        : object_(&function), call_([](const void* object, const Node& node, json::Index index) {
            (*static_cast<const Function*>(object))(node, index);
          }) {}
    void operator()(const Node& node, json::Index index) const { call_(object_, node, index); }

   private:
    const void* object_;
    void (*call_)(const void* object, const Node& node, json::Index index);
  };
  struct Member {
    std::string_view key;
    Take take;
  };
  using Members = std::initializer_list<Member>;

  Profile profile(json::Index root);
  /// The section of a config.json, or `root` itself.
  std::optional<json::Index> section(json::Index root);

 private:
  [[nodiscard]] static Span span(const Node& node) { return {node.offset, node.length}; }
  void error(const Node& node, std::string message, std::string hint = {}) {
    reporter_.add(Severity::error, node.offset, node.length, std::move(message), std::move(hint));
  }
  bool expect(const Node& node, Kind kind, std::string_view what);
  void members(const Node& object, json::Index index, std::string_view what, Members known);
  void unknown_key(const Node& node, Members known);

  std::optional<Text> string(const Node& node, std::string_view what);
  std::optional<std::uint64_t> number(const Node& node, std::string_view what, std::uint64_t limit);
  std::vector<Text> strings(const Node& node, json::Index index, std::string_view what);
  void each(const Node& node, json::Index index, std::string_view what, const Take& take);
  template <class Words>
  auto word(const Node& node, const Words& words, std::string_view what)
      -> std::optional<typename Words::value_type::second_type>;

  std::optional<std::uint16_t> errno_number(const Node& node, std::string_view what);
  Rule rule(const Node& node, json::Index index);
  Argument argument(const Node& node, json::Index index);
  Filter filter(const Node& node, json::Index index, std::string_view what);
  void min_kernel(const Node& node, Filter& filter);
  ArchMapEntry arch_map_entry(const Node& node, json::Index index);

  const Tree& tree_;
  Reporter& reporter_;
};

bool Decoder::expect(const Node& node, Kind kind, std::string_view what) {
  if (node.kind == kind) return true;
  error(node, fmt::format("{} must be {}, not {}", what, json::kind_name(kind),
                          json::kind_name(node.kind)));
  return false;
}

void Decoder::members(const Node& object, json::Index index, std::string_view what, Members known) {
  if (!expect(object, Kind::object, what)) return;
  for (const json::Index child : tree_.children(index)) {
    const Node& node = tree_[child];
    const auto found = std::find_if(known.begin(), known.end(), [&](const Member& member) {
      return member.key == tree_.key(node);
    });
    if (found == known.end()) {
      unknown_key(node, known);
    } else if (node.kind != Kind::null) {
      found->take(node, child);
    }
  }
}

void Decoder::unknown_key(const Node& node, Members known) {
  const std::string_view key = tree_.key(node);
  std::vector<std::string_view> keys;
  for (const Member& member : known) {
    if (same_letters(member.key) == same_letters(key)) {
      reporter_.add(Severity::error, node.key_offset, node.key_length + 2,
                    fmt::format("the key \"{}\" differs from \"{}\" in case only", key, member.key),
                    "readers in Go take the one for the other, crun does not");
      return;
    }
    keys.push_back(member.key);
  }
  const std::string_view near = nearest(key, keys);
  reporter_.add(Severity::warning, node.key_offset, node.key_length + 2,
                fmt::format("the key \"{}\" is unknown: every reader ignores it", key),
                near.empty() ? std::string() : fmt::format("did you mean \"{}\"?", near),
                "reader-drops");
}

std::optional<Text> Decoder::string(const Node& node, std::string_view what) {
  if (!expect(node, Kind::string, what)) return std::nullopt;
  if (tree_.text(node).find('\0') != std::string_view::npos) {
    error(node, fmt::format("{} holds a NUL character", what),
          "readers in C take what stands before it for the whole");
    return std::nullopt;
  }
  return Text{std::string(tree_.text(node)), span(node)};
}

std::optional<std::uint64_t> Decoder::number(const Node& node, std::string_view what,
                                             std::uint64_t limit) {
  if (!expect(node, Kind::number, what)) return std::nullopt;
  const std::string_view digits = tree_.text(node);
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.starts_with('-') && digits != "-0") {
    error(node, fmt::format("{} must not be negative", what),
          "a bit pattern is written as the unsigned number it is");
  } else if (code == std::errc::result_out_of_range || (code == std::errc() && value > limit)) {
    error(node, fmt::format("{} must be at most {}", what, limit));
  } else if (code != std::errc() || end != digits.data() + digits.size()) {
    error(node, fmt::format("{} must be a whole number in plain digits, not {}", what, digits));
  } else {
    return value;
  }
  return std::nullopt;
}

void Decoder::each(const Node& node, json::Index index, std::string_view what, const Take& take) {
  if (!expect(node, Kind::array, what)) return;
  for (const json::Index child : tree_.children(index)) take(tree_[child], child);
}

std::vector<Text> Decoder::strings(const Node& node, json::Index index, std::string_view what) {
  std::vector<Text> all;
  const std::string each_is = fmt::format("an element of {}", what);
  each(node, index, what, [&](const Node& element, json::Index) {
    if (auto text = string(element, each_is)) all.push_back(*std::move(text));
  });
  return all;
}

template <class Words>
auto Decoder::word(const Node& node, const Words& words, std::string_view what)
    -> std::optional<typename Words::value_type::second_type> {
  const std::optional<Text> text = string(node, what);
  if (!text) return std::nullopt;
  std::vector<std::string_view> known;
  for (const auto& [name, value] : words) {
    if (name == text->value) return value;
    known.push_back(name);
  }
  const std::string_view near = nearest(text->value, known);
  error(node, fmt::format("{} is not an {}", text->value, what),
        near.empty() ? fmt::format("one of {}", fmt::join(known, ", "))
                     : fmt::format("did you mean {}?", near));
  return std::nullopt;
}

std::optional<std::uint16_t> Decoder::errno_number(const Node& node, std::string_view what) {
  const auto value = number(node, what, 0xffff);
  if (!value) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

Argument Decoder::argument(const Node& node, json::Index index) {
  Argument arg{.span = span(node)};
  std::array<bool, 3> seen{};
  const auto limit64 = ~std::uint64_t{0};
  members(node, index, "an argument",
          {{"index",
            [&](const Node& n, json::Index) {
              seen[0] = true;
              arg.index = static_cast<std::uint8_t>(number(n, "index", 5).value_or(0));
            }},
           {"value",
            [&](const Node& n, json::Index) {
              seen[1] = true;
              arg.value = number(n, "value", limit64).value_or(0);
            }},
           {"valueTwo",
            [&](const Node& n, json::Index) {
              arg.value_two = number(n, "valueTwo", limit64).value_or(0);
            }},
           {"op", [&](const Node& n, json::Index) {
              seen[2] = true;
              arg.op = word(n, operator_words, "operator").value_or(Operator::eq);
            }}});
  if (node.kind != Kind::object) return arg;
  if (!seen[2]) error(node, "an argument without `op`");
  if (!seen[0])
    reporter_.add(Severity::warning, node.offset, 1, "no `index`: readers take 0", {},
                  "reader-assumes");
  if (!seen[1])
    reporter_.add(Severity::warning, node.offset, 1, "no `value`: readers take 0", {},
                  "reader-assumes");
  return arg;
}

void Decoder::min_kernel(const Node& node, Filter& into) {
  into.min_kernel_span = span(node);
  const std::optional<Text> text = string(node, "minKernel");
  if (!text) return;
  into.min_kernel = parse_release(text->value);
  if (!into.min_kernel) {
    error(node, fmt::format("minKernel \"{}\" is not a kernel version", text->value),
          "write it as \"4.8\"");
  }
}

Filter Decoder::filter(const Node& node, json::Index index, std::string_view what) {
  Filter result{.span = span(node)};
  members(
      node, index, what,
      {{"caps", [&](const Node& n, json::Index at) { result.caps = strings(n, at, "caps"); }},
       {"arches", [&](const Node& n, json::Index at) { result.arches = strings(n, at, "arches"); }},
       {"minKernel", [&](const Node& n, json::Index) { min_kernel(n, result); }}});
  return result;
}

ArchMapEntry Decoder::arch_map_entry(const Node& node, json::Index index) {
  ArchMapEntry entry;
  members(node, index, "an archMap entry",
          {{"architecture",
            [&](const Node& n, json::Index) {
              entry.arch = string(n, "architecture").value_or(Text{});
            }},
           {"subArchitectures", [&](const Node& n, json::Index at) {
              entry.sub = strings(n, at, "subArchitectures");
            }}});
  if (entry.arch.value.empty() && node.kind == Kind::object) {
    error(node, "an archMap entry without `architecture`");
  }
  return entry;
}

Rule Decoder::rule(const Node& node, json::Index index) {
  Rule result{.span = span(node), .action_span = span(node)};
  members(
      node, index, "a rule",
      {{"names", [&](const Node& n, json::Index at) { result.names = strings(n, at, "names"); }},
       {"name",
        [&](const Node& n, json::Index) {
          result.legacy_name = string(n, "name");
          if (result.legacy_name && result.legacy_name->value.empty()) result.legacy_name.reset();
        }},
       {"action",
        [&](const Node& n, json::Index) {
          result.action_span = span(n);
          result.action = word(n, action_words, "action");
          if (!result.action) result.action = ActionKind::errno_;  // already reported
        }},
       {"errnoRet",
        [&](const Node& n, json::Index) {
          result.errno_span = span(n);
          result.errno_ret = errno_number(n, "errnoRet");
        }},
       {"errno", [&](const Node& n, json::Index) { result.errno_name = string(n, "errno"); }},
       {"args",
        [&](const Node& n, json::Index at) {
          each(n, at, "args", [&](const Node& element, json::Index i) {
            result.args.push_back(argument(element, i));
          });
        }},
       {"includes",
        [&](const Node& n, json::Index at) { result.includes = filter(n, at, "includes"); }},
       {"excludes",
        [&](const Node& n, json::Index at) { result.excludes = filter(n, at, "excludes"); }},
       {"comment", [&](const Node& n, json::Index) { (void)string(n, "comment"); }}});
  if (node.kind == Kind::object && !result.action) error(node, "a rule without `action`");
  return result;
}

Profile Decoder::profile(json::Index root) {
  Profile result;
  const Node& node = tree_[root];
  result.span = span(node);
  result.default_action_span = result.span;
  members(
      node, root, "a profile",
      {{"defaultAction",
        [&](const Node& n, json::Index) {
          result.default_action_span = span(n);
          result.default_action = word(n, action_words, "action");
        }},
       {"defaultErrnoRet",
        [&](const Node& n, json::Index) {
          result.default_errno_span = span(n);
          result.default_errno_ret = errno_number(n, "defaultErrnoRet");
        }},
       {"defaultErrno",
        [&](const Node& n, json::Index) { result.default_errno_name = string(n, "defaultErrno"); }},
       {"architectures",
        [&](const Node& n, json::Index at) { result.arches = strings(n, at, "architectures"); }},
       {"archMap",
        [&](const Node& n, json::Index at) {
          result.arch_map_span = span(n);
          each(n, at, "archMap", [&](const Node& element, json::Index i) {
            result.arch_map.push_back(arch_map_entry(element, i));
          });
        }},
       {"flags", [&](const Node& n, json::Index at) { result.flags = strings(n, at, "flags"); }},
       {"listenerPath",
        [&](const Node& n, json::Index) { result.listener_path = string(n, "listenerPath"); }},
       {"listenerMetadata",
        [&](const Node& n, json::Index) { (void)string(n, "listenerMetadata"); }},
       {"syscalls", [&](const Node& n, json::Index at) {
          each(n, at, "syscalls", [&](const Node& element, json::Index i) {
            result.rules.push_back(rule(element, i));
          });
        }}});
  return result;
}

std::optional<json::Index> Decoder::section(json::Index root) {
  const auto member = [&](json::Index parent, std::string_view key) -> std::optional<json::Index> {
    if (tree_[parent].kind != Kind::object) return std::nullopt;
    for (const json::Index child : tree_.children(parent)) {
      if (tree_.key(tree_[child]) == key) return child;
    }
    return std::nullopt;
  };
  if (!member(root, "ociVersion")) return root;
  const auto linux_part = member(root, "linux");
  const auto seccomp = linux_part ? member(*linux_part, "seccomp") : std::nullopt;
  if (!seccomp || tree_[*seccomp].kind == Kind::null) {
    error(tree_[root], "a config.json without linux.seccomp: the container runs unfiltered");
    return std::nullopt;
  }
  return seccomp;
}

}  // namespace

Profile decode(const json::Tree& tree, json::Reporter& reporter) {
  Decoder decoder(tree, reporter);
  const auto root = decoder.section(0);
  return root ? decoder.profile(*root) : Profile{};
}

}  // namespace callgate::oci
