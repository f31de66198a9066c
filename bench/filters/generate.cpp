#include "filters/generate.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <set>

#include "callgate/compiler/compile.h"
#include "compiler/pipeline.h"
#include "filters/flat.h"
#include "heap_peak.h"
#include "libseccomp_peer.h"

namespace callgate::bench {
namespace {

using test::Libseccomp;
using test::ScmpCompare;

double processor_time() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// SCMP_CMP_* of <seccomp.h>.
Result<ScmpCompare> scmp_compare(const Comparison& test, Arch arch) {
  const bool is_narrow = test.bits == 32 && arch_info(arch).word_bits == 64 && arch != Arch::x32;
  if (is_narrow && test.relation != Relation::eq)
    return fail("libseccomp compares 64 bits by order");
  if (test.has_mask() || is_narrow) {
    if (test.relation != Relation::eq) return fail("libseccomp has no != under a mask");
    return ScmpCompare{test.argument, 7, test.mask & test.all_bits(), test.value};
  }
  switch (test.relation) {
    case Relation::ne: return ScmpCompare{test.argument, 1, test.value, 0};
    case Relation::lt: return ScmpCompare{test.argument, 2, test.value, 0};
    case Relation::le: return ScmpCompare{test.argument, 3, test.value, 0};
    case Relation::ge: return ScmpCompare{test.argument, 5, test.value, 0};
    case Relation::gt: return ScmpCompare{test.argument, 6, test.value, 0};
    default: return ScmpCompare{test.argument, 4, test.value, 0};
  }
}

/// A rule by name; libseccomp itself carries it to each ABI.
struct ScmpRule {
  std::string name;
  std::uint32_t ret;
  std::vector<ScmpCompare> tests;
};

Result<std::vector<ScmpRule>> scmp_rules(const FlatPolicy& flat) {
  std::vector<ScmpRule> out;
  std::set<std::string> known;
  for (const FlatArch& lines : flat.arches) {
    for (const FlatRule& rule : lines.rules) {
      ScmpRule made{rule.name, rule.ret, {}};
      std::string key = fmt::format("{} {}", rule.name, rule.ret);
      for (const Comparison& one : rule.comparisons) {
        CALLGATE_TRY(const ScmpCompare test, scmp_compare(one, lines.arch));
        made.tests.push_back(test);
        key += fmt::format(" {}:{}:{}:{}", test.arg, test.op, test.a, test.b);
      }
      if (known.insert(key).second) out.push_back(std::move(made));
    }
  }
  return out;
}

/// A libseccomp context that frees itself.
class ScmpFilter {
 public:
  ScmpFilter(const Libseccomp& library, std::uint32_t otherwise)
      : library_(library), filter_(library.init(otherwise)) {}
  ~ScmpFilter() { library_.release(filter_); }
  ScmpFilter(const ScmpFilter&) = delete;
  ScmpFilter& operator=(const ScmpFilter&) = delete;
  [[nodiscard]] Libseccomp::Filter get() const { return filter_; }

 private:
  const Libseccomp& library_;
  Libseccomp::Filter filter_;
};

Result<Program> build_scmp(const FlatPolicy& flat, std::span<const ScmpRule> rules,
                           std::uint32_t level) {
  const Libseccomp& library = *Libseccomp::get();
  constexpr int attribute_bad_arch = 2;
  constexpr int attribute_optimise = 8;
  const ScmpFilter filter(library, flat.otherwise);
  library.attr_set(filter.get(), attribute_bad_arch, flat.unlisted);
  library.attr_set(filter.get(), attribute_optimise, level);
  for (const FlatArch& lines : flat.arches)
    if (lines.arch != native_arch()) library.arch_add(filter.get(), Libseccomp::token(lines.arch));
  for (const ScmpRule& rule : rules) {
    const int number = library.resolve_name(rule.name.c_str());
    if (number == -1) continue;  // newer than the library
    const int code =
        library.rule_add_array(filter.get(), rule.ret, number,
                               static_cast<unsigned>(rule.tests.size()), rule.tests.data());
    if (code != 0) return fail(fmt::format("rule on {}: {}", rule.name, std::strerror(-code)));
  }
  return library.program(filter.get());
}

Result<Builder> scmp_builder(const Policy& policy, std::uint32_t level) {
  if (Libseccomp::get() == nullptr) return fail("libseccomp is not on this machine");
  CALLGATE_TRY(FlatPolicy flat, flatten(policy));
  CALLGATE_TRY(std::vector<ScmpRule> rules, scmp_rules(flat));
  return [flat = std::move(flat), rules = std::move(rules), level] {
    return build_scmp(flat, rules, level);
  };
}

Result<Program> build_unproved(const Policy& policy) {
  CALLGATE_TRY(const Checked checked, check_for(policy, {}));
  CALLGATE_TRY(Built built, build(policy, checked.arches, {}));
  return std::move(*built.program);
}

Result<Program> build_proved(const Policy& policy) {
  CALLGATE_TRY(Compilation compiled, compile(policy));
  return std::move(compiled.program);
}

}  // namespace

Result<Build> time_builds(const Builder& build, unsigned rounds) {
  std::optional<Build> out;
  for (unsigned i = 0; i < rounds; ++i) {
    heap_peak_reset();
    const double began = processor_time();
    Result<Program> program = build();
    const double took = processor_time() - began;
    const std::size_t heap = heap_peak_bytes();
    if (!program) return fail(std::move(program.error()));
    if (!out) out = Build{std::move(*program), heap, {}};
    out->nanoseconds.push_back(took);
  }
  return std::move(*out);
}

Result<Builder> make_builder(const std::string& peer, const Policy& policy) {
  if (peer == "callgate") return Builder([policy] { return build_proved(policy); });
  if (peer == "callgate-unproved") return Builder([policy] { return build_unproved(policy); });
  if (peer == "libseccomp1") return scmp_builder(policy, 1);
  if (peer == "libseccomp2") return scmp_builder(policy, 2);
  return fail("no peer is named " + peer);
}

}  // namespace callgate::bench
