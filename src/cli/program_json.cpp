#include "cli/program_json.h"

#include "callgate/bpf/assembly.h"

namespace callgate::cli {
namespace {

void write_instruction(JsonWriter& writer, std::span<const Instruction> code, std::size_t index,
                       Target target, const std::string& note) {
  const Instruction& insn = code[index];
  writer.StartObject();
  json_member(writer, "code", insn.code);
  json_member(writer, "jt", insn.jt);
  json_member(writer, "jf", insn.jf);
  json_member(writer, "k", insn.k);
  json_member(writer, "text", instruction_text(code, index, target));
  if (!note.empty()) json_member(writer, "note", note);
  writer.EndObject();
}

}  // namespace

void write_program_members(JsonWriter& writer, std::span<const Instruction> code, Target target) {
  json_member(writer, "byte_order", target.byte_order == ByteOrder::big ? "big" : "little");
  json_member(writer, "shift_rule", target.shift_rule == ShiftRule::low6 ? "low6" : "low5");
  const auto refused = find_refusal(code);
  json_flag(writer, "accepted", !refused);
  if (refused) {
    json_key(writer, "refusal");
    writer.StartObject();
    json_member(writer, "reason", refusal_name(refused->reason));
    json_member(writer, "index", refused->index);
    writer.EndObject();
  }
  const std::vector<std::string> notes = instruction_notes(code, target);
  json_key(writer, "instructions");
  writer.StartArray();
  for (std::size_t i = 0; i < code.size(); ++i)
    write_instruction(writer, code, i, target, notes[i]);
  writer.EndArray();
}

}  // namespace callgate::cli
