// Any bytes as a trace of each form: an error with a message or blocks whose columns fit together
// and name calls that were told; what is read can be written as JSON lines and reads back the same.
#include <cstdlib>

#include "callgate/trace/write.h"

namespace {

using namespace callgate;

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<PartialCall> events_of(std::string_view bytes, bool& sound) {
  std::vector<PartialCall> events;
  const auto reader = read_trace(bytes, "fuzz", {.arch = Arch::x86_64});
  sound = reader.has_value();
  if (!reader) {
    require(!reader.error().text().empty());
    return events;
  }
  std::vector<PartialCall> known(1);
  for (TraceBlock block;;) {
    const auto more = (*reader)->next(block);
    sound = more.has_value();
    if (!more) require(!more.error().text().empty());
    if (!more || !*more) return events;
    if (block.restart) known.resize(1);
    known.insert(known.end(), block.calls.begin(), block.calls.end());
    for (const std::size_t column : {block.threads.size(), block.times.size(), block.counts.size()})
      require(column == 0 || column == block.ids.size());
    for (const std::uint32_t id : block.ids) {
      require(id >= 1 && id < known.size());
      events.push_back(known[id]);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  bool sound = false;
  const auto events =
      events_of(std::string_view(reinterpret_cast<const char*>(bytes), size), sound);
  if (!sound || events.empty()) return 0;
  std::string lines;
  for (const PartialCall& call : events) lines += trace_json_line(call, {});
  require(events_of(lines, sound) == events);
  require(sound);
  return 0;
}
