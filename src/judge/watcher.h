// The process that starts, closes and watches the program, outside of its limits and namespaces.
#pragma once

#include "judge/sandbox.h"

namespace callgate::judging {

/// Runs in a process of its own, a child of the judge's; returns when everything below it is gone.
/// What it finds is sent to plan.channel; `answers` is read for the judge's one byte that lets the
/// program start.
void watch(const SandboxPlan& plan, int answers);

}  // namespace callgate::judging
