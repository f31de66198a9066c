// On x86-64 most code keeps no frame pointer and unwinding by tables takes locks and memory, so the
// stack is searched: a word counts as a return address if it points into code right behind a call
// instruction. That finds every frame that is there; its weakness is that it may also find frames
// of calls that have returned, left in gaps of later ones. On aarch64 compilers keep frame records,
// and those are followed.
//
// What may be read: the regions that were mapped when the table was taken, the growth of the main
// stack, and the stack pointer's own page. So a thread that started later shows the frames within
// one page only. Modules that are unloaded after the table was taken must not be: their code is
// read.
#include "runtime/debug_stack.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include "runtime/debug_registers.h"

namespace callgate::runtime {
namespace {

constexpr std::uintptr_t page = 4096;  // the smallest of any machine
/// The kernel leaves at least this much below the top of the main stack to its growth
/// (mmap_base of mm/util.c and arch/x86/mm/mmap.c, 6.12: MIN_GAP of 128 MiB).
constexpr std::uintptr_t stack_gap = 100u << 20;
constexpr std::size_t most_bytes = 64u << 10;

/// The end of what may be read from the stack pointer on.
std::uintptr_t end_of_stack(const std::vector<Region>& regions, std::uintptr_t sp) noexcept {
  if (const Region* region = find_region(regions, sp)) return region->end;
  for (const Region& region : regions) {
    const bool is_below = sp < region.first && region.end - sp < stack_gap;
    if (region.name == "[stack]" && is_below) return region.end;
  }
  return (sp | (page - 1)) + 1;
}

std::uintptr_t word_at(std::uintptr_t address) noexcept {
  std::uintptr_t word = 0;
  std::memcpy(&word, reinterpret_cast<const void*>(address), sizeof word);
  return word;
}

void add(Frames& frames, std::uintptr_t address) noexcept {
  if (frames.count < frames.addresses.size()) frames.addresses[frames.count++] = address;
}

#if defined(__x86_64__)

/// True for an address behind a call: `call rel32`, or `call r/m64` in one of its lengths.
bool follows_a_call(const Region& code, std::uintptr_t address) noexcept {
  if (address - code.first < 7) return false;
  const auto* end = reinterpret_cast<const unsigned char*>(address);
  if (end[-5] == 0xe8) return true;
  // FF /2: ModRM with reg = 2; `length` is opcode, ModRM and what follows.
  const auto is_indirect = [&](int length) noexcept {
    return end[-length] == 0xff && (end[-length + 1] & 0x38) == 0x10;
  };
  return is_indirect(2) || is_indirect(3) || is_indirect(4) || is_indirect(6) || is_indirect(7);
}

void find_frames(const std::vector<Region>& regions, const ucontext_t& context,
                 Frames& frames) noexcept {
  const std::uintptr_t sp = stack_pointer(context) & ~(sizeof(void*) - 1);
  const std::uintptr_t end = std::min(end_of_stack(regions, sp), sp + most_bytes);
  for (std::uintptr_t at = sp; at + sizeof(void*) <= end; at += sizeof(void*)) {
    const std::uintptr_t word = word_at(at);
    const Region* region = find_region(regions, word);
    if (region != nullptr && region->is_code && follows_a_call(*region, word)) add(frames, word);
  }
}

#elif defined(__aarch64__)

void find_frames(const std::vector<Region>& regions, const ucontext_t& context,
                 Frames& frames) noexcept {
  const std::uintptr_t sp = stack_pointer(context);
  const std::uintptr_t end = end_of_stack(regions, sp);
  add(frames, context.uc_mcontext.regs[30]);
  std::uintptr_t record = context.uc_mcontext.regs[29];
  std::uintptr_t floor = sp;
  while (record >= floor && record % sizeof(void*) == 0 && record + 2 * sizeof(void*) <= end) {
    const std::uintptr_t back = word_at(record + sizeof(void*));
    if (back == 0) break;
    if (frames.count == 0 || frames.addresses[frames.count - 1] != back) add(frames, back);
    floor = record + 1;
    record = word_at(record);
  }
}

#else

void find_frames(const std::vector<Region>&, const ucontext_t&, Frames&) noexcept {}

#endif

}  // namespace

std::vector<Region> mapped_regions() {
  std::vector<Region> regions;
  const std::unique_ptr<FILE, int (*)(FILE*)> maps(std::fopen("/proc/self/maps", "re"),
                                                   &std::fclose);
  if (!maps) return regions;
  std::array<char, 4600> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), maps.get()) != nullptr) {
    unsigned long first = 0;
    unsigned long end = 0;
    unsigned long offset = 0;
    std::array<char, 5> mode{};
    int name = 0;
    if (std::sscanf(line.data(), "%lx-%lx %4s %lx %*s %*s %n", &first, &end, mode.data(), &offset,
                    &name) != 4)
      continue;
    Region region{.first = first, .end = end, .file_offset = offset};
    region.is_code = mode[0] == 'r' && mode[2] == 'x';
    region.name = line.data() + name;
    if (!region.name.empty() && region.name.back() == '\n') region.name.pop_back();
    if (mode[0] == 'r') regions.push_back(std::move(region));
  }
  return regions;
}

const Region* find_region(const std::vector<Region>& regions, std::uintptr_t address) noexcept {
  const auto after = std::upper_bound(
      regions.begin(), regions.end(), address,
      [](std::uintptr_t value, const Region& region) noexcept { return value < region.first; });
  if (after == regions.begin()) return nullptr;
  const Region& region = *std::prev(after);
  return address < region.end ? &region : nullptr;
}

Frames stack_frames(const std::vector<Region>& regions, const ucontext_t& context) noexcept {
  Frames frames;
  find_frames(regions, context, frames);
  return frames;
}

}  // namespace callgate::runtime
