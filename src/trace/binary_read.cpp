// The binary form, piece by piece. Whatever a piece says of itself is held against what it can be
// before anything is allocated or read by it; after that its columns are copied as they are.
#include <algorithm>
#include <utility>

#include "trace/layout.h"
#include "trace/readers.h"

namespace callgate::tracing {
namespace {

class BinaryReader : public TraceReader {
 public:
  BinaryReader(Input input, std::vector<std::uint32_t> audits)
      : input_(std::move(input)), audits_(std::move(audits)) {}

  Result<bool> next(TraceBlock& block) override {
    block = {};
    for (;;) {
      if (calls_left_ > 0) return read_calls(block);
      CALLGATE_TRY(const bool more, next_piece());
      if (!more) return false;
      CALLGATE_TRY(const bool found, read_piece(block));
      if (found) return true;
      if (done_) return false;
    }
  }
  TraceEnd end() const override { return end_; }
  std::uint64_t offset() const noexcept override { return input_.offset(); }
  TraceForm form() const noexcept override { return TraceForm::binary; }

 private:
  static constexpr std::size_t calls_at_once = 1024;

  tl::unexpected<Error> damaged(const std::string& what) const {
    return fail(input_.error_at(piece_at_, "damaged: " + what));
  }
  bool cut(std::string what) {
    end_ = {.whole = false, .offset = piece_at_, .what = std::move(what)};
    done_ = true;
    return false;
  }

  /// Reads a piece's head; false at the end of the file.
  Result<bool> next_piece() {
    piece_at_ = input_.offset();
    CALLGATE_TRY(const std::string_view bytes, input_.peek(piece_head_size));
    if (bytes.empty()) return cut("there is no end mark");
    if (bytes.size() < piece_head_size) return cut("the head of a piece is cut");
    head_ = {.kind = load<std::uint32_t>(&bytes[0]),
             .flags = load<std::uint32_t>(&bytes[4]),
             .count = load<std::uint32_t>(&bytes[8]),
             .payload = load<std::uint64_t>(&bytes[16]),
             .check = load<std::uint64_t>(&bytes[24])};
    if (load<std::uint32_t>(&bytes[12]) != 0) return damaged("no piece begins here");
    input_.skip(piece_head_size);
    return true;
  }

  /// False where there is nothing to tell of the piece, or it is cut.
  Result<bool> read_piece(TraceBlock& block) {
    if ((head_.kind & may_be_skipped) != 0) return skip_payload();
    const auto kind = static_cast<PieceKind>(head_.kind);
    if (head_.kind == 0 || kind > PieceKind::end) {
      return damaged("no piece of kind " + std::to_string(head_.kind));
    }
    CALLGATE_CHECK(check_head(kind));
    if (kind == PieceKind::end) return read_end();
    if (kind == PieceKind::events) return read_events(block);
    calls_left_ = head_.count;
    restarts_ = (head_.flags & restart) != 0;
    return read_calls(block);
  }

  Result<bool> skip_payload() {
    for (std::uint64_t left = head_.payload; left > 0;) {
      CALLGATE_TRY(const std::string_view bytes,
                   input_.peek(std::min<std::uint64_t>(left, largest_payload)));
      if (bytes.empty()) return cut("a piece of a kind that is not known is cut");
      input_.skip(bytes.size());
      left -= bytes.size();
    }
    return false;
  }

  Result<void> check_head(PieceKind kind) {
    const std::uint32_t flags = kind == PieceKind::events ? 7 : kind == PieceKind::end ? 0 : 1;
    if ((head_.flags & ~flags) != 0) return damaged("flags that are not known");
    if (head_.count > most_entries) return damaged("more than 65536 entries in a piece");
    if (kind != PieceKind::end && head_.count == 0) return damaged("a piece without entries");
    if (head_.payload != payload_of(kind, head_.flags, head_.count)) {
      return damaged("a piece whose size is not that of its entries");
    }
    if (kind == PieceKind::events || kind == PieceKind::end) {
      if (head_.check == events_) return {};
      return damaged(std::to_string(events_) + " events lie before a piece that counts " +
                     std::to_string(head_.check));
    }
    if ((head_.flags & restart) != 0) calls_ = 0;
    if (head_.check != calls_ + 1) return damaged("calls that do not follow those before");
    return {};
  }

  Result<bool> read_end() {
    end_ = {.whole = true, .offset = input_.offset(), .what = {}};
    done_ = true;
    CALLGATE_TRY(const std::string_view rest, input_.peek(1));
    if (!rest.empty()) return fail(input_.error_at(input_.offset(), "bytes after the end mark"));
    return false;
  }

  /// Some of the calls of a piece: as many as stay in the cache until they are used.
  Result<bool> read_calls(TraceBlock& block) {
    const bool is_partial = static_cast<PieceKind>(head_.kind) == PieceKind::partial_calls;
    const std::size_t size = is_partial ? partial_call_size : call_size;
    const std::size_t count = std::min<std::size_t>(calls_left_, calls_at_once);
    CALLGATE_TRY(const std::string_view bytes, input_.peek(count * size));
    if (bytes.size() < count * size) return cut("a piece of calls is cut");
    call_list_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      CALLGATE_CHECK(read_call(&bytes[i * size], is_partial, i * size, call_list_[i]));
    }
    input_.skip(bytes.size());
    calls_ += static_cast<std::uint32_t>(count);
    calls_left_ -= static_cast<std::uint32_t>(count);
    block.restart = std::exchange(restarts_, false);
    block.calls = call_list_;
    return true;
  }

