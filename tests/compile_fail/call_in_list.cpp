// expect: there_is_no_such_system_call
#include "callgate/policy/builder.h"

namespace cg = callgate;

#ifdef CONTROL
void rule(cg::Policy& policy) { policy.on({"read", "write"}, cg::allow); }
#else
void rule(cg::Policy& policy) { policy.on({"read", "wirte"}, cg::allow); }
#endif
