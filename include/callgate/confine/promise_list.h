// Promises in a literal, looked up while the program is compiled.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace callgate {

/// The names of promises() (formats/promises.h), sorted.
inline constexpr std::array<std::string_view, 24> promise_names = {
    "chown",  "cpath",   "dns",   "dpath", "exec",      "fattr",  "flock",  "getpw",
    "id",     "inet",    "mcast", "proc",  "prot_exec", "ps",     "recvfd", "rpath",
    "sendfd", "settime", "stdio", "tty",   "unix",      "unveil", "vminfo", "wpath"};

/// Never defined, never constant: what a wrong literal is reported by.
void there_is_no_such_promise();

/// Promises separated by blanks or commas. A literal with an unknown one does not compile.
class PromiseList {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): confine("stdio inet") is the way to write it.
  consteval PromiseList(const char* literal) : text_(literal) {
    std::string_view rest = text_;
    bool is_empty = true;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of(" \t\n,"), rest.size());
      const std::string_view name = rest.substr(0, end);
      if (!name.empty()) {
        is_empty = false;
        if (std::find(promise_names.begin(), promise_names.end(), name) == promise_names.end())
          there_is_no_such_promise();
      }
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (is_empty) there_is_no_such_promise();
  }
  /// Names known at run time only: confine() reports an unknown one. The text must outlive this.
  [[nodiscard]] static constexpr PromiseList named(std::string_view text) noexcept {
    return PromiseList(text, 0);
  }
  [[nodiscard]] constexpr std::string_view text() const noexcept { return text_; }

 private:
  constexpr PromiseList(std::string_view text, int) noexcept : text_(text) {}
  std::string_view text_;
};

}  // namespace callgate
