// Everything that the author of a C++ program needs: docs/api.md.
//
//   #include <callgate/callgate.hpp>
//   namespace cg = callgate;
#pragma once

#include "callgate/compiler/compile.h"
#include "callgate/confine/confine.h"
#include "callgate/formats/text.h"
#include "callgate/policy/builder.h"
#include "callgate/policy/evaluate.h"
#include "callgate/policy/policy.h"
#include "callgate/runtime/embedded.h"
#include "callgate/runtime/install.h"
#include "callgate/runtime/strict.h"
