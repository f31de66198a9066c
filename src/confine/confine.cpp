#include "callgate/confine/confine.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "callgate/compiler/compile.h"
#include "callgate/formats/promises.h"
#include "callgate/runtime/install.h"
#include "confine/debug_program.h"

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

InstallOptions install_options(const ConfineOptions& options) {
  return {
      .all_threads = options.all_threads, .log = options.log, .no_new_privs = options.no_new_privs};
}

/// Rows of debug programs are numbered on through the process, so these come one after another.
constinit std::mutex debugging;

Result<UniqueFd> install_debug(const Policy& own, const ConfineOptions& options) {
  if (!runtime::debug_is_supported()) {
    return fail("the debug mode is not there for " + std::string(arch_info(native_arch()).name),
                "it knows the registers of x86_64 and aarch64");
  }
  const std::scoped_lock lock(debugging);
  CALLGATE_TRY(confine_detail::DebugProgram built,
               confine_detail::debug_program(own, runtime::first_debug_row(), options.debug_fd));
  CALLGATE_TRY(runtime::DebugHandler handler,
               runtime::DebugHandler::put_in_place(std::move(built.rows), options.debug_fd));
  InstallStatus status = install(built.program, install_options(options));
  if (!status.ok()) handler.withdraw();
  return status;
}

Result<UniqueFd> install_policy(const Policy& policy, const ConfineOptions& options) {
  CALLGATE_TRY(const Policy own, native_policy(policy, options));
  if (options.debug) return install_debug(own, options);
  CALLGATE_TRY(const Compilation built, compile(own));
  return install(built.program, install_options(options));
}

}  // namespace

Confined confine(const Policy& policy, const ConfineOptions& options) {
  auto installed = install_policy(policy, options);
  return installed ? Confined() : Confined(std::move(installed).error());
}

Confined confine(PromiseList promises, const ConfineOptions& options) {
  const auto policy = promised_policy(promises.text());
  return policy ? confine(*policy, options) : Confined(policy.error());
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
