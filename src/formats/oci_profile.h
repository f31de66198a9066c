// A seccomp profile as its JSON says it, in the union of the three dialects, before any reader's
// rules. Every part knows its place.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/abi/action.h"
#include "callgate/abi/arch.h"
#include "formats/json_tree.h"

namespace callgate::oci {

/// A span of the JSON text.
struct Span {
  std::uint32_t offset = 0;
  std::uint32_t length = 1;
};

/// A string and where it stands.
struct Text {
  std::string value;
  Span span;
};

enum class Operator : std::uint8_t { ne, lt, le, eq, ge, gt, masked_eq };

/// One condition on one argument word.
struct Argument {
  std::uint8_t index = 0;
  Operator op = Operator::eq;
  std::uint64_t value = 0;      ///< for masked_eq the mask
  std::uint64_t value_two = 0;  ///< for masked_eq what the masked word must equal
  Span span;
};

/// Docker's includes or excludes.
struct Filter {
  std::vector<Text> caps;
  std::vector<Text> arches;
  std::optional<Release> min_kernel;
  Span span;
  Span min_kernel_span;
};

struct Rule {
  std::vector<Text> names;
  std::optional<Text> legacy_name;  ///< `name`, which only Docker and containers/common read
  std::optional<ActionKind> action;
  std::optional<std::uint16_t> errno_ret;
  std::optional<Text> errno_name;
  std::vector<Argument> args;
  std::optional<Filter> includes;
  std::optional<Filter> excludes;
  Span span;
  Span action_span;
  Span errno_span;
};

struct ArchMapEntry {
  Text arch;
  std::vector<Text> sub;
};

struct Profile {
  std::optional<ActionKind> default_action;
  std::optional<std::uint16_t> default_errno_ret;
  std::optional<Text> default_errno_name;
  std::vector<Text> arches;
  std::vector<ArchMapEntry> arch_map;
  std::vector<Text> flags;
  std::optional<Text> listener_path;
  std::vector<Rule> rules;
  Span span;
  Span default_action_span;
  Span default_errno_span;
  Span arch_map_span;
};

/// Decodes a JSON tree; what is wrong or unknown goes to `reporter`. A tree with `ociVersion` is a
/// bundle's config.json: its linux.seccomp is read.
[[nodiscard]] Profile decode(const json::Tree& tree, json::Reporter& reporter);

}  // namespace callgate::oci
