// An image converter whose decoder, the part that reads what strangers made, runs in strict mode: a
// child process that can read, write and end. README.md says what an intruder in it can still do.
//
//   image_decoder IN.qoi OUT.pam
#include <callgate/abi/syscalls.h>
#include <callgate/runtime/strict.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "qoi.h"

#ifdef EXAMPLE_INTRUDER
#include "intruder.h"
#endif

namespace cg = callgate;

namespace {

constexpr std::size_t most_pixels = 16 << 20;
constexpr std::chrono::seconds time_limit{3};

/// What parent and child share: this, then the pixels.
struct Answer {
  ImageSize size;
  char complaint[64];
};

std::span<std::uint8_t> pixels_of(std::span<std::byte> memory) {
  const std::span<std::byte> rest = memory.subspan(sizeof(Answer));
  return {reinterpret_cast<std::uint8_t*>(rest.data()), rest.size()};
}

#ifdef EXAMPLE_INTRUDER
/// An image that begins with "intruder" is a list of orders.
bool intrude(std::string& file, Answer& answer) {
  if (!file.starts_with("intruder\n")) return false;
  char* line = file.data() + 9;
  while (char* const end = std::strchr(line, '\n')) {
    *end = '\0';
    char got[32];
    if (std::strcmp(line, "crash") == 0) *static_cast<volatile char*>(nullptr) = 0;
    while (std::strcmp(line, "loop") == 0) asm volatile("");
    intruder::obey(line, got, sizeof got);
    std::snprintf(answer.complaint, sizeof answer.complaint, "the intruder got %s", got);
    line = end + 1;
  }
  return true;
}
#endif

/// In the child: what it does, it does in strict mode.
void decode(std::string& file, std::span<std::byte> memory) {
  auto& answer = *reinterpret_cast<Answer*>(memory.data());
#ifdef EXAMPLE_INTRUDER
  if (intrude(file, answer)) return;
#endif
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
  if (const char* complaint = decode_qoi(bytes, pixels_of(memory), answer.size))
    std::strcpy(answer.complaint, complaint);
}

/// How the child ended, if not as it should.
std::string trouble(const cg::StrictOutcome& outcome) {
  if (outcome.end == cg::StrictEnd::returned) return "";
  std::string text = "decoder: " + cg::to_string(outcome);
  if (!outcome.call) return text;
  const auto arch = cg::classify(outcome.call->arch, outcome.call->nr);
  const cg::Syscall* const call = arch ? cg::find_syscall(*arch, outcome.call->nr) : nullptr;
  if (call != nullptr) text += " (" + std::string(call->name) + ")";
  return text;
}

/// The child's word is a stranger's: a text with an end, a size that fits.
std::string complaint_of(const Answer& answer) {
  std::string text(answer.complaint, ::strnlen(answer.complaint, sizeof answer.complaint));
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  const std::uint64_t pixels = std::uint64_t{answer.size.width} * answer.size.height;
  if (text.empty() && (pixels == 0 || pixels > most_pixels)) text = "bad size";
  return text;
}

void write_pam(std::ostream& out, ImageSize size, std::span<const std::uint8_t> pixels) {
  out << "P7\nWIDTH " << size.width << "\nHEIGHT " << size.height
      << "\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n";
  out.write(reinterpret_cast<const char*>(pixels.data()),
            static_cast<std::streamsize>(std::size_t{size.width} * size.height * 4));
}

int fail(const std::string& what, const std::string& why) {
  std::cerr << "image_decoder: " << what << ": " << why << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  bool unconfined = false;
#ifdef EXAMPLE_INTRUDER
  unconfined = argc == 4 && std::strcmp(argv[1], "--unconfined") == 0;
  if (unconfined) ++argv, --argc;
#endif
  if (argc != 3) return fail("usage", "image_decoder IN.qoi OUT.pam");
  std::ifstream in(argv[1], std::ios::binary);
  std::string file{std::istreambuf_iterator<char>(in), {}};
  if (!in) return fail(argv[1], "cannot be read");

  auto memory = cg::SharedMemory::make(sizeof(Answer) + most_pixels * 4);
  if (!memory) return fail("memory", memory.error().message());
  if (unconfined) {
    decode(file, memory->bytes());
  } else {
    const auto outcome =
        cg::run_strict(memory->bytes(), [&](std::span<std::byte> bytes) { decode(file, bytes); },
                       {.time_limit = time_limit});
    if (!outcome) return fail("strict mode", outcome.error().message());
    const std::string text = trouble(*outcome);
    if (!text.empty()) return fail(argv[1], text);
  }

  const Answer answer = *reinterpret_cast<const Answer*>(memory->bytes().data());
  const std::string text = complaint_of(answer);
  if (!text.empty()) return fail(argv[1], text);
  std::ofstream out(argv[2], std::ios::binary);
  write_pam(out, answer.size, pixels_of(memory->bytes()));
  return out.flush() ? 0 : fail(argv[2], "cannot be written");
}
