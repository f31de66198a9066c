// The binary form and JSON lines: what is written reads back, what is damaged is told with its byte
// or line.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "callgate/base/file.h"
#include "callgate/trace/write.h"

namespace callgate {
namespace {

struct Event {
  PartialCall call;
  TraceEvent event;
};

bool same(const Event& left, const Event& right) {
  return left.call == right.call && left.event.thread == right.event.thread &&
         left.event.time == right.event.time && left.event.count == right.event.count;
}

PartialCall call(std::uint32_t nr, std::uint64_t first = 0) {
  return {.data = {.nr = nr, .arch = arch_info(Arch::x86_64).audit, .args = {first}}};
}

std::vector<Event> some_events() {
  PartialCall partial = call(257, 0xffffff9c);
  partial.args = {Known::low32, Known::not_null, Known::low16, Known::nothing};
  partial.data.args = {0xffffff9c, 1, 0644};
  partial.instruction_pointer = Known::nothing;
  return {{call(0, 3), {.thread = 7, .time = 11}},
          {call(1, ~std::uint64_t{0}), {}},
          {call(0, 3), {.count = 1u << 20}},
          {partial, {.thread = 0xffffffff, .time = ~std::uint64_t{0} >> 1}},
          {{.data = {.nr = 5, .arch = arch_info(Arch::i386).audit}}, {}}};
}

std::string binary(const std::vector<Event>& events, bool finish = true,
                   std::size_t flush_each = 0) {
  UniqueFd file(::memfd_create("trace", MFD_CLOEXEC));
  const Arch arches[] = {Arch::x86_64, Arch::i386, Arch::x32};
  auto writer = TraceWriter::create(UniqueFd(::dup(file.get())), trace_abis(arches));
  std::size_t added = 0;
  for (const Event& event : events) {
    EXPECT_TRUE(writer->add(event.call, event.event));
    if (flush_each != 0 && ++added % flush_each == 0) {
      EXPECT_TRUE(writer->flush());
    }
  }
  EXPECT_TRUE(finish ? writer->finish() : writer->flush());
  std::string bytes(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
  EXPECT_EQ(::pread(file.get(), bytes.data(), bytes.size(), 0), ssize_t(bytes.size()));
  return bytes;
}

struct Read {
  std::vector<Event> events;
  TraceEnd end;
  std::string error;
};

Read read(std::string_view bytes) {
  Read all;
  auto reader = read_trace(bytes, "test", {.arch = Arch::x86_64});
  if (!reader) return {.events = {}, .end = {}, .error = reader.error().text()};
  std::vector<PartialCall> known(1);
  for (TraceBlock block;;) {
    const auto more = (*reader)->next(block);
    if (!more) {
      all.error = more.error().text();
      return all;
    }
    if (!*more) break;
    if (block.restart) known.resize(1);
    known.insert(known.end(), block.calls.begin(), block.calls.end());
    for (std::size_t i = 0; i < block.ids.size(); ++i) {
      Event event{known.at(block.ids[i]), {}};
      if (!block.threads.empty()) event.event.thread = block.threads[i];
      if (!block.times.empty()) event.event.time = block.times[i];
      if (!block.counts.empty()) event.event.count = block.counts[i];
      all.events.push_back(event);
    }
  }
  all.end = (*reader)->end();
  return all;
}

void expect_same(const std::vector<Event>& left, const std::vector<Event>& right) {
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) EXPECT_TRUE(same(left[i], right[i])) << i;
}

TEST(BinaryTrace, ReadsBackWhatWasWritten) {
  for (const std::size_t flush_each : {0U, 1U, 2U}) {
    const Read got = read(binary(some_events(), true, flush_each));
    EXPECT_EQ(got.error, "");
    EXPECT_TRUE(got.end.whole);
    expect_same(got.events, some_events());
  }
}

TEST(BinaryTrace, ManyCallsFillManyPieces) {
  std::vector<Event> events;
  for (std::uint32_t i = 0; i < 40'000; ++i) events.push_back({call(i % 300, i % 20'000), {}});
  const Read got = read(binary(events));
  EXPECT_EQ(got.error, "");
  expect_same(got.events, events);
}

