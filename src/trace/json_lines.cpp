// JSON lines: one object a line, read by rapidjson. A line that is no such object is an error with
// its line and column; what a line does not say of a call is unknown, so that a misspelt member
// never makes a call look harmless.
#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <charconv>

#include "callgate/abi/constants.h"
#include "callgate/abi/syscalls.h"
#include "callgate/trace/write.h"
#include "trace/line_reader.h"
#include "trace/readers.h"

namespace callgate::tracing {
namespace {

using Json = rapidjson::GenericValue<rapidjson::UTF8<>>;

/// A number, or one as text ("0x1f").
std::optional<std::uint64_t> number_of(const Json& value) {
  if (value.IsUint64()) return value.GetUint64();
  if (value.IsInt64()) return static_cast<std::uint64_t>(value.GetInt64());
  if (!value.IsString()) return std::nullopt;
  const std::string_view text(value.GetString(), value.GetStringLength());
  const bool is_hex = text.starts_with("0x");
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] =
      std::from_chars(text.data() + (is_hex ? 2 : 0), end, number, is_hex ? 16 : 10);
  if (error != std::errc{} || at != end) return std::nullopt;
  return number;
}

class JsonLinesReader final : public LineReader {
 public:
  JsonLinesReader(Input input, const TraceOptions& options)
      : LineReader(std::move(input)), arch_(options.arch) {}

  TraceForm form() const noexcept override { return TraceForm::json_lines; }

 private:
  tl::unexpected<Error> error(const std::string& message, std::string hint = {}) const {
    return fail(input_.error_in_line(message, std::move(hint)));
  }

  Result<void> next_line() override {
    const std::uint64_t at = input_.offset();
    CALLGATE_TRY(const auto line, input_.line());
    if (!line) {
      done_ = true;
      end_.offset = end_.whole ? at : end_.offset;
      return {};
    }
    if (line->find_first_not_of(" \t\r") == std::string_view::npos) return {};
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(line->data(), line->size());
    if (document.HasParseError()) {
      if (!input_.line_was_whole()) {
        end_ = {.whole = false, .offset = at, .what = "the last line is cut"};
        return {};
      }
      return fail(input_.error_in_line(rapidjson::GetParseError_En(document.GetParseError()), {},
                                       document.GetErrorOffset() + 1));
    }
    if (!document.IsObject()) return error("a line of a trace is one JSON object");
    return event(document);
  }

  Result<void> event(const Json& object) {
    PartialCall call;
    call.args.fill(Known::nothing);
    call.instruction_pointer = Known::nothing;
    CALLGATE_TRY(const bool is_known, set_call(object, call));
    if (!is_known) return {};
    CALLGATE_CHECK(set_arguments(object, call));
    if (const auto ip = member(object, "ip"); ip != nullptr && !ip->IsNull()) {
      const auto value = number_of(*ip);
      if (!value) return error("`ip` is no number of 64 bits");
      call.data.instruction_pointer = *value;
      call.instruction_pointer = Known::all;
    }
    CALLGATE_TRY(const std::uint64_t thread, number(object, "thread", 0, 0xffffffff));
    CALLGATE_TRY(const std::uint64_t time, number(object, "time", 0, ~std::uint64_t{0}));
    CALLGATE_TRY(const std::uint64_t count, number(object, "count", 1, ~std::uint64_t{0} >> 16));
    if (count == 0) return error("`count` is 0");
    builder_.add(call, static_cast<std::uint32_t>(thread), time, count, input_.line_number());
    return {};
  }

  static const Json* member(const Json& object, const char* name) {
    const auto found = object.FindMember(name);
    return found == object.MemberEnd() ? nullptr : &found->value;
  }

  Result<std::uint64_t> number(const Json& object, const char* name, std::uint64_t absent,
                               std::uint64_t largest) const {
    const Json* value = member(object, name);
    if (value == nullptr || value->IsNull()) return absent;
    const auto found = number_of(*value);
    if (!found || *found > largest) {
      return error(fmt::format("`{}` is no number up to {}", name, largest));
    }
    return *found;
  }

