#include "measure.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <new>

namespace callgate::bench {
namespace {

bool is_counting = false;
std::ptrdiff_t in_use = 0;
std::ptrdiff_t peak = 0;

void count(void* memory, int sign) {
  if (!is_counting || memory == nullptr) return;
  in_use += sign * static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
  peak = std::max(peak, in_use);
}

}  // namespace

double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double Series::quantile(double share) const {
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - static_cast<double>(below));
}

Series ratios(const Series& over, const Series& under) {
  Series result;
  const std::size_t rounds = std::min(over.values().size(), under.values().size());
  for (std::size_t i = 0; i < rounds; ++i) result.add(over.values()[i] / under.values()[i]);
  return result;
}

double exponent(std::span<const double> sizes, std::span<const double> times) {
  const auto count = static_cast<double>(sizes.size());
  double x = 0, y = 0, xx = 0, xy = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const double size = std::log(sizes[i]);
    const double time = std::log(times[i]);
    x += size, y += time, xx += size * size, xy += size * time;
  }
  return (count * xy - x * y) / (count * xx - x * x);
}

std::string text(const Series& series, int digits) {
  return fmt::format("{:.{}f} ({:.{}f}..{:.{}f})", series.median(), digits, series.quantile(0.25),
                     digits, series.quantile(0.75), digits);
}

HeapPeak::HeapPeak() {
  in_use = peak = 0;
  is_counting = true;
}
HeapPeak::~HeapPeak() { is_counting = false; }
std::size_t HeapPeak::bytes() const noexcept { return static_cast<std::size_t>(peak); }

std::size_t heap_in_use() noexcept {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace callgate::bench

// One thread, and the standard's replacement functions: what is not replaced here calls these.
void* operator new(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  callgate::bench::count(memory, 1);
  return memory;
}
void operator delete(void* memory) noexcept {
  callgate::bench::count(memory, -1);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
