// expect: constant
#include "callgate/policy/builder.h"

namespace cg = callgate;

#ifdef CONTROL
void rule(cg::Policy& policy, const char* name) { policy.on(cg::call_named(name), cg::allow); }
#else
void rule(cg::Policy& policy, const char* name) { policy.on(name, cg::allow); }
#endif
