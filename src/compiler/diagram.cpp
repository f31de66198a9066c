#include "compiler/diagram.h"

#include <algorithm>

namespace callgate {
namespace {

constexpr std::uint32_t top32 = 0xffffffff;
constexpr NodeId not_lowered = 0xffffffff;

std::uint32_t high_half(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }
std::uint32_t low_half(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

MaskedWord low_subject(const WordTest& test) { return {test.low, low_half(test.mask)}; }
MaskedWord high_subject(const WordTest& test) { return {test.high, high_half(test.mask)}; }

/// A mask of the topmost bits cuts nothing that an ordered comparison sees.
MaskedWord simplified(MaskedWord subject) {
  const std::uint32_t cut = ~subject.mask;
  if (subject.mask != 0 && (cut & (cut + 1)) == 0) subject.mask = no_mask;
  return subject;
}

/// True if some range begins and ends under different high halves.
bool spans_high_words(const ValueSet& set) {
  return std::any_of(set.begin(), set.end(), [](const ValueRange& range) {
    return high_half(range.first) != high_half(range.last);
  });
}

/// The low half is asked first, since the high one is normally the same for all, but where ranges
/// cross high words that would repeat every bound under every other.
bool wants_high_first(const WordTest& test) {
  return spans_high_words(test.values) && spans_high_words(complement(test.values, test.mask));
}

}  // namespace

std::size_t Diagrams::Hash::operator()(const DiagramNode& node) const noexcept {
  std::uint64_t hash = std::uint64_t{node.variable} << 32 | node.ret;
  for (const Piece& piece : node.pieces) {
    hash = (hash ^ (std::uint64_t{piece.start} << 32 | piece.to)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
  }
  return static_cast<std::size_t>(hash);
}

DiagramId Diagrams::intern(DiagramNode node) {
  work_ += node.pieces.size() + 1;
  const auto [position, is_new] = ids_.try_emplace(node, static_cast<DiagramId>(nodes_.size()));
  if (is_new) nodes_.push_back(std::move(node));
  return position->second;
}

DiagramId Diagrams::terminal(std::uint32_t ret) { return intern({terminal_variable, ret, {}}); }

DiagramId Diagrams::make(std::uint32_t variable, std::vector<Piece> pieces) {
  const auto is_same = [](const Piece& a, const Piece& b) { return a.to == b.to; };
  pieces.erase(std::unique(pieces.begin(), pieces.end(), is_same), pieces.end());
  if (pieces.size() == 1) return pieces.front().to;
  return intern({variable, 0, std::move(pieces)});
}

std::uint32_t Diagrams::variable(MaskedWord subject) {
  const auto found = std::find(variables_.begin(), variables_.end(), subject);
  const auto index = static_cast<std::uint32_t>(found - variables_.begin());
  if (found == variables_.end()) variables_.push_back(subject);
  work_ += index / 64;
  return index;
}

void Diagrams::declare(const WordTest& test) {
  MaskedWord order[] = {low_subject(test), high_subject(test)};
  if (test.is_wide() && wants_high_first(test)) std::swap(order[0], order[1]);
  for (const MaskedWord& subject : order) {
    const bool is_half = test.is_wide() || subject == low_subject(test);
    if (is_half && subject.mask != 0) static_cast<void>(variable(simplified(subject)));
  }
}

DiagramId Diagrams::in_range(MaskedWord subject, std::uint32_t first, std::uint32_t last,
                             DiagramId inside) {
  if (subject.mask == 0) return first == 0 ? inside : no_match;
  const std::uint32_t start = next_within(first, subject.mask);
  if (first != 0 && start == 0) return no_match;
  const std::uint32_t end = last == top32 ? 0 : next_within(last + 1, subject.mask);
  std::vector<Piece> pieces;
  if (start != 0) pieces.push_back({0, no_match});
  pieces.push_back({start, inside});
  if (end == start && end != 0) return no_match;
  if (end != 0) pieces.push_back({end, no_match});
  return make(variable(simplified(subject)), std::move(pieces));
}

/// High halves first.high .. last.high with low halves first.low .. last.low under each of them.
DiagramId Diagrams::rectangle(const WordTest& test, std::uint64_t first, std::uint64_t last) {
  const MaskedWord low = low_subject(test);
  const MaskedWord high = high_subject(test);
  const bool high_first =
      low.mask == 0 || (high.mask != 0 && variable(simplified(high)) < variable(simplified(low)));
  if (high_first) {
    const DiagramId inner = in_range(low, low_half(first), low_half(last), match);
    return in_range(high, high_half(first), high_half(last), inner);
  }
  const DiagramId inner = in_range(high, high_half(first), high_half(last), match);
  return in_range(low, low_half(first), low_half(last), inner);
}

DiagramId Diagrams::of(const WordTest& test) {
  std::vector<DiagramId> parts;
  for (const auto& [first, last] : test.values) {
    if (!test.is_wide()) {
      const std::uint32_t bound = low_half(std::min<std::uint64_t>(last, top32));
      parts.push_back(in_range(low_subject(test), low_half(first), bound, match));
      continue;
    }
    // The part under the first high half, the whole ones between, the part under the last.
    const std::uint64_t first_end = first | top32;
    const std::uint64_t last_start = last & ~std::uint64_t{top32};
    if (first_end >= last) {
      parts.push_back(rectangle(test, first, last));
      continue;
    }
    parts.push_back(rectangle(test, first, first_end));
    if (first_end + 1 < last_start) {
      parts.push_back(rectangle(test, first_end + 1, last_start - 1));
    }
    parts.push_back(rectangle(test, last_start, last));
  }
  return join(parts, no_match);
}

DiagramId Diagrams::replace(DiagramId base, DiagramId from, DiagramId by) {
  Memo memo;
  return replace(base, from, by, memo);
}

DiagramId Diagrams::replace(DiagramId base, DiagramId from, DiagramId by, Memo& memo) {
  if (base == from) return by;
  if (by == from || nodes_[base].variable == terminal_variable) return base;
  if (exhausted()) return no_match;
  const std::uint64_t key = std::uint64_t{base} << 32 | by;
  if (const auto known = memo.find(key); known != memo.end()) return known->second;
  const std::uint32_t first = std::min(nodes_[base].variable, nodes_[by].variable);
  // Copies: interning children may move the nodes.
  const auto pieces_of = [&](DiagramId id) {
    return nodes_[id].variable == first ? nodes_[id].pieces : std::vector<Piece>{{0, id}};
  };
  const std::vector<Piece> left = pieces_of(base);
  const std::vector<Piece> right = pieces_of(by);
  std::vector<Piece> pieces;
  for (std::size_t i = 0, j = 0;;) {
    const std::uint32_t start = std::max(left[i].start, right[j].start);
    pieces.push_back({start, replace(left[i].to, from, right[j].to, memo)});
    const std::uint64_t next_left = i + 1 < left.size() ? left[i + 1].start : top32 + 1ull;
    const std::uint64_t next_right = j + 1 < right.size() ? right[j + 1].start : top32 + 1ull;
    if (next_left > top32 && next_right > top32) break;
    if (next_left <= next_right) ++i;
    if (next_right <= next_left) ++j;
  }
  const DiagramId result = make(first, std::move(pieces));
  memo.emplace(key, result);
  return result;
}

DiagramId Diagrams::negation(DiagramId base) {
  Memo memo;
  return negation(base, memo);
}

DiagramId Diagrams::negation(DiagramId base, Memo& memo) {
  if (base == match) return no_match;
  if (base == no_match) return match;
  if (exhausted() || nodes_[base].variable == terminal_variable) return base;
  if (const auto known = memo.find(base); known != memo.end()) return known->second;
  std::vector<Piece> pieces = nodes_[base].pieces;
  for (Piece& piece : pieces) piece.to = negation(piece.to, memo);
  const DiagramId result = make(nodes_[base].variable, std::move(pieces));
  memo.emplace(base, result);
  return result;
}

DiagramId Diagrams::join(std::span<const DiagramId> parts, DiagramId from) {
  if (parts.empty()) return from;
  if (parts.size() == 1) return parts.front();
  const std::size_t middle = parts.size() / 2;
  const DiagramId left = join(parts.first(middle), from);
  return replace(left, from, join(parts.subspan(middle), from));
}

NodeId Diagrams::lower(DiagramId root, DagBuilder& builder, NodeId on_match,
                       NodeId on_no_match) const {
  std::vector<NodeId> done(nodes_.size(), not_lowered);
  done[match] = on_match;
  done[no_match] = on_no_match;
  return lower(root, builder, done);
}

NodeId Diagrams::lower(DiagramId id, DagBuilder& builder, std::vector<NodeId>& done) const {
  if (done[id] != not_lowered) return done[id];
  const DiagramNode& node = nodes_[id];
  if (node.variable == terminal_variable) return done[id] = builder.returns(node.ret);
  std::vector<Piece> pieces = node.pieces;
  for (Piece& piece : pieces) piece.to = lower(piece.to, builder, done);
  const auto is_same = [](const Piece& a, const Piece& b) { return a.to == b.to; };
  pieces.erase(std::unique(pieces.begin(), pieces.end(), is_same), pieces.end());
  return done[id] = build_tree(builder, variables_[node.variable], pieces);
}

}  // namespace callgate