  Result<void> read_call(const char* bytes, bool is_partial, std::size_t at, PartialCall& call) {
    read_words(bytes, call.data);
    const bool is_sound = set_known(call, is_partial ? load<std::uint32_t>(bytes + 64) : 0) &&
                          (!is_partial || load<std::uint32_t>(bytes + 68) == 0);
    if (!is_sound) return fail(input_.error_at(input_.offset() + at, "damaged: a call"));
    if (call.data.arch == last_audit_) return {};
    if (std::find(audits_.begin(), audits_.end(), call.data.arch) == audits_.end()) {
      return fail(
          input_.error_at(input_.offset() + at, "a call of an ABI that the head does not list"));
    }
    last_audit_ = call.data.arch;
    return {};
  }

  static void read_words(const char* bytes, SeccompData& data) {
    data.nr = load<std::uint32_t>(bytes);
    data.arch = load<std::uint32_t>(bytes + 4);
    data.instruction_pointer = load<std::uint64_t>(bytes + 8);
    for (std::size_t i = 0; i < 6; ++i) data.args[i] = load<std::uint64_t>(bytes + 16 + 8 * i);
  }

  template <class Number>
  std::span<const Number> column(std::string_view& payload, std::vector<Number>& to) const {
    to.resize(head_.count);
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(to.data(), payload.data(), head_.count * sizeof(Number));
    } else {
      for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = load<Number>(payload.data() + i * sizeof(Number));
    }
    payload.remove_prefix(padded(head_.count * sizeof(Number)));
    return to;
  }

  Result<bool> read_events(TraceBlock& block) {
    CALLGATE_TRY(std::string_view payload, input_.peek(head_.payload));
    if (payload.size() < head_.payload) {
      return cut("a piece of " + std::to_string(head_.count) + " events is cut");
    }
    block.ids = column(payload, ids_);
    const auto wrong = std::find_if(ids_.begin(), ids_.end(), [this](std::uint32_t id) {
      return id - 1 >= calls_;  // 0 wraps
    });
    if (wrong != ids_.end()) {
      const auto index = static_cast<std::uint64_t>(wrong - ids_.begin());
      return fail(input_.error_at(input_.offset() + 4 * index,
                                  "an event of call " + std::to_string(*wrong) + ", of " +
                                      std::to_string(calls_) + " that there are"));
    }
    if ((head_.flags & has_threads) != 0) block.threads = column(payload, threads_);
    if ((head_.flags & has_times) != 0) block.times = column(payload, times_);
    if ((head_.flags & has_counts) != 0) block.counts = column(payload, counts_);
    events_ += head_.count;
    input_.skip(head_.payload);
    return true;
  }

  Input input_;
  std::vector<std::uint32_t> audits_;  ///< of the head's table
  PieceHead head_;
  std::uint64_t piece_at_ = 0;
  std::uint32_t last_audit_ = audits_.front();
  std::uint32_t calls_left_ = 0;  ///< of the piece that is being read
  bool restarts_ = false;         ///< it begins the numbering anew
  std::uint64_t calls_ = 0;       ///< told since the last restart
  std::uint64_t events_ = 0;      ///< in all
  TraceEnd end_;
  bool done_ = false;
  std::vector<PartialCall> call_list_;
  std::vector<std::uint32_t> ids_;
  std::vector<std::uint32_t> threads_;
  std::vector<std::uint64_t> times_;
  std::vector<std::uint64_t> counts_;
};

/// The audit numbers of the head's table.
Result<std::vector<std::uint32_t>> read_head(Input& input) {
  CALLGATE_TRY(const std::string_view head, input.peek(head_size));
  if (head.size() < head_size) return fail(input.error_at(head.size(), "the trace's head is cut"));
  const auto found = load<std::uint16_t>(&head[8]);
  if (found != version) {
    return fail(input.error_at(
        8, "version " + std::to_string(found) + " of the trace form, where this callgate reads 1"));
  }
  const std::size_t count = load<std::uint16_t>(&head[10]);
  if (count == 0 || count > most_abis) {
    return fail(input.error_at(10, "damaged: a table of " + std::to_string(count) + " ABIs"));
  }
  if (load<std::uint32_t>(&head[12]) != 0) {
    return fail(input.error_at(12, "flags that this callgate does not know"));
  }
  CALLGATE_TRY(const std::string_view all, input.peek(head_size + count * abi_size));
  if (all.size() < head_size + count * abi_size) {
    return fail(input.error_at(all.size(), "the table of ABIs is cut"));
  }
  std::vector<std::uint32_t> audits;
  for (std::size_t i = 0; i < count; ++i) {
    audits.push_back(load<std::uint32_t>(&all[head_size + i * abi_size]));
  }
  input.skip(all.size());
  return audits;
}

}  // namespace

Result<std::unique_ptr<TraceReader>> read_binary(Input input) {
  CALLGATE_TRY(std::vector<std::uint32_t> audits, read_head(input));
  return std::make_unique<BinaryReader>(std::move(input), std::move(audits));
}

}  // namespace callgate::tracing
