// Which file an include means. Links are followed before the root is compared, so none leads out of
// it; who can write inside the root while it is read can still swap a file for a link.
#include <algorithm>
#include <filesystem>

#include "callgate/base/file.h"
#include "formats/text_reading.h"

namespace callgate::formats {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_depth = 16;
constexpr std::size_t max_files = 1000;

/// An absolute path without links and `..`, or an empty one.
fs::path real_path(const fs::path& path) {
  std::error_code failed;
  fs::path real = fs::canonical(path, failed);
  return failed ? fs::path() : real;
}

bool is_inside(const fs::path& path, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

std::string chain_text(const Reading& reading, std::size_t from, const std::string& last) {
  std::string text;
  for (std::size_t i = from; i < reading.open.size(); ++i) text += reading.open[i].shown + " -> ";
  return text + last;
}

Result<OpenFile> locate(const Reading& reading, const std::string& name) {
  if (reading.root.empty())
    return fail("this text includes nothing: there is no folder to find files in",
                "only a policy that is read from a file includes others");
  const fs::path relative(name);
  if (name.empty() || relative.is_absolute())
    return fail("`" + name + "` is no relative path",
                "an include is relative to the file that it stands in");
  if (name.find('\0') != std::string::npos) return fail("a NUL byte in a path");
  const fs::path found = fs::path(reading.open.back().folder) / relative;
  OpenFile file{.shown = found.lexically_normal().string(),
                .folder = found.lexically_normal().parent_path().string()};
  const fs::path real = real_path(found);
  // The error of a file that is not there comes from reading it, unless it is outside anyway.
  const fs::path compared = real.empty() ? fs::weakly_canonical(fs::absolute(found)) : real;
  if (!is_inside(compared, reading.root))
    return fail("`" + name + "` leads out of " + reading.root,
                "includes stay in the folder of the first file, or in --include-root");
  file.real = compared.string();
  return file;
}

}  // namespace

void allow_includes(Reading& reading, const std::string& file, const IncludeRoot& root) {
  const bool is_file = !file.empty() && file != "-";
  const fs::path parent = fs::path(file).parent_path();
  const fs::path own = !is_file ? fs::path(root.folder) : parent.empty() ? fs::path(".") : parent;
  if (!is_file && root.folder.empty()) return;
  reading.root = real_path(root.folder.empty() ? own : fs::path(root.folder)).string();
  reading.open.push_back({.shown = file,
                          .folder = is_file ? parent.string() : own.string(),
                          .real = is_file ? real_path(file).string() : std::string()});
}

Result<SourceText*> open_include(Reading& reading, const std::string& name, Place included_at) {
  CALLGATE_TRY(OpenFile file, locate(reading, name));
  const auto twin = std::ranges::find(reading.open, file.real, &OpenFile::real);
  if (twin != reading.open.end()) {
    const auto from = static_cast<std::size_t>(twin - reading.open.begin());
    return fail("the file includes itself: " + chain_text(reading, from, file.shown),
                "put what both need into a third file");
  }
  if (reading.open.size() >= max_depth)
    return fail("includes nest deeper than " + std::to_string(max_depth) +
                " files: " + chain_text(reading, 0, file.shown));
  if (reading.texts.size() >= max_files)
    return fail("more than " + std::to_string(max_files) + " files are included");
  std::size_t bytes = 0;
  for (const SourceText& text : reading.texts) bytes += text.text.size();
  auto content = read_file(file.real);
  if (!content) {
    Error error = std::move(content).error();
    return fail("`" + name + "` cannot be included: " + error.diagnostics.front().message);
  }
  if (bytes + content->size() > max_input_bytes)
    return fail("the policy, with what it includes, has at most 16 MiB");
  reading.texts.push_back({file.shown, std::move(*content), std::move(included_at)});
  reading.open.push_back(std::move(file));
  return &reading.texts.back();
}

}  // namespace callgate::formats
