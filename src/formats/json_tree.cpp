#include "formats/json_tree.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <cstring>

#include "callgate/base/file.h"

namespace callgate::json {
namespace {

/// True of eight bytes below 0x80; shorter texts are for the slow way.
bool is_ascii(std::string_view eight) {
  std::uint64_t word = 0;
  if (eight.size() != sizeof word) return false;
  std::memcpy(&word, eight.data(), sizeof word);
  return (word & 0x8080808080808080) == 0;
}

/// The first byte that is no part of well-formed UTF-8 (RFC 3629), or npos.
std::size_t find_bad_utf8(std::string_view text) {
  const auto byte = [&](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
  };
  for (std::size_t at = 0; at < text.size();) {
    if (is_ascii(text.substr(at, 8))) {
      at += 8;
      continue;
    }
    const unsigned lead = byte(at);
    if (lead < 0x80) {
      ++at;
      continue;
    }
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4) return at;
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) return at;
    }
    const unsigned second = byte(at + 1);
    const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool surrogate = lead == 0xed && second >= 0xa0;
    if (overlong || surrogate || (lead == 0xf4 && second >= 0x90)) return at;
    at += length;
  }
  return std::string_view::npos;
}

/// What lies between the end of one token and the start of the next that is a value or a key.
/// (RapidJSON tells of a closing bracket before it steps over it.)
bool is_separator(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':' || c == ']' ||
         c == '}';
}

}  // namespace

std::string_view kind_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::null: return "null";
    case Kind::boolean: return "true or false";
    case Kind::number: return "a number";
    case Kind::string: return "a string";
    case Kind::array: return "an array";
    case Kind::object: return "an object";
  }
  return "a value";
}

std::vector<Index> Tree::children(Index parent) const {
  std::vector<Index> all;
  for (Index child = nodes_[parent].first_child; child != none; child = nodes_[child].next) {
    all.push_back(child);
  }
  return all;
}

/// RapidJSON's handler. An event comes when the stream stands past its token; the token began at
/// the first byte after the previous one that is neither white space nor a separator.
class TreeBuilder {
 public:
  TreeBuilder(std::string_view input, const rapidjson::MemoryStream& stream, Reporter& reporter)
      : input_(input), stream_(stream), reporter_(reporter) {
    constexpr std::size_t usual_bytes_a_value = 16;
    tree_.nodes_.reserve(std::min(input.size() / usual_bytes_a_value, max_values));
    tree_.arena_.reserve(input.size());
  }

