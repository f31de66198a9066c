// The constant sets, defined in constants.cpp; the parameter tables point at them. Private to abi.
#pragma once

#include "callgate/abi/constants.h"

namespace callgate {

#include "abi/tables/constant_set_count.inc"

extern const ConstantSet constant_sets[constant_set_count];

}  // namespace callgate
