#include "qoi.h"

#include <array>
#include <cstring>

namespace {

using Pixel = std::array<std::uint8_t, 4>;

constexpr std::size_t header_size = 14;

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> file) : rest_(file) {}
  bool has(std::size_t count) const { return rest_.size() >= count; }
  std::uint8_t byte() {
    const std::uint8_t first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }
  std::uint32_t word() {
    std::uint32_t sum = 0;
    for (int i = 0; i < 4; ++i) sum = sum << 8 | byte();
    return sum;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

std::size_t slot(const Pixel& p) { return (p[0] * 3u + p[1] * 5u + p[2] * 7u + p[3] * 11u) % 64; }

void add(std::uint8_t& channel, int difference) {
  channel = static_cast<std::uint8_t>(channel + difference);
}

/// How many bytes follow a tag.
std::size_t following(std::uint8_t tag) {
  if (tag == 0xfe) return 3;
  if (tag == 0xff) return 4;
  return tag >> 6 == 2 ? 1 : 0;
}

/// Changes the pixel as the chunk says; returns how many pixels have that value.
std::size_t chunk(std::uint8_t tag, Reader& reader, Pixel& pixel,
                  const std::array<Pixel, 64>& seen) {
  if (tag >= 0xfe) {
    for (std::size_t i = 0; i < following(tag); ++i) pixel[i] = reader.byte();
    return 1;
  }
  switch (tag >> 6) {
    case 0: pixel = seen[tag]; return 1;
    case 1:
      for (std::size_t i = 0; i < 3; ++i) add(pixel[i], (tag >> (4 - 2 * i) & 3) - 2);
      return 1;
    case 2: {
      const int green = (tag & 63) - 32;
      const std::uint8_t others = reader.byte();
      add(pixel[0], green + (others >> 4) - 8);
      add(pixel[1], green);
      add(pixel[2], green + (others & 15) - 8);
      return 1;
    }
    default: return (tag & 63u) + 1u;
  }
}

}  // namespace

const char* decode_qoi(std::span<const std::uint8_t> file, std::span<std::uint8_t> pixels,
                       ImageSize& size) {
  if (file.size() < header_size || std::memcmp(file.data(), "qoif", 4) != 0) return "no QOI image";
  Reader reader(file.subspan(4));
  size.width = reader.word();
  size.height = reader.word();
  const std::uint8_t channels = reader.byte();
  const std::uint8_t colours = reader.byte();
  if (size.width == 0 || size.height == 0 || channels < 3 || channels > 4 || colours > 1)
    return "bad header";
  const std::uint64_t wanted = std::uint64_t{size.width} * size.height;
  if (wanted > pixels.size() / 4) return "image too large";

  Pixel pixel{0, 0, 0, 255};
  std::array<Pixel, 64> seen{};
  for (std::uint64_t done = 0; done < wanted;) {
    if (!reader.has(1)) return "image ends early";
    const std::uint8_t tag = reader.byte();
    if (!reader.has(following(tag))) return "image ends early";
    const std::size_t run = chunk(tag, reader, pixel, seen);
    seen[slot(pixel)] = pixel;
    for (std::size_t i = 0; i < run && done < wanted; ++i, ++done)
      std::memcpy(pixels.data() + done * 4, pixel.data(), 4);
  }
  return nullptr;
}
