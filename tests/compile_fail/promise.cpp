// expect: there_is_no_such_promise
#include "callgate/confine/promise_list.h"

namespace cg = callgate;

#ifdef CONTROL
cg::PromiseList promises() { return "stdio, inet dns"; }
#else
cg::PromiseList promises() { return "stdio, inett dns"; }
#endif
