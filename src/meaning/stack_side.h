// Several filters of one thread as one side of a comparison.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "meaning/sides.h"

namespace callgate::meaning {

/// What the kernel makes of the answers of a stack (seccomp_run_filters of kernel/seccomp.c, 6.12):
/// the strictest; of equally strict ones that of the youngest filter. Values from the youngest on.
[[nodiscard]] std::uint32_t strictest(std::span<const std::uint32_t> youngest_first) noexcept;

class StackSide final : public Side {
 public:
  /// The oldest first; of one target. They must outlive it.
  StackSide(std::span<const Program> oldest_first, FirstLayer& layer);
  [[nodiscard]] Diagram layer1() override;
  [[nodiscard]] Diagram layer2(Diagram terminal, Question& question) override;
  [[nodiscard]] const std::vector<WordSet>& related() const override { return related_; }
  /// Values that are computed from data are compared as terminals, never by their bits.
  [[nodiscard]] bool computes_returns() const override { return false; }
  [[nodiscard]] std::uint32_t at(const SeccompData& data) const override;

 private:
  using Tuple = std::vector<Diagram>;  ///< one for each filter, the youngest first
  using Products = std::map<Tuple, Diagram>;

  [[nodiscard]] Diagram product(MeaningStore& store, const Tuple& parts, Products& known);
  [[nodiscard]] Diagram joined(const Tuple& terminals);

  FirstLayer& layer_;
  std::vector<std::unique_ptr<ProgramSide>> sides_;  ///< the youngest first
  std::vector<Tuple> open_;                          ///< what suspension_base + i stands for
  std::map<Tuple, Diagram> open_index_;
  std::vector<WordSet> related_;
};

}  // namespace callgate::meaning
