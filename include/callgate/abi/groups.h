// Operation groups: one operation in all the forms in which an ABI offers it ("@mmap" is mmap and
// mmap2). One table; docs/policy.md prints it.
#pragma once

#include <span>
#include <string_view>

namespace callgate {

struct Group {
  std::string_view name;                    ///< without the @
  std::string_view summary;                 ///< one line for people
  std::span<const std::string_view> calls;  ///< every form on any ABI, multiplexers included
};

[[nodiscard]] std::span<const Group> groups() noexcept;
[[nodiscard]] const Group* find_group(std::string_view name) noexcept;

}  // namespace callgate
