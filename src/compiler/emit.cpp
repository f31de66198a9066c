// Nodes are laid in the graph's order, root first and the likelier way behind its test, but emission
// runs backwards, from the last instruction to the first: whatever a test leads to is already
// there, so every distance is known. A RET is laid behind the last test that needs it and shared as
// far as a jump reaches. A test is up to three instructions (load, AND, jump), each with its own
// place: after a test on the same masked word A still holds it, and the edge goes straight to the
// jump; after one on the same word without a mask it goes to the AND. A load that no edge needs is
// left out. A jump past 255 goes by a copy of the RET it is for, or by a JA laid just behind it.
//
// Weakness: the order is the graph's, not one that keeps far jumps few.
#include "compiler/emit.h"

#include <algorithm>
#include <array>

#include "bpf/opcode.h"

namespace callgate {
namespace {

constexpr std::size_t longest_jump = 255;
constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

std::uint16_t jump_code(Compare compare) {
  switch (compare) {
    case Compare::eq: return opcode::jeq_k;
    case Compare::gt: return opcode::jgt_k;
    case Compare::ge: return opcode::jge_k;
    case Compare::set: return opcode::jset_k;
  }
  return opcode::jeq_k;
}

/// Where in a node's instructions an edge arrives: what A holds decides it.
enum class Arrival : std::uint8_t { load, mask, jump };

/// Nothing is known in A behind an entry.
Arrival arrival(const Node& from, const Node& to) {
  if (to.kind != Node::Kind::test) return Arrival::load;
  const bool holds_word = from.kind == Node::Kind::test && from.subject.word == to.subject.word;
  if (holds_word && from.subject.mask == to.subject.mask) return Arrival::jump;
  return holds_word && from.subject.mask == no_mask ? Arrival::mask : Arrival::load;
}

class Emitter {
 public:
  explicit Emitter(const DecisionDag& dag)
      : dag_(dag),
        places_(dag.nodes.size(), {nowhere, nowhere, nowhere}),
        needed_(dag.nodes.size(), Arrival::jump) {}

  Emission run() {
    find_needed();
    for (std::size_t id = dag_.nodes.size(); id-- > 0;) emit_node(static_cast<NodeId>(id));
    if (code_.empty()) static_cast<void>(reach(0, Arrival::load, 0));
    std::reverse(code_.begin(), code_.end());
    Emission emission{std::move(code_), std::vector<std::size_t>(dag_.nodes.size(), 0)};
    for (NodeId id = 0; id < dag_.nodes.size(); ++id) {
      if (dag_.nodes[id].kind != Node::Kind::entry) continue;
      emission.starts[id] = emission.code.size() - 1 - starts_[id];
    }
    return emission;
  }

 private:
  using Places = std::array<std::size_t, 3>;  ///< by Arrival; counted from the end of the program

  [[nodiscard]] Arrival arrival_of(const Node& from, NodeId to) const {
    return arrival(from, dag_.nodes[to]);
  }
  void need(NodeId id, Arrival arrival) { needed_[id] = std::min(needed_[id], arrival); }
  /// How early in each node's instructions some edge arrives.
  void find_needed() {
    need(0, Arrival::load);
    for (const Node& node : dag_.nodes) {
      if (node.kind == Node::Kind::entry) need(node.yes, Arrival::load);
      if (node.kind != Node::Kind::test) continue;
      need(node.yes, arrival_of(node, node.yes));
      need(node.no, arrival_of(node, node.no));
    }
  }
  void push(std::uint16_t code, std::uint32_t k, std::size_t jt = 0, std::size_t jf = 0) {
    code_.push_back({code, static_cast<std::uint8_t>(jt), static_cast<std::uint8_t>(jf), k});
  }
  [[nodiscard]] std::size_t last() const { return code_.size() - 1; }

  void emit_node(NodeId id) {
    const Node& node = dag_.nodes[id];
    switch (node.kind) {
      case Node::Kind::returns: break;  // laid where it is needed
      case Node::Kind::entry: emit_entry(id); break;
      case Node::Kind::test: emit_test(id); break;
    }
  }

  /// Every block has a place of its own, even one that only returns or only goes on: that is how
  /// the proof tells coming to a block from coming to its outcome.
  void emit_entry(NodeId id) {
    const NodeId block = dag_.nodes[id].yes;
    const Node& node = dag_.nodes[block];
    if (node.kind == Node::Kind::returns) push(opcode::ret_k, node.k);
    if (node.kind == Node::Kind::entry) {
      push(opcode::ja, static_cast<std::uint32_t>(code_.size() - places_[block][0] - 1));
    }
    const bool is_test = node.kind == Node::Kind::test;
    places_[id].fill(is_test ? places_[block][0] : last());
    starts_[id] = places_[id][0];
  }

  void emit_test(NodeId id) {
    const Node& node = dag_.nodes[id];
    const auto [jt, jf] = distances(node);
    push(jump_code(node.compare), node.k, jt, jf);
    Places& places = places_[id];
    places.fill(last());
    if (node.subject.mask != no_mask && needed_[id] <= Arrival::mask) {
      push(opcode::and_k, node.subject.mask);
      places[0] = places[1] = last();
    }
    if (needed_[id] == Arrival::load) {
      push(opcode::ld_word, 4u * node.subject.word);
      places[0] = last();
    }
  }

  /// Jump distances of a test about to be laid, after whatever copies they need.
  std::pair<std::size_t, std::size_t> distances(const Node& node) {
    const Arrival if_yes = arrival_of(node, node.yes);
    const Arrival if_no = arrival_of(node, node.no);
    // A copy laid for one way moves the other by one; the second round settles it.
    static_cast<void>(reach(node.yes, if_yes, 1));
    static_cast<void>(reach(node.no, if_no, 1));
    const std::size_t jt = reach(node.yes, if_yes, 0);
    return {jt, reach(node.no, if_no, 0)};
  }

  /// Distance from the next instruction laid to a node; lays a copy or a JA if that is further
  /// than a jump goes, `spare` instructions kept for what may still be laid between.
  std::size_t reach(NodeId id, Arrival arrival, std::size_t spare) {
    std::size_t& place = places_[id][static_cast<std::size_t>(arrival)];
    const auto distance = [&] { return code_.size() - place - 1; };
    if (place != nowhere && distance() + spare <= longest_jump) return distance();
    const Node& node = dag_.nodes[id];
    if (node.kind == Node::Kind::returns) {
      push(opcode::ret_k, node.k);
      places_[id].fill(last());
    } else {
      push(opcode::ja, static_cast<std::uint32_t>(distance()));
      place = last();
    }
    return distance();
  }

  const DecisionDag& dag_;
  std::vector<Instruction> code_;  ///< in reverse
  std::vector<Places> places_;
  std::vector<Arrival> needed_;
  std::vector<std::size_t> starts_ = std::vector<std::size_t>(dag_.nodes.size(), 0);
};

}  // namespace

Emission emit(const DecisionDag& dag) { return Emitter(dag).run(); }

}  // namespace callgate
