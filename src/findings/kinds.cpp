#include <algorithm>

#include "callgate/findings/finding.h"

namespace callgate {
namespace {

constexpr FindingKind kinds[] = {
    {"abi-looser", Severity::error,
     "A call is refused on one ABI and allowed on another that the policy lists"},
    {"acceptance-invalid", Severity::warning,
     "A comment or a baseline accepts a finding in a form that does not count"},
    {"acceptance-unused", Severity::note, "A finding is accepted that is not there"},
    {"arch-unchecked", Severity::error,
     "Calls of another architecture pass that the machine's own are refused"},
    {"architecture-repeated", Severity::warning, "An architecture is listed twice"},
    {"argument-twice", Severity::warning,
     "One argument is tested twice in an OCI rule, which makes its conditions alternatives"},
    {"bpf-allowed", Severity::warning, "bpf is allowed"},
    {"cache-arguments", Severity::warning,
     "Calls that are made often test arguments, so the kernel runs the filter each time"},
    {"cache-lost", Severity::warning,
     "Calls that are always allowed are not in the kernel's cache"},
    {"call-elsewhere", Severity::note, "A call that none of the ABIs has"},
    {"call-newer-than-level", Severity::note, "A call that is newer than the policy's level"},
    {"compared-narrower", Severity::warning,
     "A 64-bit parameter is compared by its low half alone"},
    {"compared-wider", Severity::error, "A parameter is compared with bits that the kernel drops"},
    {"errno-zero", Severity::warning, "errno(0) lets a call seem to succeed"},
    {"findings-left-out", Severity::note, "There are more findings than are shown"},
    {"flag-apart", Severity::note, "A filter flag of a profile decides nothing"},
    {"invalid-policy", Severity::error, "The source cannot be read or compiled"},
    {"io-uring-open", Severity::error, "io_uring does what is refused as a call"},
    {"kernel-action", Severity::warning, "The release takes an action for something else"},
    {"kernel-exempt-call", Severity::note, "The release lets a call pass whatever the filter says"},
    {"kernel-flag", Severity::warning, "The release refuses a filter flag"},
    {"kernel-lacks-call", Severity::note, "Allowed calls that the release does not have"},
    {"kernel-newer-than-level", Severity::note,
     "Calls of the release that the policy's level does not know"},
    {"kernel-no-cache", Severity::note, "The release has no cache of allowed calls"},
    {"kernel-no-filters", Severity::warning, "The release has no seccomp filters"},
    {"listener-override", Severity::error,
     "A program can take delegated calls to a listener of its own"},
    {"multiplexer-left-out", Severity::note, "A group leaves out socketcall or ipc"},
    {"new-calls-refused", Severity::warning,
     "Calls that are not known yet fail with another error than ENOSYS"},
    {"no-abi-level", Severity::warning,
     "The policy does not say up to which release it knows calls"},
    {"no-filter", Severity::warning, "The source asks for no filter at all"},
    {"number-without-effect", Severity::warning, "A number on an action that ignores it"},
    {"ptrace-allowed", Severity::note, "ptrace or process_vm_* is allowed"},
    {"ptrace-bypass", Severity::error,
     "ptrace is allowed on a release where a tracer gets around filters"},
    {"raw-word", Severity::note, "A raw word is tested whose parameter has a name"},
    {"reader-assumes", Severity::warning, "A reader fills in what the profile leaves out"},
    {"reader-drops", Severity::warning, "A reader ignores a part of the source"},
    {"reader-note", Severity::warning, "A remark on how the source was read"},
    {"rule-matches-nothing", Severity::warning, "A rule names calls that none of the ABIs has"},
    {"rule-repeated", Severity::warning, "A rule that stands twice"},
    {"rule-unreachable", Severity::warning, "A rule that no call comes to"},
    {"section-without-effect", Severity::note, "A section for ABIs that the policy is not for"},
    {"set-unused", Severity::note, "A set that nothing uses"},
    {"sign-extended", Severity::error,
     "A negative value is treated by how it is extended to 64 bits"},
    {"signed-comparison", Severity::warning,
     "A number that a signed comparison takes for a negative one"},
    {"successor-refused", Severity::warning,
     "A call is allowed and the one that the C library uses for it refused"},
    {"twin-open", Severity::error, "A call is refused and another that does the same is allowed"},
    {"undecided", Severity::warning, "Calls about which nothing could be found out"},
    {"unfiltered-command", Severity::warning, "A command of a unit runs without its filters"},
    {"unknown-name", Severity::error, "A name that no table has"},
    {"unknown-without-effect", Severity::note, "`unknown` is said where it never counts"},
    {"value-outside-mask", Severity::warning, "A value that a mask can never give"},
    {"x32-open", Severity::error, "Numbers of x32 pass that x86-64's are refused"},
};

}  // namespace

std::span<const FindingKind> finding_kinds() noexcept { return kinds; }

const FindingKind* find_finding_kind(std::string_view id) noexcept {
  const auto found = std::find_if(std::begin(kinds), std::end(kinds),
                                  [&](const FindingKind& kind) { return kind.id == id; });
  return found == std::end(kinds) ? nullptr : &*found;
}

}  // namespace callgate
