#include "supervise/escape.h"

namespace callgate::supervise {
namespace {

constexpr std::size_t most_bytes = 256;
constexpr const char* digits = "0123456789abcdef";

void append_escaped(std::string& out, char raw) {
  const auto byte = static_cast<unsigned char>(raw);
  switch (raw) {
    case '\n': out += "\\n"; return;
    case '\t': out += "\\t"; return;
    case '\r': out += "\\r"; return;
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    default: break;
  }
  if (byte >= 0x20 && byte < 0x7f) {
    out += raw;
  } else {
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  for (const char raw : text) append_escaped(out, raw);
  return out;
}

std::string quote(std::string_view text) {
  return '"' + escape(text.substr(0, most_bytes)) + '"' + (text.size() > most_bytes ? "..." : "");
}

}  // namespace callgate::supervise
