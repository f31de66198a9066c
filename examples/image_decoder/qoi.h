// The Quite OK Image format (https://qoiformat.org/qoi-specification.pdf).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

struct ImageSize {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

/// Decodes to 8-bit RGBA, 4 bytes a pixel, rows from the top; nullptr on success, else what is
/// wrong. Makes no system call and takes no memory: it may run in strict mode.
const char* decode_qoi(std::span<const std::uint8_t> file, std::span<std::uint8_t> pixels,
                       ImageSize& size);
