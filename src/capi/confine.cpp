// callgate.h: confining the process.
#include "callgate/confine/confine.h"

#include "callgate/runtime/install.h"
#include "capi/handles.h"

using namespace callgate;  // NOLINT(google-build-using-namespace): only C functions are defined
                           // here

int callgate_confine(const char* promises, const callgate_options* options, callgate_error** why) {
  return capi::guarded_int(why, [&]() -> Result<int> {
    if (promises == nullptr) return fail("no promises were given");
    CALLGATE_TRY(const ConfineOptions chosen, capi::confine_options(options));
    CALLGATE_CHECK(confine(PromiseList::named(promises), chosen));
    return 0;
  });
}

int callgate_confine_policy(const callgate_policy* policy, const callgate_options* options,
                            callgate_error** why) {
  return capi::guarded_int(why, [&]() -> Result<int> {
    if (policy == nullptr) return fail("no policy was given");
    CALLGATE_TRY(const ConfineOptions chosen, capi::confine_options(options));
    CALLGATE_CHECK(confine(policy->policy, chosen));
    return 0;
  });
}

int callgate_program_install(const callgate_program* program, const callgate_options* options,
                             callgate_error** why) {
  return capi::guarded_int(why, [&]() -> Result<int> {
    if (program == nullptr) return fail("no program was given");
    CALLGATE_TRY(const ConfineOptions chosen, capi::confine_options(options));
    if (chosen.debug)
      return fail("a program has no rules left to report", "use callgate_confine_policy");
    CALLGATE_CHECK(to_result(install(program->program, {.all_threads = chosen.all_threads,
                                                        .log = chosen.log,
                                                        .no_new_privs = chosen.no_new_privs})));
    return 0;
  });
}
