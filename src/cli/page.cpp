// The parts of a page are files of src/cli/page, embedded by cmake/embed_texts.cmake. Its policy
// for content lets the browser run these scripts by their hashes, and load nothing.
#include "cli/page.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <vector>

#include "callgate/abi/constants.h"
#include "cli/page_texts.h"
#include "cli/program_json.h"

namespace callgate::cli {
namespace {

constexpr std::string_view start_script = "page.js";

const EmbeddedText& part(std::string_view name) {
  for (const EmbeddedText& each : page_texts)
    if (each.name == name) return each;
  return page_texts.front();
}

/// The scripts, the one that starts the page last.
std::vector<const EmbeddedText*> scripts() {
  std::vector<const EmbeddedText*> all;
  for (const EmbeddedText& each : page_texts)
    if (each.name.ends_with(".js") && each.name != start_script) all.push_back(&each);
  all.push_back(&part(start_script));
  return all;
}

unsigned hex_digit(char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); }

/// A source of a Content-Security-Policy: 'sha256-' and the digest in base64 (RFC 4648).
std::string hash_source(const EmbeddedText& text) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded;
  // Three hexadecimal digits are two of base64; 64 of them leave one over.
  for (std::size_t i = 0; i < text.sha256.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t k = i; k < i + 3; ++k)
      bits = bits << 4 | (k < text.sha256.size() ? hex_digit(text.sha256[k]) : 0);
    encoded += digits[bits >> 6];
    if (i + 2 < text.sha256.size()) encoded += digits[bits & 63];
  }
  return "'sha256-" + encoded + "='";
}

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

/// JSON that cannot end the script element around it, nor begin a comment there: in JSON, < stands
/// in strings only.
std::string escape_json(std::string_view json) {
  std::string escaped;
  for (const char c : json) {
    if (c == '<')
      escaped += "\\u003c";
    else
      escaped += c;
  }
  return escaped;
}

/// The template with a value for each @NAME@; values are not looked into again.
std::string fill(std::string_view text, const std::map<std::string_view, std::string>& values) {
  std::string filled;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t mark = text.find('@', at);
    if (mark == std::string_view::npos) return filled.append(text.substr(at));
    const std::size_t end = text.find('@', mark + 1);
    filled.append(text.substr(at, mark - at));
    filled += values.at(text.substr(mark + 1, end - mark - 1));
    at = end + 1;
  }
  return filled;
}

/// Writes the names; equal parameter lists and sets of constants are written once.
class NamesWriter {
 public:
  std::string write(const Survey& survey) {
    std::map<Arch, std::map<std::uint32_t, std::size_t>> calls;
    for (const Arch arch : survey.arches) calls[arch];
    for (const CallDecision& each : survey.calls)
      if (each.arch && each.call != nullptr && each.cases.size() > 1 && each.call->signature_known)
        calls[*each.arch][each.call->number] = signature(*each.arch, *each.call);
    std::string text = "{\"abis\":{";
    for (const auto& [arch, numbers] : calls) {
      if (text.back() != '{') text += ',';
      text += abi(arch, numbers);
    }
    return text + "},\"signatures\":" + list(signatures_) + ",\"sets\":" + list(sets_) + "}";
  }

 private:
  using CompactWriter = rapidjson::Writer<rapidjson::StringBuffer>;

  static void key(CompactWriter& writer, std::string_view name) {
    writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  }
  static void string(CompactWriter& writer, std::string_view text) {
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }

  static std::string abi(Arch arch, const std::map<std::uint32_t, std::size_t>& calls) {
    const ArchInfo& info = arch_info(arch);
    std::string text = fmt::format("\"{}\":{{\"audit\":{},\"word_bits\":{},\"calls\":{{", info.name,
                                   info.audit, info.word_bits);
    for (const auto& [number, index] : calls)
      text += fmt::format("{}\"{}\":{}", text.back() == '{' ? "" : ",", number, index);
    text += "},\"errnos\":{";
    for (const auto& [number, name] : errnos(arch))
      text += fmt::format("{}\"{}\":\"{}\"", text.back() == '{' ? "" : ",", number, name);
    return text + "}}";
  }

  /// The ABI's own numbers of errors.
  static std::map<std::uint16_t, std::string_view> errnos(Arch arch) {
    std::map<std::uint16_t, std::string_view> all;
    for (const Constant& constant : errno_constants()) {
      const std::uint16_t number = errno_on(arch, static_cast<std::uint16_t>(constant.value));
      all[number] = errno_name(arch, number);
    }
    return all;
  }

  static std::string list(const std::vector<std::string>& items) {
    std::string text = "[";
    for (const std::string& item : items) text += (text.size() > 1 ? ",\n" : "\n") + item;
    return text + "]";
  }

  static std::size_t index_of(std::vector<std::string>& items, std::string item) {
    for (std::size_t i = 0; i < items.size(); ++i)
      if (items[i] == item) return i;
    items.push_back(std::move(item));
    return items.size() - 1;
  }

  std::size_t signature(Arch arch, const Syscall& call) {
    constexpr std::array placements = {"word", "word_pair", "memory", "unknown"};
    rapidjson::StringBuffer buffer;
    CompactWriter writer(buffer);
    writer.StartArray();
    for (const Parameter& parameter : call.parameters) {
      writer.StartObject();
      key(writer, "name");
      string(writer, parameter.name);
      key(writer, "placement");
      writer.String(placements[static_cast<std::size_t>(parameter.placement)]);
      for (const auto& [name, value] :
           {std::pair("low", parameter.low), {"high", parameter.high}, {"bits", parameter.bits}}) {
        writer.Key(name);
        writer.Uint(value);
      }
      if (parameter.constants != nullptr) {
        writer.Key("set");
        writer.Uint64(set(arch, *parameter.constants));
      }
      writer.EndObject();
    }
    writer.EndArray();
    return index_of(signatures_, buffer.GetString());
  }

  std::size_t set(Arch arch, const ConstantSet& constants) {
    rapidjson::StringBuffer buffer;
    CompactWriter writer(buffer);
    writer.StartObject();
    writer.Key("flags");
    writer.Bool(constants.is_flags);
    writer.Key("names");
    writer.StartObject();
    for (const std::string_view name : constant_names(arch, &constants)) {
      key(writer, name);
      string(writer, std::to_string(find_constant(arch, constants, name).value_or(0)));
    }
    writer.EndObject();
    writer.EndObject();
    return index_of(sets_, buffer.GetString());
  }

  std::vector<std::string> signatures_;
  std::vector<std::string> sets_;
};

}  // namespace

bool is_page(std::string_view path) noexcept { return path.ends_with(".html"); }

std::string page(std::string_view verb, std::string_view title, std::string_view json,
                 std::string_view names) {
  std::string elements;
  std::string hashes;
  for (const EmbeddedText* script : scripts()) {
    elements += "<script>" + std::string(script->text) + "</script>\n";
    hashes += (hashes.empty() ? "" : " ") + hash_source(*script);
  }
  const EmbeddedText& style = part("page.css");
  return fill(part("page.html").text, {{"TITLE", escape_html(title)},
                                       {"KIND", escape_html(verb)},
                                       {"STYLE", std::string(style.text)},
                                       {"STYLE_HASH", hash_source(style)},
                                       {"SCRIPTS", elements},
                                       {"SCRIPT_HASHES", hashes},
                                       {"DOCUMENT", escape_json(json)},
                                       {"NAMES", escape_json(names)}});
}

std::string page_names(const Survey& survey) { return NamesWriter().write(survey); }

}  // namespace callgate::cli
