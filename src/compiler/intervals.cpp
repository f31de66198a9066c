#include "compiler/intervals.h"

#include <algorithm>

namespace callgate {

ValueSet merged(std::vector<ValueRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const ValueRange& a, const ValueRange& b) { return a.first < b.first; });
  ValueSet set;
  for (const ValueRange& range : ranges) {
    const bool joins =
        !set.empty() && (range.first <= set.back().last || range.first - 1 == set.back().last);
    if (joins) {
      set.back().last = std::max(set.back().last, range.last);
    } else {
      set.push_back(range);
    }
  }
  return set;
}

ValueSet complement(const ValueSet& set, std::uint64_t top) {
  ValueSet rest;
  std::uint64_t next = 0;
  for (const ValueRange& range : set) {
    if (range.first > next) rest.push_back({next, range.first - 1});
    if (range.last >= top) return rest;
    next = range.last + 1;
  }
  rest.push_back({next, top});
  return rest;
}

}  // namespace callgate
