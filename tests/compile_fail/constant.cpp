// expect: there_is_no_such_constant
#include "callgate/policy/builder.h"

namespace cg = callgate;

#ifdef CONTROL
cg::Value value() { return cg::constant("O_CLOEXEC"); }
#else
cg::Value value() { return cg::constant("O_CLOSEEXEC"); }
#endif
