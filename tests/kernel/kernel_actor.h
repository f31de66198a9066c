// The side of a history that runs on the real kernel: processes and threads ("actors") that make
// the system calls they are told to make, and nothing else but read, write, exit and sigreturn, so
// that an actor goes on to take orders in strict mode and under any filter that spares these.
//
// Orders lie in memory that everyone shares, at a fixed address; a byte in a thread's own pipe says
// that there is one, and a Reply in a pipe common to all answers it. Every process is a child of
// the test (CLONE_PARENT), so that the test sees how it ends.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "callgate/bpf/program.h"

namespace callgate::test {

inline constexpr unsigned max_actors = 8;
inline constexpr std::uint32_t audit_x86_64 = 0xc000003e;
inline constexpr std::uint32_t audit_i386 = 0x40000003;

/// What an actor is to do.
struct Order {
  enum class Kind : std::uint32_t { call64, call32, clone_thread, fork, execve, sigsys };
  Kind kind = Kind::call64;
  std::uint32_t child = 0;  ///< slot of the new thread or process
  std::uint64_t nr = 0;
  std::array<std::uint64_t, 6> args{};
};

/// How SIGSYS arrived, if it did.
struct SeenSigsys {
  std::int32_t seen = 0;
  std::int32_t code = 0;
  std::int32_t errno_value = 0;
  std::int32_t nr = 0;
  std::uint32_t arch = 0;
};

struct Reply {
  std::uint32_t slot = 0;
  std::uint32_t padding = 0;
  std::int64_t value = 0;
  SeenSigsys sigsys;
};

/// struct sock_fprog.
struct UserProgram {
  std::uint16_t length = 0;
  std::uint64_t filter = 0;
};

/// Scratch memory of one order: what its pointers point to.
struct Scratch {
  UserProgram program;
  std::uint32_t action = 0;
  std::array<std::uint32_t, 2> capability_header{};
  std::array<std::uint32_t, 6> capability_data{};
  std::array<std::uint64_t, 16> buffer{};
};

/// What actors and test share, each actor with scratch memory of its own.
struct SharedMemory {
  std::array<Order, max_actors> orders;
  std::array<Scratch, max_actors> scratch;
  SeenSigsys sigsys;
};

/// Puts a slot's instructions where reading past them fails; returns their address.
std::uint64_t place_code(unsigned slot, const std::vector<Instruction>& program);

/// The test's hold on the actors of one history at a time.
class Stage {
 public:
  Stage();
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  [[nodiscard]] SharedMemory& memory() noexcept { return *memory_; }
  /// Starts a first actor in slot 0; its process id.
  int start();
  /// Gives an order without waiting.
  void order(unsigned slot, const Order& order);
  /// Takes a reply, waiting for at most that long.
  std::optional<Reply> reply(int milliseconds);
  /// Takes away what a broken history left in the pipes.
  void drain();

 private:
  SharedMemory* memory_ = nullptr;
  std::array<int, max_actors> to_actor_{};
  int from_actors_ = -1;
};

/// True if the thread is gone or a zombie.
bool thread_is_gone(int process, int thread);
/// The wait status of a process that has ended; none if it lives.
std::optional<int> try_wait(int process);
/// True if the thread sleeps in that system call.
bool sleeps_in(int process, int thread, std::uint64_t nr);
/// A number of /proc/PID/task/TID/status, -1 if it is not there.
long status_field(int process, int thread, const std::string& name, int base = 10);

}  // namespace callgate::test
