// expect: there_is_no_such_parameter
#include "callgate/policy/builder.h"

namespace cg = callgate;

#ifdef CONTROL
cg::Condition condition() { return cg::word(5) == 2; }
#else
cg::Condition condition() { return cg::word(6) == 2; }
#endif
