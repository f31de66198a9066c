// RapidJSON, nlohmann and simdjson on Docker's default profile, once and repeated N times in an
// array: events with every string seen, as our reader takes them, and trees.
// docs/adr/0001-json-library.md has the figures. CALLGATE_SHARED names the folder with
// moby-default.json.
#include <benchmark/benchmark.h>
#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <simdjson.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace {

std::string profile(std::int64_t times) {
  const char* folder = std::getenv("CALLGATE_SHARED");
  std::ifstream file(std::string(folder != nullptr ? folder : "../shared/data") +
                     "/moby-default.json");
  const std::string one{std::istreambuf_iterator<char>(file), {}};
  std::string all = "[";
  for (std::int64_t i = 0; i < times; ++i) all += (i == 0 ? "" : ",") + one;
  return all + "]";
}

struct CountStrings : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, CountStrings> {
  std::size_t bytes = 0;
  bool String(const char*, rapidjson::SizeType length, bool) {
    bytes += length;
    return true;
  }
  bool Key(const char*, rapidjson::SizeType length, bool) {
    bytes += length;
    return true;
  }
};

void rapidjson_events(benchmark::State& state) {
  const std::string text = profile(state.range(0));
  for (auto _ : state) {
    rapidjson::MemoryStream stream(text.data(), text.size());
    CountStrings handler;
    rapidjson::Reader reader;
    reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                 rapidjson::kParseNumbersAsStringsFlag>(stream, handler);
    benchmark::DoNotOptimize(handler.bytes);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}

void rapidjson_tree(benchmark::State& state) {
  const std::string text = profile(state.range(0));
  for (auto _ : state) {
    rapidjson::Document document;
    document.Parse(text.data(), text.size());
    benchmark::DoNotOptimize(document.IsArray());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}

void nlohmann_tree(benchmark::State& state) {
  const std::string text = profile(state.range(0));
  for (auto _ : state) {
    const auto document = nlohmann::json::parse(text);
    benchmark::DoNotOptimize(document.size());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}

void simdjson_tree(benchmark::State& state) {
  const simdjson::padded_string text(profile(state.range(0)));
  for (auto _ : state) {
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    benchmark::DoNotOptimize(parser.parse(text).get(document));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}

BENCHMARK(rapidjson_events)->Arg(1)->Arg(100);
BENCHMARK(rapidjson_tree)->Arg(1)->Arg(100);
BENCHMARK(nlohmann_tree)->Arg(1)->Arg(100);
BENCHMARK(simdjson_tree)->Arg(1)->Arg(100);

}  // namespace

BENCHMARK_MAIN();
