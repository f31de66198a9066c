// A sink writes whole reports with one write each, so that they do not mix with the program's own
// lines.
#include "callgate/supervise/sink.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace callgate {
namespace {

void write_all(int fd, std::string_view text) {
  while (fd >= 0 && !text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

bool is_pipe(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

class FdSink final : public DenialSink {
 public:
  FdSink(UniqueFd out, bool json) : out_(std::move(out)), json_(json) {}

  void denial(const Denial& denial) override {
    write_all(out_.get(), json_ ? format_denial_json(denial) : format_denial(denial));
  }
  void message(const std::string& text) override {
    write_all(out_.get(), json_ ? format_message_json(text) : "callgate: " + text + "\n");
  }
  void counts(const std::vector<DenialCount>& counts) override {
    write_all(out_.get(), json_ ? format_counts_json(counts) : format_counts(counts));
  }
  void program_ended() override {
    if (is_pipe(out_.get())) out_.reset();
  }

 private:
  UniqueFd out_;
  bool json_;
};

}  // namespace

std::unique_ptr<DenialSink> make_sink(UniqueFd out, bool json) {
  return std::make_unique<FdSink>(std::move(out), json);
}

}  // namespace callgate
