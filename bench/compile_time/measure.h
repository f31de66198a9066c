// Times of this thread's processor, medians and their spread, heap in use.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace callgate::bench {

/// Processor time of the calling thread, in microseconds: what other processes take does not count.
[[nodiscard]] double now();

/// Measurements of one thing.
class Series {
 public:
  void add(double value) { values_.push_back(value); }
  /// Linear between the neighbours; 0.5 is the median. At least one value.
  [[nodiscard]] double quantile(double share) const;
  [[nodiscard]] double median() const { return quantile(0.5); }
  [[nodiscard]] std::span<const double> values() const noexcept { return values_; }

 private:
  std::vector<double> values_;
};

/// Ratios round by round: measurements of one round stand side by side.
[[nodiscard]] Series ratios(const Series& over, const Series& under);

/// The slope of log(time) over log(size): 1 is linear, 2 quadratic.
[[nodiscard]] double exponent(std::span<const double> sizes, std::span<const double> times);

/// "12.3 (11.9..13.0)": the median, and the middle half of the values.
[[nodiscard]] std::string text(const Series& series, int digits);

/// While one lives, what operator new hands out is counted.
class HeapPeak {
 public:
  HeapPeak();
  ~HeapPeak();
  HeapPeak(const HeapPeak&) = delete;
  HeapPeak& operator=(const HeapPeak&) = delete;
  /// The most bytes that were in use at once, beyond those at the start.
  [[nodiscard]] std::size_t bytes() const noexcept;
};

/// Bytes that malloc has handed out in all, for libraries in C.
[[nodiscard]] std::size_t heap_in_use() noexcept;

}  // namespace callgate::bench
