#include "callgate/confine/confine.h"

#include <unistd.h>

#include <algorithm>

#include "callgate/compiler/compile.h"
#include "callgate/runtime/install.h"

namespace callgate {
namespace {

/// As it will be enforced: for this ABI alone.
Result<Policy> native_policy(const Policy& policy, const ConfineOptions& options) {
  const Arch native = native_arch();
  if (!policy.arches.empty() && std::ranges::find(policy.arches, native) == policy.arches.end()) {
    return fail(
        "the policy is not for this process's architecture, " + std::string(arch_info(native).name),
        "name it after `arches`");
  }
  Policy own = policy;
  own.arches = {native};
  if (options.otherwise) own.otherwise = *options.otherwise;
  return own;
}

Result<UniqueFd> install_policy(const Policy& policy, const ConfineOptions& options) {
  CALLGATE_TRY(const Policy own, native_policy(policy, options));
  CALLGATE_TRY(const Compilation built, compile(own));
  return install(built.program, {.all_threads = options.all_threads,
                                 .log = options.log,
                                 .no_new_privs = options.no_new_privs});
}

}  // namespace

Confined confine(const Policy& policy, const ConfineOptions& options) {
  auto installed = install_policy(policy, options);
  return installed ? Confined() : Confined(std::move(installed).error());
}

void Confined::or_die() const noexcept {
  if (ok()) return;
  const std::string text = "callgate: this process could not be confined\n" + error_->text();
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  ::_exit(125);
}

}  // namespace callgate
