// Bytecode as JSON; docs/json.md has the schema.
#pragma once

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <string>
#include <string_view>

#include "callgate/bpf/program.h"

namespace callgate::cli {

using JsonWriter = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

inline void json_key(JsonWriter& writer, std::string_view key) {
  writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
}
inline void json_string(JsonWriter& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}
inline void json_member(JsonWriter& writer, std::string_view key, std::string_view text) {
  json_key(writer, key);
  json_string(writer, text);
}
inline void json_member(JsonWriter& writer, std::string_view key, std::uint64_t number) {
  json_key(writer, key);
  writer.Uint64(number);
}
inline void json_flag(JsonWriter& writer, std::string_view key, bool flag) {
  json_key(writer, key);
  writer.Bool(flag);
}
/// What was written, with a newline.
[[nodiscard]] inline std::string json_text(const rapidjson::StringBuffer& buffer) {
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

/// The members "byte_order", "shift_rule", "accepted", "refusal", "instructions" of an object that
/// the caller has opened.
void write_program_members(JsonWriter& writer, std::span<const Instruction> code, Target target);

}  // namespace callgate::cli
