// A file that is part of the program: cmake/embed_texts.cmake makes arrays of them.
#pragma once

#include <string_view>

namespace callgate {

struct EmbeddedText {
  std::string_view name;
  std::string_view text;
  std::string_view sha256;  ///< of the text, 64 hexadecimal digits
};

}  // namespace callgate
