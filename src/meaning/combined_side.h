// Several functions as one side: a stack of filters, or the strictest or loosest of any subjects.
#pragma once

#include "callgate/meaning/subject.h"
#include "meaning/product.h"

namespace callgate::meaning {

/// The strictest or the loosest of answers, which stand in the order of the parts that give them;
/// of equally strict ones that of the last, of equally loose ones that of the first. With
/// `strictest` and parts in the order of their age that is what the kernel makes of a stack
/// (seccomp_run_filters of kernel/seccomp.c, 6.12). Allow if there are none.
[[nodiscard]] std::uint32_t combined(Subject::Combine how,
                                     std::span<const std::uint32_t> answers) noexcept;

class CombinedSide final : public Side {
 public:
  CombinedSide(Subject::Combine how, std::vector<std::unique_ptr<Side>> sides, FirstLayer& layer);
  [[nodiscard]] Diagram layer1() override { return product_.layer1(); }
  [[nodiscard]] Diagram layer2(Diagram terminal, Question& question) override;
  [[nodiscard]] const std::vector<WordSet>& related() const override { return product_.related(); }
  /// Values that are computed from data are compared as terminals, never by their bits.
  [[nodiscard]] bool computes_returns() const override { return false; }
  [[nodiscard]] std::uint32_t at(const SeccompData& data) const override;

 private:
  [[nodiscard]] std::optional<Diagram> join(const Product::Answers& answers);

  Subject::Combine how_;
  FirstLayer& layer_;
  std::vector<std::unique_ptr<Side>> sides_;
  Product product_;
};

/// The side of a subject, which must outlive it, as must the table and the layer.
[[nodiscard]] std::unique_ptr<Side> make_side(const Subject& subject, ConditionTable& conditions,
                                              FirstLayer& layer);
/// The same for the filters of one thread, the oldest first.
[[nodiscard]] std::unique_ptr<Side> make_side(std::span<const Program> oldest_first,
                                              FirstLayer& layer);

}  // namespace callgate::meaning