TEST(BinaryTrace, CutAnywhereItGivesWhatIsWhole) {
  const std::string whole = binary(some_events(), true, 1);
  const std::size_t head = 32 + 2 * 32;
  std::size_t most = 0;
  for (std::size_t size = 8; size < whole.size(); ++size) {
    const Read got = read(whole.substr(0, size));
    if (size < head) {
      EXPECT_NE(got.error.find("cut"), std::string::npos) << size << got.error;
      continue;
    }
    EXPECT_EQ(got.error, "") << size;
    EXPECT_FALSE(got.end.whole) << size;
    EXPECT_LE(got.end.offset, size);
    EXPECT_GE(got.events.size(), most);
    most = got.events.size();
    for (std::size_t i = 0; i < most; ++i) EXPECT_TRUE(same(got.events[i], some_events()[i]));
  }
  EXPECT_EQ(most, some_events().size());
}

TEST(BinaryTrace, WithoutItsEndMarkItIsCut) {
  const Read got = read(binary(some_events(), false));
  EXPECT_EQ(got.error, "");
  EXPECT_FALSE(got.end.whole);
  EXPECT_EQ(got.end.what, "there is no end mark");
  expect_same(got.events, some_events());
}

struct Damage {
  const char* name;
  std::size_t at;  ///< byte
  std::uint8_t value;
  const char* message;
};

// The head has 96 bytes with its two ABIs; then a piece of calls of 32 + 72 * 4 bytes, one of
// events.
constexpr std::size_t calls_at = 96, events_at = calls_at + 32 + 72 * 4;
const Damage damages[] = {
    {"version", 8, 2, "version 2 of the trace form"},
    {"no ABIs", 10, 0, "a table of 0 ABIs"},
    {"too many ABIs", 10, 65, "a table of 65 ABIs"},
    {"flags of the head", 12, 1, "flags that this callgate does not know"},
    {"kind", calls_at, 9, "at byte 96: damaged: no piece of kind 9"},
    {"kind 0", calls_at, 0, "no piece of kind 0"},
    {"flags", calls_at + 4, 2, "flags that are not known"},
    {"more than most entries", calls_at + 10, 2, "more than 65536 entries"},
    {"size", calls_at + 16, 1, "a piece whose size is not that of its entries"},
    {"huge size", calls_at + 23, 0x7f, "a piece whose size is not that of its entries"},
    {"numbering", calls_at + 24, 2, "calls that do not follow those before"},
    {"ABI", calls_at + 32 + 4, 1, "at byte 128: a call of an ABI that the head does not list"},
    {"what is known", calls_at + 32 + 64, 9, "damaged: a call"},
    {"event of call 0", events_at + 32, 0, "an event of call 0, of 4 that there are"},
    {"event of a later call", events_at + 32, 5, "an event of call 5, of 4"},
    {"events before", events_at + 24, 1, "0 events lie before a piece that counts 1"},
};

TEST(BinaryTrace, DamageIsToldWithItsByte) {
  const std::string sound = binary(some_events());
  ASSERT_EQ(read(sound).error, "");
  for (const Damage& damage : damages) {
    std::string bytes = sound;
    ASSERT_LT(damage.at, bytes.size());
    bytes[damage.at] = static_cast<char>(damage.value);
    EXPECT_NE(read(bytes).error.find(damage.message), std::string::npos)
        << damage.name << ": " << read(bytes).error;
  }
  EXPECT_NE(read(sound + "x").error.find("bytes after the end mark"), std::string::npos);
}

