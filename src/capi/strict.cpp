// callgate.h: a function under strict mode.
#include "callgate/runtime/strict.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "capi/handles.h"

using namespace callgate;  // NOLINT(google-build-using-namespace): only C functions are defined
                           // here

namespace {

Result<StrictOptions> strict_options(const callgate_strict_options* options) {
  if (options == nullptr) return StrictOptions{};
  const std::string name = "callgate_strict_options";
  CALLGATE_CHECK(capi::check_size(options, sizeof *options, name));
  CALLGATE_CHECK(capi::check_flags({options->by_filter}, name));
  if (options->descriptors == nullptr && options->descriptor_count != 0)
    return fail(name + ".descriptors is null");
  StrictOptions result;
  if (options->by_filter == 1) result.form = StrictForm::filter;
  result.descriptors.assign(options->descriptors, options->descriptors + options->descriptor_count);
  if (options->heap != 0) result.heap = options->heap;
  result.time_limit = std::chrono::milliseconds(options->milliseconds);
  return result;
}

int end_of(StrictEnd end) {
  switch (end) {
    case StrictEnd::returned: return CALLGATE_RETURNED;
    case StrictEnd::threw: return CALLGATE_THREW;
    case StrictEnd::exited: return CALLGATE_EXITED;
    case StrictEnd::denied: return CALLGATE_DENIED;
    case StrictEnd::signalled: return CALLGATE_SIGNALLED;
    case StrictEnd::timed_out: break;
  }
  return CALLGATE_TIMED_OUT;
}

callgate_strict_outcome told(const StrictOutcome& from) {
  callgate_strict_outcome to{};
  to.end = end_of(from.end);
  to.exit_code = from.exit_code;
  to.signal = from.signal;
  to.value = from.value;
  to.read_time_stamp = from.read_time_stamp ? 1 : 0;
  to.unwatched = from.unwatched ? 1 : 0;
  if (from.call) {
    to.has_call = 1;
    to.call = from.call->nr;
    std::ranges::copy(from.call->args, to.arguments);
  }
  from.text.copy(to.text, sizeof to.text - 1);
  return to;
}

/// What the C function is called with.
struct Task {
  callgate_strict_function function;
  void* context;
};

}  // namespace

void* callgate_shared_memory(size_t size, callgate_error** why) {
  return capi::guarded(
      why, static_cast<void*>(nullptr),
      [&]() -> Result<void*> {
        void* memory =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return fail(system_error("cannot share memory", errno));
        return memory;
      },
      [](void* memory) { return memory; });
}

void callgate_shared_memory_free(void* memory, size_t size) {
  if (memory != nullptr) ::munmap(memory, size);
}

int callgate_strict_call(callgate_strict_function function, void* context, void* memory,
                         size_t size, const callgate_strict_options* options,
                         callgate_strict_outcome* outcome, callgate_error** why) {
  return capi::guarded_int(why, [&]() -> Result<int> {
    if (function == nullptr || outcome == nullptr)
      return fail("no function or no outcome was given");
    if (memory == nullptr && size != 0) return fail("no memory was given");
    CALLGATE_TRY(const StrictOptions chosen, strict_options(options));
    Task task{function, context};
    const auto call = [](std::span<std::byte> bytes, void* given) {
      const Task& asked = *static_cast<const Task*>(given);
      return asked.function(bytes.data(), bytes.size(), asked.context);
    };
    CALLGATE_TRY(const StrictOutcome ended,
                 run_strict_function(call, &task, {static_cast<std::byte*>(memory), size}, chosen));
    *outcome = told(ended);
    return 0;
  });
}
