// Verdicts as data: tests/golden/verdicts/*.verdicts. A file holds a policy, a line `---`, and
// rows:
//
//   ABI CALL [ARGUMENT...] [ip=NUMBER] -> ACTION SOURCE
//
// ABI is a name or an audit number; CALL a name or a number; SOURCE is `line N` (of the file),
// `otherwise`, `unknown` or `unlisted`. `#` begins a comment.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "callgate/abi/seccomp_data.h"
#include "callgate/abi/syscalls.h"
#include "callgate/base/file.h"

namespace callgate::test {

struct VerdictRow {
  std::string text;  ///< as it stands in the file
  SeccompData call;
  std::string action;
  std::string source;
};

struct VerdictFile {
  std::string policy;
  std::vector<VerdictRow> rows;
  std::vector<std::string> bad_rows;  ///< that could not be read
};

inline bool read_verdict_row(const std::string& line, VerdictRow& row) {
  std::istringstream words(line);
  std::string abi, call, word;
  if (!(words >> abi >> call)) return false;
  row.text = line;
  const auto number = [](const std::string& text) {
    return std::strtoull(text.c_str(), nullptr, 0);
  };
  const std::optional<Arch> arch = find_arch(abi);
  row.call.arch = arch ? arch_info(*arch).audit : static_cast<std::uint32_t>(number(abi));
  const Syscall* named = arch ? find_syscall(*arch, std::string_view(call)) : nullptr;
  const bool is_number = call.find_first_not_of("0123456789abcdefx") == std::string::npos &&
                         call.find_first_of("0123456789") == 0;
  if (named == nullptr && !is_number) return false;
  row.call.nr = named != nullptr ? named->number : static_cast<std::uint32_t>(number(call));
  for (std::size_t index = 0; words >> word && word != "->";) {
    if (word.starts_with("ip="))
      row.call.instruction_pointer = number(word.substr(3));
    else if (index < 6)
      row.call.args[index++] = number(word);
    else
      return false;
  }
  if (word != "->" || !(words >> row.action >> row.source)) return false;
  if (row.source == "line" && words >> word) row.source += " " + word;
  return true;
}

inline VerdictFile read_verdict_file(const std::string& path) {
  VerdictFile out;
  const auto text = read_file(path);
  if (!text) return out;
  std::istringstream lines(*text);
  bool in_rows = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "---") {
      in_rows = true;
    } else if (!in_rows) {
      out.policy += line + "\n";
    } else if (const auto end = line.find('#'); !line.substr(0, end).empty()) {
      VerdictRow row;
      read_verdict_row(line.substr(0, end), row) ? out.rows.push_back(row)
                                                 : out.bad_rows.push_back(line);
    }
  }
  return out;
}

/// Every file of verdicts, sorted by name.
inline std::vector<std::string> verdict_files() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(CALLGATE_SOURCE_DIR) / "tests/golden/verdicts"))
    if (entry.path().extension() == ".verdicts") paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace callgate::test
