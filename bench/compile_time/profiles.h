// A profile's bytes to a program, here and in libseccomp.
#pragma once

#include <cstddef>
#include <string>

namespace callgate::bench {

/// Prints the table for an OCI profile of x86-64, i386 and x32 with Docker's default capabilities,
/// and for callgate's own text of Docker's policy. Without libseccomp.so.2 its rows are left out.
void compare_profiles(const std::string& json, std::size_t rounds);

}  // namespace callgate::bench
