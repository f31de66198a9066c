#include "cli/trace_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace callgate::cli {

Result<TraceCopy> TraceCopy::create(const std::string& path) {
  TraceCopy copy(path);
  UniqueFd out;
  struct stat status {};
  const bool takes_place =
      path != "-" && (::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode));
  if (path == "-") {
    out.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  } else if (takes_place) {
    copy.made_ = path + ".XXXXXX";
    out.reset(::mkostemp(copy.made_.data(), O_CLOEXEC));
    if (!out.valid()) copy.made_.clear();
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (out.valid()) (void)::fchmod(out.get(), 0666 & ~mask);
  } else {
    out.reset(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  }
  if (!out.valid()) return fail(system_error(path, errno));
  copy.calls_.resize(1);
  if (path.ends_with(".jsonl") || path.ends_with(".json")) {
    copy.out_ = std::move(out);
    return copy;
  }
  CALLGATE_TRY(TraceWriter writer, TraceWriter::create(std::move(out), trace_abis(all_arches)));
  copy.binary_ = std::move(writer);
  return copy;
}

TraceCopy::TraceCopy(TraceCopy&& other) noexcept
    : path_(std::move(other.path_)),
      made_(std::exchange(other.made_, {})),
      out_(std::move(other.out_)),
      binary_(std::exchange(other.binary_, std::nullopt)),
      calls_(std::move(other.calls_)),
      lines_(std::move(other.lines_)) {}

TraceCopy::~TraceCopy() {
  if (!made_.empty()) ::unlink(made_.c_str());
}

Result<void> TraceCopy::take(const TraceBlock& block) {
  if (block.restart) calls_.resize(1);
  calls_.insert(calls_.end(), block.calls.begin(), block.calls.end());
  for (std::size_t i = 0; i < block.ids.size(); ++i) {
    const PartialCall& call = calls_[block.ids[i]];
    TraceEvent event;
    if (!block.threads.empty()) event.thread = block.threads[i];
    if (!block.times.empty()) event.time = block.times[i];
    if (!block.counts.empty()) event.count = block.counts[i];
    if (binary_) {
      CALLGATE_CHECK(binary_->add(call, event));
      continue;
    }
    lines_ += trace_json_line(call, event);
    if (lines_.size() >= std::size_t{1} << 16) CALLGATE_CHECK(write_lines());
  }
  return {};
}

Result<void> TraceCopy::write_lines() {
  for (std::size_t done = 0; done < lines_.size();) {
    const ssize_t wrote = ::write(out_.get(), lines_.data() + done, lines_.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail(system_error(path_, errno));
    done += static_cast<std::size_t>(wrote);
  }
  lines_.clear();
  return {};
}

Result<void> TraceCopy::finish() {
  if (binary_) {
    CALLGATE_CHECK(binary_->finish());
  } else {
    CALLGATE_CHECK(write_lines());
  }
  if (made_.empty()) return {};
  if (::rename(made_.c_str(), path_.c_str()) != 0) return fail(system_error(path_, errno));
  made_.clear();
  return {};
}

}  // namespace callgate::cli
