// expect: there_is_no_such_parameter
#include "callgate/policy/builder.h"

namespace cg = callgate;

#ifdef CONTROL
cg::Condition condition() { return cg::arg("domain") == 2; }
#else
cg::Condition condition() { return cg::arg("domian") == 2; }
#endif
