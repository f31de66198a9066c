// Reports for people and as JSON lines.
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "callgate/abi/constants.h"
#include "callgate/supervise/denial.h"
#include "supervise/escape.h"

namespace callgate {
namespace {

using supervise::escape;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

std::string outcome(const Denial& denial) {
  if (denial.strict) return "SIGKILL";
  if (denial.action.kind == ActionKind::errno_) {
    const std::string_view name = errno_name(denial.action.data);
    return name.empty() ? fmt::format("errno {}", denial.action.data) : std::string(name);
  }
  return to_string(denial.action);
}

/// `first` before the first line, as many blanks before the others.
void add_rows(std::string& out, std::string_view first, const std::vector<std::string>& rows) {
  for (std::size_t index = 0; index < rows.size(); ++index) {
    out += fmt::format("  {:<8} {}\n", index == 0 ? first : "", rows[index]);
  }
}

std::string source_text(Verdict::Source source) {
  switch (source) {
    case Verdict::Source::rule: return "rule";
    case Verdict::Source::otherwise: return "otherwise";
    case Verdict::Source::unknown: return "unknown number";
    case Verdict::Source::unlisted: return "ABI not listed";
  }
  return {};
}

void put(Writer& writer, const char* key, std::string_view text) {
  writer.Key(key);
  // JSON is UTF-8; a program's bytes need not be.
  const std::string safe = escape(text);
  writer.String(safe.data(), static_cast<rapidjson::SizeType>(safe.size()));
}

void put(Writer& writer, const StackFrame& frame) {
  writer.StartObject();
  put(writer, "address", fmt::format("0x{:x}", frame.address));
  if (!frame.object.empty()) put(writer, "object", frame.object);
  if (!frame.function.empty()) put(writer, "function", frame.function);
  if (!frame.object.empty()) {
    writer.Key("offset");
    writer.Uint64(frame.offset);
  }
  if (!frame.file.empty()) {
    put(writer, "file", frame.file);
    writer.Key("line");
    writer.Uint(frame.line);
  }
  writer.EndObject();
}

void put_call(Writer& writer, const Denial& denial) {
  put(writer, "abi", denial.abi);
  put(writer, "call", denial.call);
  writer.Key("number");
  writer.Uint(denial.data.nr);
  writer.Key("arguments");
  writer.StartObject();
  for (const DeniedArgument& argument : denial.arguments) {
    // The text is escaped already where it came from memory.
    writer.Key(argument.name.c_str());
    writer.String(argument.text.c_str());
  }
  writer.EndObject();
  put(writer, "action", to_string(denial.action));
  writer.Key("let_through");
  writer.Bool(denial.let_through);
}

}  // namespace

std::string format_call(const Denial& denial) {
  std::string arguments;
  for (const DeniedArgument& argument : denial.arguments) {
    if (!arguments.empty()) arguments += ", ";
    arguments += fmt::format("{}={}", argument.name, argument.text);
  }
  return fmt::format("{}({}) = {}", denial.call, arguments, outcome(denial));
}

std::string format_frame(const StackFrame& frame) {
  if (frame.object.empty()) return fmt::format("0x{:x} (no object)", frame.address);
  const std::string place =
      frame.file.empty() ? "" : fmt::format("  {}:{}", escape(frame.file), frame.line);
  return fmt::format("{} {}+0x{:x}{}", escape(frame.object), escape(frame.function), frame.offset,
                     place);
}

std::string format_rule(const Denial& denial) {
  if (denial.strict) return "strict mode";
  if (denial.verdict.source != Verdict::Source::rule) return source_text(denial.verdict.source);
  if (denial.place.file.empty() && denial.place.line == 0) {
    return denial.verdict.rule ? fmt::format("rule {}", *denial.verdict.rule + 1)
                               : "unknown: the program has no rules";
  }
  return fmt::format("{}:{}:{}", escape(denial.place.file), denial.place.line, denial.place.column);
}

std::string format_denial(const Denial& denial) {
  std::string out = fmt::format("callgate: {} {}\n", denial.let_through ? "would deny" : "denied",
                                format_call(denial));
  const std::string thread =
      denial.thread == denial.process ? std::string() : fmt::format(", thread {}", denial.thread);
  add_rows(out, "process",
           {fmt::format("{} ({}){}", denial.process, escape(denial.command), thread)});
  if (denial.abi != arch_info(native_arch()).name) {
    add_rows(out, "abi", {denial.abi.empty() ? "unknown to callgate" : denial.abi});
  }
  add_rows(out, "rule", {format_rule(denial)});
  std::vector<std::string> rows;
  for (std::size_t index = 0; index < denial.stack.size(); ++index) {
    rows.push_back(fmt::format("#{:<2} {}", index, format_frame(denial.stack[index])));
  }
  if (!denial.stack_note.empty()) rows.push_back(denial.stack_note);
  add_rows(out, "stack", rows);
  if (!denial.allow_line.empty()) {
    const bool is_first = denial.verdict.source == Verdict::Source::rule;
    add_rows(out, "allow", {denial.allow_line + (is_first ? "   # before that rule" : "")});
  }
  return out;
}

std::string format_denial_json(const Denial& denial) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "event", "denial");
  put_call(writer, denial);
  writer.Key("process");
  writer.Int(denial.process);
  writer.Key("thread");
  writer.Int(denial.thread);
  put(writer, "command", denial.command);
  put(writer, "source", denial.strict ? "strict mode" : source_text(denial.verdict.source));
  if (denial.place.line != 0) {
    put(writer, "rule_file", denial.place.file);
    writer.Key("rule_line");
    writer.Uint(denial.place.line);
  }
  writer.Key("stack");
  writer.StartArray();
  for (const StackFrame& frame : denial.stack) put(writer, frame);
  writer.EndArray();
  if (!denial.stack_note.empty()) put(writer, "stack_note", denial.stack_note);
  if (!denial.allow_line.empty()) put(writer, "allow", denial.allow_line);
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string format_message_json(std::string_view text) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "event", "message");
  put(writer, "text", text);
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string format_counts(const std::vector<DenialCount>& counts) {
  std::uint64_t all = 0;
  for (const DenialCount& count : counts) all += count.times;
  if (all == counts.size()) return {};
  std::string out = fmt::format("callgate: {} denials of {} {}\n", all, counts.size(),
                                counts.size() == 1 ? "kind" : "kinds");
  for (const DenialCount& count : counts) {
    out += fmt::format("  {:>8}x {}{}  [{}]\n", count.times,
                       count.first.let_through ? "let through: " : "", format_call(count.first),
                       format_rule(count.first));
  }
  return out;
}

std::string format_counts_json(const std::vector<DenialCount>& counts) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "event", "counts");
  writer.Key("kinds");
  writer.StartArray();
  for (const DenialCount& count : counts) {
    writer.StartObject();
    put_call(writer, count.first);
    writer.Key("times");
    writer.Uint64(count.times);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace callgate
