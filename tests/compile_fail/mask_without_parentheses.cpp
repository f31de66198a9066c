// expect: no matching
#include "callgate/policy/builder.h"

namespace cg = callgate;

#ifdef CONTROL
void rule(cg::Policy& policy) { policy.on("mmap", (cg::arg("prot") & 4) == 0, cg::allow); }
#else
void rule(cg::Policy& policy) { policy.on("mmap", cg::arg("prot") & 4 == 0, cg::allow); }
#endif