TEST(BinaryTrace, AKindThatMayBeSkippedIs) {
  std::string bytes = binary(some_events());
  std::string piece(32 + 16, '\0');
  piece[3] = static_cast<char>(0x80);
  piece[16] = 16;
  bytes.insert(events_at, piece);
  const Read got = read(bytes);
  EXPECT_EQ(got.error, "");
  expect_same(got.events, some_events());
}

TEST(TraceWriter, RefusesWhatATraceDoesNotHold) {
  const Arch arches[] = {Arch::x86_64};
  auto writer =
      TraceWriter::create(UniqueFd(::memfd_create("trace", MFD_CLOEXEC)), trace_abis(arches));
  EXPECT_FALSE(writer->add({.data = {.arch = 1}}, {}));
  EXPECT_FALSE(writer->add(call(1), {.count = 0}));
  EXPECT_FALSE(TraceWriter::create(UniqueFd(), {}));
  const TraceAbi unnamed[] = {{1, std::string(24, 'x')}};
  EXPECT_FALSE(TraceWriter::create(UniqueFd(), unnamed));
}

TEST(JsonLines, ReadBackWhatWasWritten) {
  std::string text;
  for (const Event& event : some_events()) text += trace_json_line(event.call, event.event);
  const Read got = read(text);
  EXPECT_EQ(got.error, "");
  std::vector<Event> expected = some_events();
  expect_same(got.events, expected);
}

TEST(JsonLines, TheDocumentsExampleIsALine) {
  const std::string text = *read_file(CALLGATE_SOURCE_DIR "/docs/replay.md");
  const std::size_t begin = text.find("```json\n") + 8;
  const Read got = read(text.substr(begin, text.find("\n```", begin) - begin + 1));
  ASSERT_EQ(got.error, "");
  ASSERT_EQ(got.events.size(), 1u);
  EXPECT_EQ(got.events[0].call.args[1], Known::not_null);
  EXPECT_EQ(got.events[0].event.count, 3u);
}

TEST(JsonLines, WhatIsNotSaidIsNotKnown) {
  const Read got = read("{\"call\": \"read\"}\n\n{\"nr\": 1, \"arg\": [1], \"arch\": \"i386\"}\n");
  ASSERT_EQ(got.error, "");
  ASSERT_EQ(got.events.size(), 2u);
  EXPECT_EQ(got.events[0].call.args[0], Known::nothing);
  EXPECT_EQ(got.events[1].call.args[0], Known::nothing) << "a misspelt member is no argument";
  EXPECT_EQ(got.events[1].call.data.arch, arch_info(Arch::i386).audit);
}

TEST(JsonLines, MistakesAreToldWithTheirLine) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"{\"call\": \"raed\"}", "2: error: no call `raed`"},
      {"{\"call\": 1}", "a call has `nr`"},
      {"{\"nr\": -1}", "`nr` is no number up to 4294967295"},
      {"{\"nr\": 1, \"args\": [1,2,3,4,5,6,7]}", "`args` is no list of up to 6"},
      {"{\"nr\": 1, \"args\": [\"null\"]}", "args[0] is neither"},
      {"{\"nr\": 1, \"args\": [{\"low16\": 65536}]}", "args[0] is neither"},
      {"{\"nr\": 1, \"arch\": \"vax\"}", "`arch` is no ABI"},
      {"{\"nr\": 1, \"count\": 0}", "`count` is 0"},
      {"{\"nr\": 1,}", "2:10"},
      {"[1]", "one JSON object"},
  };
  for (const auto& [line, message] : mistakes) {
    const std::string error = read(std::string("{\"nr\":1}\n") + line + "\n").error;
    EXPECT_NE(error.find(message), std::string::npos) << line << "\n" << error;
  }
}

TEST(JsonLines, ACutLineIsACutTrace) {
  const Read got = read("{\"nr\":1}\n{\"nr\":");
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.events.size(), 1u);
  EXPECT_FALSE(got.end.whole);
}

}  // namespace
}  // namespace callgate
