// What a compilation takes: a profile's bytes to a program, beside Debian's libseccomp at
// optimisation level 2 in the same run, stage by stage; then how it grows with the rules of a
// policy. Prints Markdown tables.
//
// Usage: bench_compile_time [--rounds N] [--profile FILE]
//   --profile: an OCI profile; default $CALLGATE_SHARED/moby-default.json
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "callgate/base/file.h"
#include "profiles.h"
#include "scaling.h"

namespace {

struct Options {
  std::size_t rounds = 31;
  std::string profile;
};

std::string shared_profile() {
  const char* shared = std::getenv("CALLGATE_SHARED");
  const std::string folder = shared != nullptr ? shared : CALLGATE_SOURCE_DIR "/../shared/data";
  return folder + "/moby-default.json";
}

Options options_of(int count, char** words) {
  Options options{.profile = shared_profile()};
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view word = words[i];
    if (word == "--rounds") options.rounds = std::max(1ul, std::strtoul(words[i + 1], nullptr, 10));
    if (word == "--profile") options.profile = words[i + 1];
  }
  return options;
}

}  // namespace

int main(int count, char** words) {
  const Options options = options_of(count, words);
  const auto json = callgate::read_file(options.profile);
  if (json)
    callgate::bench::compare_profiles(*json, options.rounds);
  else
    fmt::print("No profile to compare on: {}\n", json.error().text());
  callgate::bench::print_scaling(options.rounds);
  return 0;
}
