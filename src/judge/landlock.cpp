// Numbers and rights: include/uapi/linux/landlock.h of Linux 6.12, which Debian 12's headers are
// older than. stat(2) and readlink(2) are no rights of Landlock's.
#include "judge/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace callgate::judging {
namespace {

constexpr long create_ruleset_call = 444;
constexpr long add_rule_call = 445;
constexpr long restrict_self_call = 446;
constexpr std::uint32_t version_flag = 1;  // LANDLOCK_CREATE_RULESET_VERSION
constexpr int path_beneath = 1;            // LANDLOCK_RULE_PATH_BENEATH

constexpr std::uint64_t may_execute = 1;
constexpr std::uint64_t may_read_file = 4;
constexpr std::uint64_t may_read_folder = 8;

struct RulesetAttributes {
  std::uint64_t files;
  std::uint64_t network;  // ABI 4
  std::uint64_t scoped;   // ABI 6
};
struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed;
  std::int32_t parent;
};

/// Every right on files that an ABI knows: 13 with the first, then REFER, TRUNCATE, IOCTL_DEV.
std::uint64_t file_rights(long abi) {
  unsigned count = 13;
  if (abi >= 2) ++count;
  if (abi >= 3) ++count;
  if (abi >= 5) ++count;
  return (std::uint64_t{1} << count) - 1;
}

void allow_tree(const UniqueFd& ruleset, const std::string& path) {
  const UniqueFd tree(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (!tree.valid() || ::fstat(tree.get(), &status) != 0) return;
  std::uint64_t rights = may_execute | may_read_file;
  if (S_ISDIR(status.st_mode)) rights |= may_read_folder;
  const PathBeneath rule{rights, tree.get()};
  ::syscall(add_rule_call, ruleset.get(), path_beneath, &rule, 0);
}

}  // namespace

const std::vector<std::string>& library_trees() {
  static const std::vector<std::string> trees = {"/lib",
                                                 "/lib32",
                                                 "/lib64",
                                                 "/libx32",
                                                 "/usr/lib",
                                                 "/usr/lib32",
                                                 "/usr/lib64",
                                                 "/usr/libx32",
                                                 "/usr/local/lib",
                                                 "/etc/ld.so.cache",
                                                 "/etc/ld.so.preload",
                                                 "/etc/ld-musl-x86_64.path"};
  return trees;
}

UniqueFd make_ruleset(const std::vector<std::string>& readable) {
  const long abi = ::syscall(create_ruleset_call, nullptr, 0, version_flag);
  if (abi < 1) return {};
  const RulesetAttributes attributes{file_rights(abi), abi >= 4 ? 3ULL : 0, abi >= 6 ? 3ULL : 0};
  const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  UniqueFd ruleset(static_cast<int>(::syscall(create_ruleset_call, &attributes, size, 0)));
  if (!ruleset.valid()) return {};
  for (const std::string& path : readable) allow_tree(ruleset, path);
  return ruleset;
}

int restrict_self(const UniqueFd& ruleset) {
  return ::syscall(restrict_self_call, ruleset.get(), 0) == 0 ? 0 : errno;
}

}  // namespace callgate::judging
