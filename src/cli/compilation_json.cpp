#include "cli/compilation_json.h"

#include "cli/program_json.h"

namespace callgate::cli {
namespace {

void write_numbers(JsonWriter& writer, std::string_view key,
                   const std::vector<std::size_t>& numbers) {
  json_key(writer, key);
  writer.StartArray();
  for (const std::size_t number : numbers) writer.Uint64(number);
  writer.EndArray();
}

void write_chain(JsonWriter& writer, const ChainHint& chain) {
  writer.StartObject();
  json_member(writer, "arch", arch_info(chain.arch).name);
  json_member(writer, "number", chain.number);
  write_numbers(writer, "rules", chain.rules);
  write_numbers(writer, "entries", chain.entries);
  writer.EndObject();
}

}  // namespace

std::string compilation_json(const Compilation& compilation) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  json_key(writer, "arches");
  writer.StartArray();
  for (const Arch arch : compilation.arches) json_string(writer, arch_info(arch).name);
  writer.EndArray();
  const Program& program = compilation.program;
  write_program_members(writer, program.instructions(), program.target());
  json_key(writer, "chains");
  writer.StartArray();
  for (const ChainHint& chain : compilation.chains) write_chain(writer, chain);
  writer.EndArray();
  writer.EndObject();
  return json_text(buffer);
}

std::string program_json(const Program& program) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  write_program_members(writer, program.instructions(), program.target());
  writer.EndObject();
  return json_text(buffer);
}

}  // namespace callgate::cli