  bool Null() { return add(Kind::null); }
  bool Bool(bool truth) {
    if (!add(Kind::boolean)) return false;
    tree_.nodes_.back().truth = truth;
    return true;
  }
  bool RawNumber(const char* digits, rapidjson::SizeType length, bool) {
    return add(Kind::number, {digits, length});
  }
  bool String(const char* content, rapidjson::SizeType length, bool) {
    return add(Kind::string, {content, length});
  }
  bool Key(const char* content, rapidjson::SizeType length, bool) {
    key_offset_ = token_start();
    key_ = keep({content, length});
    key_length_ = length;
    return true;
  }
  bool StartObject() { return open(Kind::object); }
  bool EndObject(rapidjson::SizeType) {
    check_duplicates(open_.back().index);
    return close();
  }
  bool StartArray() { return open(Kind::array); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  // With numbers as text these are never called; the reader's interface asks for them.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

  [[nodiscard]] Tree take() { return std::move(tree_); }

 private:
  struct Open {
    Index index;
    Index last_child = none;
  };

  /// Also remembers that the token has been seen.
  std::uint32_t token_start() {
    std::size_t start = consumed_;
    while (start < input_.size() && is_separator(input_[start])) ++start;
    consumed_ = stream_.Tell();
    return static_cast<std::uint32_t>(start);
  }

  std::uint32_t keep(std::string_view text) {
    const auto at = static_cast<std::uint32_t>(tree_.arena_.size());
    tree_.arena_ += text;
    return at;
  }

  bool add(Kind kind, std::string_view text = {}) {
    Node node{.kind = kind};
    node.offset = token_start();
    node.length = static_cast<std::uint32_t>(std::max<std::size_t>(consumed_ - node.offset, 1));
    node.text_length = static_cast<std::uint32_t>(text.size());
    node.text = keep(text);
    if (tree_.nodes_.size() == max_values) {
      reporter_.add(Severity::error, node.offset, 1,
                    fmt::format("more than {} values", max_values));
      return false;
    }
    const auto index = static_cast<Index>(tree_.nodes_.size());
    if (!open_.empty()) link(node, index);
    tree_.nodes_.push_back(node);
    return true;
  }

  void link(Node& node, Index index) {
    Open& parent = open_.back();
    if (tree_.nodes_[parent.index].kind == Kind::object) {
      node.key = key_;
      node.key_length = key_length_;
      node.key_offset = key_offset_;
    }
    (parent.last_child == none ? tree_.nodes_[parent.index].first_child
                               : tree_.nodes_[parent.last_child].next) = index;
    parent.last_child = index;
  }

  bool open(Kind kind) {
    if (!add(kind)) return false;
    tree_.nodes_.back().length = 1;
    consumed_ = tree_.nodes_.back().offset + 1;  // told before the bracket is stepped over
    if (open_.size() == max_depth) {
      reporter_.add(Severity::error, tree_.nodes_.back().offset, 1,
                    fmt::format("nested more than {} deep", max_depth));
      return false;
    }
    open_.push_back({.index = static_cast<Index>(tree_.nodes_.size() - 1)});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  /// Most objects have a handful of keys: no need to sort them.
  [[nodiscard]] bool are_few_and_distinct(const std::vector<Index>& members) const {
    constexpr std::size_t few = 12;
    if (members.size() > few) return false;
    for (std::size_t i = 0; i < members.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (tree_.key(tree_[members[i]]) == tree_.key(tree_[members[j]])) return false;
    return true;
  }

  void check_duplicates(Index object) {
    std::vector<Index> members = tree_.children(object);
    const auto key = [&](Index index) { return tree_.key(tree_[index]); };
    if (are_few_and_distinct(members)) return;
    std::stable_sort(members.begin(), members.end(),
                     [&](Index a, Index b) { return key(a) < key(b); });
    for (std::size_t i = 1; i < members.size(); ++i) {
      if (key(members[i - 1]) != key(members[i])) continue;
      const Node& node = tree_[members[i]];
      reporter_.add(Severity::error, node.key_offset, node.key_length + 2,
                    fmt::format("the key \"{}\" stands twice in one object", key(members[i])),
                    "readers disagree which of the two counts; keep one");
    }
  }

  std::string_view input_;
  const rapidjson::MemoryStream& stream_;
  Reporter& reporter_;
  Tree tree_;
  std::vector<Open> open_;
  std::size_t consumed_ = 0;
  std::uint32_t key_ = 0;
  std::uint32_t key_length_ = 0;
  std::uint32_t key_offset_ = 0;
};

Reporter::Reporter(std::string_view input, std::string file)
    : input_(input), file_(std::move(file)), line_starts_{0} {
  for (std::size_t i = input.find('\n'); i != std::string_view::npos; i = input.find('\n', i + 1))
    line_starts_.push_back(static_cast<std::uint32_t>(i + 1));
}

Place Reporter::place(std::uint32_t offset, std::uint32_t length) const {
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const auto line = static_cast<std::uint32_t>(next - line_starts_.begin());
  return {file_, line, offset - line_starts_[line - 1] + 1, length};
}

std::string Reporter::line_text(std::uint32_t line) const {
  constexpr std::size_t longest_shown = 200;
  const std::string_view rest = input_.substr(line_starts_[line - 1]);
  const std::size_t length = std::min(rest.find('\n'), rest.size());
  return length > longest_shown ? std::string() : std::string(rest.substr(0, length));
}

void Reporter::add(Severity severity, std::uint32_t offset, std::uint32_t length,
                   std::string message, std::string hint, std::string id) {
  if (diagnostics_.size() >= limit && (failed_ || severity != Severity::error)) {
    ++left_out_;
    return;
  }
  failed_ = failed_ || severity == Severity::error;
  Place where = place(offset, length);
  std::string line = line_text(where.line);
  diagnostics_.push_back({severity, std::move(message), std::move(where), std::move(hint),
                          std::move(line), std::move(id)});
}

std::vector<Diagnostic> Reporter::take() {
  if (left_out_ != 0) {
    diagnostics_.push_back({Severity::note,
                            fmt::format("{} more findings are not shown", left_out_),
                            {.file = file_},
                            {},
                            {},
                            "findings-left-out"});
  }
  return std::move(diagnostics_);
}

namespace {

/// What RapidJSON would let pass, or could not place.
bool is_readable(std::string_view input, Reporter& reporter) {
  const auto refuse = [&](std::size_t offset, std::string message) {
    reporter.add(Severity::error, static_cast<std::uint32_t>(offset), 1, std::move(message));
    return false;
  };
  if (input.size() > max_input_bytes) {
    return refuse(0, fmt::format("more than {} bytes", max_input_bytes));
  }
  if (const std::size_t nul = input.find('\0'); nul != std::string_view::npos) {
    return refuse(nul, "a NUL byte");
  }
  if (const std::size_t bad = find_bad_utf8(input); bad != std::string_view::npos) {
    return refuse(bad, "not UTF-8");
  }
  if (input.starts_with("\xef\xbb\xbf")) return refuse(0, "a byte order mark before the JSON");
  return true;
}

std::string syntax_message(rapidjson::ParseErrorCode code) {
  if (code == rapidjson::kParseErrorDocumentEmpty) return "empty; expected a JSON object";
  std::string message = rapidjson::GetParseError_En(code);
  while (message.ends_with('.')) message.pop_back();
  return "not JSON: " + message;
}

}  // namespace

Tree read(std::string_view input, Reporter& reporter) {
  if (!is_readable(input, reporter)) return {};
  rapidjson::MemoryStream stream(input.data(), input.size());
  TreeBuilder builder(input, stream, reporter);
  rapidjson::Reader reader;
  constexpr unsigned flags = rapidjson::kParseIterativeFlag |
                             rapidjson::kParseValidateEncodingFlag |
                             rapidjson::kParseNumbersAsStringsFlag;
  const rapidjson::ParseResult result = reader.Parse<flags>(stream, builder);
  if (result.IsError() && result.Code() != rapidjson::kParseErrorTermination) {
    reporter.add(Severity::error, static_cast<std::uint32_t>(result.Offset()), 1,
                 syntax_message(result.Code()));
  }
  return builder.take();
}

}  // namespace callgate::json
