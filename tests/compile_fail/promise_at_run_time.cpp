// expect: constant
#include "callgate/confine/confine.h"

namespace cg = callgate;

#ifdef CONTROL
cg::Confined given_up(const char* promises) {
  return cg::confine(cg::PromiseList::named(promises));
}
#else
cg::Confined given_up(const char* promises) { return cg::confine(promises); }
#endif
