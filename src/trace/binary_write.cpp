// The binary form, written as it goes: new calls and events are kept until a piece is full or
// flush() comes, then leave by one write(2) each, calls before the events that name them.
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "callgate/trace/write.h"
#include "trace/dictionary.h"

namespace callgate {

using namespace tracing;

std::vector<TraceAbi> trace_abis(std::span<const Arch> arches) {
  std::vector<TraceAbi> abis;
  for (const Arch arch : arches) {
    // x32 shares x86-64's number, whose name then stands for both.
    const ArchInfo& info = arch_info(arch);
    const auto same = [&](const TraceAbi& abi) { return abi.audit == info.audit; };
    if (std::none_of(abis.begin(), abis.end(), same)) {
      abis.push_back({info.audit, std::string(arch_info(info.native).audit == info.audit
                                                  ? arch_info(info.native).name
                                                  : info.name)});
    }
  }
  return abis;
}

struct TraceWriter::State {
  static constexpr std::size_t most_events = 16'384;

  UniqueFd out;
  std::vector<TraceAbi> abis;
  Dictionary dictionary;
  bool restart = false;
  std::vector<PartialCall> calls;  ///< new since the last piece of calls
  std::uint64_t told = 0;          ///< calls that were written since the last restart
  std::uint64_t events = 0;        ///< that were written
  std::vector<std::uint32_t> ids;
  std::vector<std::uint32_t> threads;
  std::vector<std::uint64_t> times;
  std::vector<std::uint64_t> counts;
  std::string bytes;

  Result<void> write_out() {
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t wrote = ::write(out.get(), bytes.data() + done, bytes.size() - done);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return fail(system_error("writing a trace", errno));
      done += static_cast<std::size_t>(wrote);
    }
    bytes.clear();
    return {};
  }

  template <class Number>
  void put(Number value) {
    char raw[sizeof value];
    store(raw, value);
    bytes.append(raw, sizeof raw);
  }
  template <class Number>
  void put_column(const std::vector<Number>& column) {
    for (const Number value : column) put(value);
    bytes.resize(padded(bytes.size()));
  }

  void put_head(PieceKind kind, std::uint32_t flags, std::size_t count, std::uint64_t check) {
    put(static_cast<std::uint32_t>(kind));
    put(flags);
    put(static_cast<std::uint32_t>(count));
    put(std::uint32_t{0});
    put(payload_of(kind, flags, count));
    put(check);
  }

  void put_call(const PartialCall& call, bool is_partial) {
    put(call.data.nr);
    put(call.data.arch);
    put(call.data.instruction_pointer);
    for (const std::uint64_t argument : call.data.args) put(argument);
    if (!is_partial) return;
    put(known_bits(call));
    put(std::uint32_t{0});
  }

  Result<void> write_calls() {
    const bool is_partial = std::any_of(
        calls.begin(), calls.end(), [](const PartialCall& call) { return !call.is_complete(); });
    put_head(is_partial ? PieceKind::partial_calls : PieceKind::calls,
             restart ? std::uint32_t{tracing::restart} : 0u, calls.size(), told + 1);
    for (const PartialCall& call : calls) put_call(call, is_partial);
    told += calls.size();
    calls.clear();
    restart = false;
    return write_out();
  }

  Result<void> write_events() {
    const auto says_more = [](const auto& column, std::uint64_t usual) {
      return std::any_of(column.begin(), column.end(), [&](auto value) { return value != usual; });
    };
    const std::uint32_t flags = (says_more(threads, 0) ? has_threads : 0u) |
                                (says_more(times, 0) ? has_times : 0u) |
                                (says_more(counts, 1) ? has_counts : 0u);
    put_head(PieceKind::events, flags, ids.size(), events);
    put_column(ids);
    if ((flags & has_threads) != 0) put_column(threads);
    if ((flags & has_times) != 0) put_column(times);
    if ((flags & has_counts) != 0) put_column(counts);
    events += ids.size();
    ids.clear();
    threads.clear();
    times.clear();
    counts.clear();
    return write_out();
  }

  Result<void> flush() {
    if (!calls.empty()) CALLGATE_CHECK(write_calls());
    if (!ids.empty()) CALLGATE_CHECK(write_events());
    return {};
  }
};

TraceWriter::TraceWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TraceWriter::TraceWriter(TraceWriter&&) noexcept = default;
TraceWriter& TraceWriter::operator=(TraceWriter&&) noexcept = default;
TraceWriter::~TraceWriter() = default;

Result<TraceWriter> TraceWriter::create(UniqueFd out, std::span<const TraceAbi> abis) {
  if (abis.empty() || abis.size() > most_abis) return fail("a trace lists 1 to 64 ABIs");
  auto state = std::make_unique<State>();
  state->out = std::move(out);
  state->abis.assign(abis.begin(), abis.end());
  state->bytes = magic;
  state->put(tracing::version);
  state->put(static_cast<std::uint16_t>(abis.size()));
  state->bytes.resize(head_size);
  for (const TraceAbi& abi : abis) {
    if (abi.name.size() >= abi_name_size) return fail("an ABI's name has at most 23 bytes");
    state->put(abi.audit);
    state->put(std::uint32_t{0});
    state->bytes += abi.name;
    state->bytes.append(abi_name_size - abi.name.size(), '\0');
  }
  CALLGATE_CHECK(state->write_out());
  return TraceWriter(std::move(state));
}

Result<void> TraceWriter::add(const PartialCall& call, const TraceEvent& event) {
  State& state = *state_;
  const auto is_its = [&](const TraceAbi& abi) { return abi.audit == call.data.arch; };
  if (std::none_of(state.abis.begin(), state.abis.end(), is_its)) {
    return fail("a call of an ABI that the trace's head does not list");
  }
  if (event.count == 0) return fail("an event that never was");
  if (state.dictionary.is_full()) {
    CALLGATE_CHECK(state.flush());
    state.dictionary.clear();
    state.restart = true;
    state.told = 0;
  }
  const auto [id, is_new] = state.dictionary.number(call);
  if (is_new) state.calls.push_back(call);
  state.ids.push_back(id);
  state.threads.push_back(event.thread);
  state.times.push_back(event.time);
  state.counts.push_back(event.count);
  if (state.ids.size() >= State::most_events) CALLGATE_CHECK(state.flush());
  return {};
}

Result<void> TraceWriter::flush() { return state_->flush(); }

Result<void> TraceWriter::finish() {
  CALLGATE_CHECK(state_->flush());
  state_->put_head(PieceKind::end, 0, 0, state_->events);
  return state_->write_out();
}

}  // namespace callgate
