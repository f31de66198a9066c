// callgate.h: policies and programs.
#include <algorithm>

#include "callgate/base/file.h"
#include "callgate/bpf/emulate.h"
#include "callgate/compiler/compile.h"
#include "callgate/formats/promises.h"
#include "callgate/formats/text.h"
#include "capi/handles.h"

using namespace callgate;  // NOLINT(google-build-using-namespace): only C functions are defined
                           // here

namespace {

Result<Policy> parsed(std::string_view text, const std::string& file) {
  CALLGATE_TRY(ParsedPolicy read, parse_policy(text, file));
  return std::move(read.policy);
}

/// "x86_64,i386"; null is the policy's own, else the native one.
Result<std::vector<Arch>> arches_of(const Policy& policy, const char* list) {
  std::vector<Arch> arches;
  if (list == nullptr) {
    arches = policy.arches;
    if (arches.empty()) arches.push_back(native_arch());
    return arches;
  }
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const auto arch = find_arch(rest.substr(0, comma));
    if (!arch) return fail("unknown architecture `" + std::string(rest.substr(0, comma)) + "`");
    arches.push_back(*arch);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return arches;
}

callgate_policy* handle(Policy policy) { return new callgate_policy{std::move(policy)}; }

callgate_policy* no_policy = nullptr;

}  // namespace

callgate_policy* callgate_policy_parse(const char* text, size_t length, const char* file,
                                       callgate_error** why) {
  return capi::guarded(
      why, no_policy,
      [&]() -> Result<Policy> {
        if (text == nullptr) return fail("no text was given");
        return parsed({text, length}, file == nullptr ? "" : file);
      },
      handle);
}

callgate_policy* callgate_policy_read(const char* path, callgate_error** why) {
  return capi::guarded(
      why, no_policy,
      [&]() -> Result<Policy> {
        if (path == nullptr) return fail("no path was given");
        CALLGATE_TRY(const std::string text, read_file(path));
        CALLGATE_TRY(ParsedPolicy read, parse_policy(text, path, IncludeRoot{}));
        return std::move(read.policy);
      },
      handle);
}

callgate_policy* callgate_policy_promised(const char* promises, callgate_error** why) {
  return capi::guarded(
      why, no_policy,
      [&]() -> Result<Policy> {
        if (promises == nullptr) return fail("no promises were given");
        return promised_policy(promises);
      },
      handle);
}

int callgate_policy_add(callgate_policy* policy, const char* rules, callgate_error** why) {
  return capi::guarded_int(why, [&]() -> Result<int> {
    if (policy == nullptr || rules == nullptr) return fail("no policy or no rules were given");
    CALLGATE_TRY(Policy added, parsed(rules, ""));
    const std::vector<Rule> kept = std::exchange(added.rules, {});
    if (added != Policy{}) {
      return fail("what is added can only be rules",
                  "`policy`, `abi`, `arches`, `otherwise` and the like stand in the policy's text");
    }
    // A copy, since insert() gives no promise where memory runs out.
    std::vector<Rule> all = policy->policy.rules;
    all.insert(all.end(), kept.begin(), kept.end());
    policy->policy.rules.swap(all);
    return 0;
  });
}

char* callgate_policy_text(const callgate_policy* policy) {
  try {
    return policy == nullptr ? nullptr : capi::text_copy(print_policy(policy->policy));
  } catch (...) {
    return nullptr;
  }
}

char* callgate_policy_check(const callgate_policy* policy, const char* arches,
                            callgate_error** why) {
  return capi::guarded(
      why, static_cast<char*>(nullptr),
      [&]() -> Result<std::string> {
        if (policy == nullptr) return fail("no policy was given");
        CALLGATE_TRY(const std::vector<Arch> chosen, arches_of(policy->policy, arches));
        return render(check(policy->policy, chosen));
      },
      [](const std::string& text) { return capi::text_copy(text); });
}

void callgate_policy_free(callgate_policy* policy) { delete policy; }

callgate_program* callgate_compile(const callgate_policy* policy, const char* arches,
                                   callgate_error** why) {
  return capi::guarded(
      why, static_cast<callgate_program*>(nullptr),
      [&]() -> Result<Program> {
        if (policy == nullptr) return fail("no policy was given");
        CompileOptions options;
        CALLGATE_TRY(options.arches, arches_of(policy->policy, arches));
        CALLGATE_TRY(Compilation built, compile(policy->policy, options));
        return std::move(built.program);
      },
      [](Program program) {
        std::string bytes = program.bytes();
        return new callgate_program{std::move(program), std::move(bytes)};
      });
}

const void* callgate_program_bytes(const callgate_program* program, size_t* size) {
  if (program == nullptr) return nullptr;
  if (size != nullptr) *size = program->bytes.size();
  return program->bytes.data();
}

uint32_t callgate_program_verdict(const callgate_program* program, uint32_t arch, uint32_t number,
                                  uint64_t ip, const uint64_t arguments[6]) {
  if (program == nullptr) return kill_process.ret();
  SeccompData data{.nr = number, .arch = arch, .instruction_pointer = ip};
  if (arguments != nullptr) std::copy_n(arguments, data.args.size(), data.args.begin());
  return emulate(program->program, data);
}

void callgate_program_free(callgate_program* program) { delete program; }
