// What bench/run is made of:
//
//   measure_filters corpus OUT POLICIES SHARED RANDOM      OUT/NAME.policy and NAME.flat; prints
//   the names measure_filters generate PEER OUT-OF-CORPUS OUT ROUNDS NAME...      see generate.h
//   measure_filters measure CORPUS ROUNDS loads|calls NAME PEER=FILE...  see measure.h; callgate's
//   first measure_filters constants OUT                          x86-64's numbers as minijail's
//   compiler wants them
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "callgate/abi/syscalls.h"
#include "callgate/base/file.h"
#include "callgate/formats/text.h"
#include "filters/corpus.h"
#include "filters/flat.h"
#include "filters/generate.h"
#include "filters/measure.h"

namespace callgate::bench {
namespace {

using Words = std::span<const std::string>;

Result<Policy> read_corpus_policy(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name + ".policy";
  CALLGATE_TRY(const std::string text, read_file(path));
  CALLGATE_TRY(ParsedPolicy parsed, parse_policy(text, path));
  return std::move(parsed.policy);
}

std::string reason_of(const Error& error) {
  std::string text = error.message();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

Result<void> write_entry(const std::string& folder, const CorpusEntry& entry) {
  if (!entry.policy) {
    fmt::print("{}\tskipped\t{}\n", entry.name, reason_of(entry.policy.error()));
    return {};
  }
  const std::string base = folder + "/" + entry.name;
  CALLGATE_CHECK(replace_file(base + ".policy", print_policy(*entry.policy)));
  const Result<FlatPolicy> flat = flatten(*entry.policy);
  if (flat) {
    CALLGATE_CHECK(replace_file(base + ".flat", print_flat(*flat)));
    fmt::print("{}\tok\t{}\n", entry.name, entry.policy->arches.size());
  } else {
    fmt::print("{}\talone\t{}\n", entry.name, reason_of(flat.error()));
  }
  return {};
}

Result<void> run_corpus(Words words) {
  const CorpusOptions options{
      .policies = words[1],
      .shared = words[2],
      .random = static_cast<unsigned>(std::strtoul(words[3].c_str(), nullptr, 10))};
  for (const CorpusEntry& entry : make_corpus(options))
    CALLGATE_CHECK(write_entry(words[0], entry));
  return {};
}

Result<Build> generate(const std::string& peer, const Policy& policy, unsigned rounds) {
  CALLGATE_TRY(const Builder builder, make_builder(peer, policy));
  return time_builds(builder, rounds);
}

Result<void> run_generate(Words words) {
  const unsigned rounds = static_cast<unsigned>(std::strtoul(words[3].c_str(), nullptr, 10));
  for (const std::string& name : words.subspan(4)) {
    CALLGATE_TRY(const Policy policy, read_corpus_policy(words[1], name));
    const Result<Build> made = generate(words[0], policy, rounds);
    if (!made) {
      fmt::print("{}\tcannot\t{}\n", name, reason_of(made.error()));
      continue;
    }
    CALLGATE_CHECK(replace_file(words[2] + "/" + name + ".bpf", made->program.bytes()));
    fmt::print("{}\tok\t{}\t{:.0f}\n", name, made->heap, fmt::join(made->nanoseconds, "\t"));
  }
  return {};
}

Result<std::vector<PeerProgram>> read_programs(Words words) {
  std::vector<PeerProgram> out;
  for (const std::string& word : words) {
    const std::size_t at = word.find('=');
    if (at == std::string::npos) return fail("not PEER=FILE: " + word);
    CALLGATE_TRY(const std::string bytes, read_file(word.substr(at + 1)));
    CALLGATE_TRY(Program program, Program::from_bytes(bytes));
    out.push_back({word.substr(0, at), std::move(program)});
  }
  if (out.empty()) return fail("no program");
  return out;
}

Result<void> run_measure(Words words) {
  const unsigned rounds = static_cast<unsigned>(std::strtoul(words[1].c_str(), nullptr, 10));
  CALLGATE_TRY(const Policy policy, read_corpus_policy(words[0], words[3]));
  CALLGATE_TRY(const std::vector<PeerProgram> programs, read_programs(words.subspan(4)));
  fmt::print("{}{}", static_figures(policy, programs),
             kernel_figures(policy, programs, rounds, words[2] == "calls"));
  return {};
}

Result<void> run_constants(Words words) {
  std::string text =
      fmt::format(R"({{"arch_nr": {}, "arch_name": "x86_64", "bits": 64, "constants": {{}}, )",
                  arch_info(Arch::x86_64).audit) +
      R"("syscalls": {)";
  const char* separator = "";
  for (const Syscall& call : syscalls(Arch::x86_64)) {
    text += fmt::format("{}\"{}\": {}", separator, call.name, call.number);
    separator = ", ";
  }
  return replace_file(words[0], text + "}}\n");
}

struct Command {
  std::string_view name;
  std::size_t fewest_words;
  Result<void> (*run)(Words words);
};
constexpr Command commands[] = {{"corpus", 4, run_corpus},
                                {"generate", 5, run_generate},
                                {"measure", 5, run_measure},
                                {"constants", 1, run_constants}};

int run(Words words) {
  for (const Command& command : commands) {
    if (words.empty() || words[0] != command.name || words.size() <= command.fewest_words) continue;
    if (const Result<void> done = command.run(words.subspan(1)); !done) {
      fmt::print(stderr, "measure_filters {}: {}\n", command.name, done.error().text());
      return 1;
    }
    return 0;
  }
  fmt::print(stderr,
             "usage: measure_filters corpus|generate|measure|constants ...; see main.cpp\n");
  return 2;
}

}  // namespace
}  // namespace callgate::bench

int main(int count, char** words) {
  const std::vector<std::string> all(words + 1, words + count);
  return callgate::bench::run(all);
}
