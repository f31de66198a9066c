// Conditions, cases, witnesses and return values as text and JSON; docs/json.md has the schema.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "callgate/meaning/difference.h"
#include "cli/program_json.h"

namespace callgate::cli {

/// A return value in words; an errno by the name that the ABI has for it.
[[nodiscard]] std::string action_text(std::optional<Arch> arch, std::uint32_t ret);

/// What becomes of a call, leaving aside how: "allowed" (allow, log), "delegated" (trace, notify)
/// or "denied".
[[nodiscard]] std::string_view permission_name(std::uint32_t ret) noexcept;

/// When a case of a call holds, in the policy language; "true" for always.
[[nodiscard]] std::string when_text(const Condition& when, const Syscall* call);

/// A call's number as people read it: hexadecimal from 0x10000 on, -1 for a tracer's skip.
[[nodiscard]] std::string call_number_text(std::uint32_t number);
/// "257", or "470..0x3fffffff".
[[nodiscard]] std::string range_text(const NumberRange& numbers);

/// The names of ABIs.
void write_arches(JsonWriter& writer, std::string_view key, std::span<const Arch> arches);
/// {"first", "last"}
void write_range(JsonWriter& writer, const NumberRange& numbers);
/// A member {"call", "audit", "nr", "ip", "args"} of an object that the caller has opened.
void write_witness(JsonWriter& writer, const SeccompData& data);
/// The members "ret", "action" and "permission" of an object that the caller has opened.
void write_return(JsonWriter& writer, std::optional<Arch> arch, std::uint32_t ret);
/// The members "arch" (null: of no ABI), "numbers" and "call" (null: without a name).
void write_call_members(JsonWriter& writer, std::optional<Arch> arch, const NumberRange& numbers,
                        const Syscall* call);
/// The members of a call's decision: those of write_call_members, "undecided" and "cases". `more`
/// adds members to each case.
void write_decision_members(JsonWriter& writer, const CallDecision& decision,
                            const std::function<void(const Case&)>& more = {});

}  // namespace callgate::cli