  /// False for a call that the tables do not have: noted, and no call to decide.
  Result<bool> set_call(const Json& object, PartialCall& call) {
    std::optional<Arch> arch = arch_;
    call.data.arch = arch_info(arch_).audit;
    if (const Json* name = member(object, "arch"); name != nullptr) {
      CALLGATE_TRY(arch, set_arch(*name, call));
    }
    const Json* nr = member(object, "nr");
    const Json* name = member(object, "call");
    if (nr != nullptr) {
      CALLGATE_TRY(const std::uint64_t value, number(object, "nr", 0, 0xffffffff));
      call.data.nr = static_cast<std::uint32_t>(value);
      return true;
    }
    if (name == nullptr || !name->IsString()) {
      return error("a call has `nr`, a number, or `call`, a name");
    }
    const std::string_view text(name->GetString(), name->GetStringLength());
    const Syscall* found = arch ? find_syscall(*arch, text) : nullptr;
    if (found != nullptr) {
      call.data.nr = found->number;
      return true;
    }
    const std::string best(nearest(text, syscall_names()));
    return error(fmt::format("no call `{}` on {}", text, arch ? arch_info(*arch).name : "that ABI"),
                 best.empty() || best == text ? "" : "did you mean `" + best + "`?");
  }

  /// The ABI; none for an audit number that is of none.
  Result<std::optional<Arch>> set_arch(const Json& value, PartialCall& call) const {
    if (value.IsString()) {
      const std::string_view name(value.GetString(), value.GetStringLength());
      if (const auto arch = find_arch(name)) {
        call.data.arch = arch_info(*arch).audit;
        return std::optional(*arch);
      }
    }
    const auto audit = number_of(value);
    if (!audit || *audit > 0xffffffff) return error("`arch` is no ABI and no audit number");
    call.data.arch = static_cast<std::uint32_t>(*audit);
    return classify(call.data.arch, 0);
  }

  Result<void> set_arguments(const Json& object, PartialCall& call) const {
    const Json* list = member(object, "args");
    if (list == nullptr || list->IsNull()) return {};
    if (!list->IsArray() || list->Size() > 6) return error("`args` is no list of up to 6");
    for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
      if (!set_argument((*list)[i], call.data.args[i], call.args[i])) {
        return error(
            fmt::format("args[{}] is neither a number nor null, \"not null\", "
                        "{{\"low32\": NUMBER}} or {{\"low16\": NUMBER}}",
                        i));
      }
    }
    return {};
  }

  static bool set_argument(const Json& value, std::uint64_t& word, Known& known) {
    if (value.IsNull()) return true;
    if (value.IsString() && value == "not null") {
      word = 1;
      known = Known::not_null;
      return true;
    }
    if (value.IsObject() && value.MemberCount() == 1) {
      const std::string_view name = value.MemberBegin()->name.GetString();
      const auto part = number_of(value.MemberBegin()->value);
      known = name == "low32" ? Known::low32 : Known::low16;
      word = part.value_or(0);
      return part && (name == "low32" ? word <= 0xffffffff : name == "low16" && word <= 0xffff);
    }
    const auto number = number_of(value);
    word = number.value_or(0);
    known = Known::all;
    return number.has_value();
  }

  Arch arch_;
};

std::string word_text(std::uint64_t word, Known known) {
  switch (known) {
    case Known::all: return fmt::format("\"{:#x}\"", word);
    case Known::low32: return fmt::format("{{\"low32\":\"{:#x}\"}}", word);
    case Known::low16: return fmt::format("{{\"low16\":\"{:#x}\"}}", word);
    case Known::not_null: return "\"not null\"";
    case Known::nothing: break;
  }
  return "null";
}

}  // namespace

Result<std::unique_ptr<TraceReader>> read_json_lines(Input input, const TraceOptions& options) {
  return std::make_unique<JsonLinesReader>(std::move(input), options);
}

}  // namespace callgate::tracing

namespace callgate {

std::string trace_json_line(const PartialCall& call, const TraceEvent& event) {
  const auto arch = classify(call.data.arch, call.data.nr);
  const Syscall* named = arch ? find_syscall(*arch, call.data.nr) : nullptr;
  std::string line = arch ? fmt::format("{{\"arch\":\"{}\"", arch_info(*arch).name)
                          : fmt::format("{{\"arch\":{}", call.data.arch);
  line += fmt::format(",\"nr\":{}", call.data.nr);
  if (named != nullptr) line += fmt::format(",\"call\":\"{}\"", named->name);
  line += ",\"args\":[";
  for (std::size_t i = 0; i < 6; ++i) {
    line += (i > 0 ? "," : "") + tracing::word_text(call.data.args[i], call.args[i]);
  }
  line += "]";
  if (call.instruction_pointer == Known::all) {
    line += fmt::format(",\"ip\":\"{:#x}\"", call.data.instruction_pointer);
  }
  if (event.thread != 0) line += fmt::format(",\"thread\":{}", event.thread);
  if (event.time != 0) line += fmt::format(",\"time\":\"{}\"", event.time);
  if (event.count != 1) line += fmt::format(",\"count\":\"{}\"", event.count);
  return line + "}\n";
}

}  // namespace callgate
