// How the time of some work grows with its size, by the work's own times alone: four times as much
// takes 4.6 to 5 times as long under n log n, and 16 times if a step is quadratic.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <string_view>

#include "scale.h"

namespace callgate::test {

/// Processor time of the calling thread.
inline double seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The shortest of several runs: what else the machine does only makes them longer.
template <class Work>
double shortest(Work work) {
  double best = 1e9;
  for (std::size_t i = 0; i < scaled(3, 9); ++i) {
    const double start = seconds();
    work();
    best = std::min(best, seconds() - start);
  }
  return best;
}

/// True if `work(many)` takes no longer than n log n of `work(few)`; machines hiccup, so again if
/// not.
template <class Work>
void expect_n_log_n(std::string_view what, std::size_t less, std::size_t more, Work work) {
  constexpr double most_times_longer = 9;  // with room for caches that are too small
  double ratio = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    ratio = shortest([&] { work(more); }) / shortest([&] { work(less); });
    if (ratio < most_times_longer) return;
  }
  ADD_FAILURE() << what << ": four times the rules take " << ratio << " times as long";
}

}  // namespace callgate::test
