// RunOptions::layer: a shared object that a program is started with.
#pragma once

#include <sys/types.h>

#include <string>

#include "callgate/base/result.h"
#include "callgate/base/unique_fd.h"

namespace callgate::supervise {

/// True if a file is started by the GNU C library's 64-bit loader, which can preload a layer.
[[nodiscard]] bool takes_layer(const std::string& path);

/// Puts a layer in a sealed file of memory that stays open over execve, and names it first in this
/// process's LD_PRELOAD: what is executed next is started with it.
[[nodiscard]] Result<UniqueFd> preload_layer(const std::string& object);

/// Lets a program that stands at its entry point do the layer's work. False if it ended meanwhile.
/// `missing` says why where the layer is not there, which is no error.
[[nodiscard]] Result<bool> call_layer(pid_t program, bool group_exit, std::string& missing);

}  // namespace callgate::supervise
