// Every verb's entry, one line each; verbs.cpp puts them in the order of --help.
#pragma once

#include "cli/verb.h"

namespace callgate::cli {

}  // namespace callgate::cli
