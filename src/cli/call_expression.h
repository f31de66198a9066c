// Where the verbs find it.
#pragma once

#include "callgate/formats/call.h"
