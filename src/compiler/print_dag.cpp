// The text of a graph: one line a node, root first.
//
//   n0: arch == 0xc000003e ? n1 : n5
//   n1: args[0].lo & 0xff >= 0x10 ? n2 : n3
//   n4: begin n2
//   n5: return kill_process
#include <fmt/format.h>

#include <algorithm>

#include "callgate/abi/action.h"
#include "callgate/abi/constants.h"
#include "compiler/dag.h"

namespace callgate {
namespace {

std::string_view sign(Compare compare) {
  switch (compare) {
    case Compare::eq: return "==";
    case Compare::gt: return ">";
    case Compare::ge: return ">=";
    case Compare::set: return "has";
  }
  return "?";
}

/// The ABIs for which a graph tests arch.
std::vector<Arch> tested_arches(const DecisionDag& dag) {
  std::vector<Arch> tested;
  for (const Arch arch : all_arches) {
    const bool is_tested = std::ranges::any_of(dag.nodes, [&](const Node& node) {
      return node.kind == Node::Kind::test && node.subject.word == 1 &&
             node.k == arch_info(arch).audit;
    });
    if (is_tested) tested.push_back(arch);
  }
  return tested;
}

std::string return_text(std::uint32_t ret, std::span<const Arch> arches) {
  const auto action = action_of(ret);
  if (!action) return fmt::format("{:#x}", ret);
  const bool has_number =
      action->kind == ActionKind::errno_ && errno_name(arches, action->data).empty();
  return has_number ? fmt::format("errno({})", action->data) : to_string(*action);
}

std::string print_node(const Node& node, ByteOrder order, std::span<const Arch> arches) {
  if (node.kind == Node::Kind::returns) return "return " + return_text(node.k, arches);
  if (node.kind == Node::Kind::entry) return fmt::format("begin n{}", node.yes);
  std::string text = word_name(node.subject.word, order);
  if (node.subject.mask != no_mask) text += fmt::format(" & {:#x}", node.subject.mask);
  const bool is_number = node.subject.word == 0 && node.compare != Compare::set;
  text += fmt::format(" {} ", sign(node.compare));
  text += is_number ? fmt::format("{}", node.k) : fmt::format("{:#x}", node.k);
  return text + fmt::format(" ? n{} : n{}", node.yes, node.no);
}

std::string print_chain(const Chain& chain) {
  std::string text = fmt::format("chain {} {}:", arch_info(chain.arch).name, chain.number);
  for (std::size_t i = 0; i < chain.rules.size(); ++i) {
    text += fmt::format(" rule {} at n{},", chain.rules[i], chain.entries[i]);
  }
  return text + fmt::format(" else n{}", chain.entries.back());
}

}  // namespace

std::string print(const DecisionDag& dag) {
  const std::vector<Arch> arches = tested_arches(dag);
  std::string text;
  for (std::size_t id = 0; id < dag.nodes.size(); ++id) {
    text += fmt::format("n{}: {}\n", id, print_node(dag.nodes[id], dag.target.byte_order, arches));
  }
  for (const Chain& chain : dag.chains) text += print_chain(chain) + "\n";
  return text;
}

}  // namespace callgate
