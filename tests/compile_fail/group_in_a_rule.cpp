// expect: there_is_no_such_group
#include "callgate/policy/builder.h"

namespace cg = callgate;

#ifdef CONTROL
void rule(cg::Policy& policy) { policy.on("@mmap", cg::allow); }
#else
void rule(cg::Policy& policy) { policy.on("@mmpa", cg::allow); }
#endif
