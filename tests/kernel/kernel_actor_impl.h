// Implementation of kernel_actor.h; included by the one program that uses it.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "kernel_actor.h"

namespace callgate::test {
namespace {

constexpr std::uintptr_t memory_address = 0x1000000000;
constexpr std::size_t page = 4096;
constexpr std::size_t state_size = (sizeof(SharedMemory) + page - 1) / page * page;
constexpr std::size_t code_size = max_instructions * sizeof(Instruction);
constexpr std::size_t memory_size = state_size + max_actors * (code_size + page);
// Descriptors survive fork and exec under fixed numbers.
constexpr int memory_fd = 100;
constexpr int reply_fd = 101;
constexpr int order_fd = 110;
constexpr char actor_flag[] = "--callgate-actor";

std::array<std::array<char, 32768>, max_actors> stacks;

SharedMemory& shared() { return *reinterpret_cast<SharedMemory*>(memory_address); }

long call64(std::uint64_t nr, const std::array<std::uint64_t, 6>& args) {
  auto result = static_cast<long>(nr);
  register std::uint64_t r10 asm("r10") = args[3];
  register std::uint64_t r8 asm("r8") = args[4];
  register std::uint64_t r9 asm("r9") = args[5];
  asm volatile("syscall"
               : "+a"(result)
               : "D"(args[0]), "S"(args[1]), "d"(args[2]), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

long call32(std::uint64_t nr, const std::array<std::uint64_t, 6>& args) {
  auto result = static_cast<long>(nr);
  asm volatile("int $0x80"
               : "+a"(result)
               : "b"(args[0]), "c"(args[1]), "d"(args[2]), "S"(args[3]), "D"(args[4])
               : "r8", "r9", "r10", "r11", "memory");
  return static_cast<std::int32_t>(result);
}

[[noreturn]] void serve(unsigned slot);

int thread_main(void* slot) {
  serve(static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(slot)));
}

void on_sigsys(int, siginfo_t* info, void*) {
  shared().sigsys = {1, info->si_code, info->si_errno, info->si_syscall, info->si_arch};
}
void on_interrupt(int) {}

/// 0: default, 1: ignored, 2: handled.
void set_sigsys(std::uint64_t action) {
  struct sigaction act {};
  if (action == 1) act.sa_handler = SIG_IGN;
  if (action == 2) {
    act.sa_sigaction = on_sigsys;
    act.sa_flags = SA_SIGINFO;
  }
  sigaction(SIGSYS, &act, nullptr);
}

long clone_thread(unsigned child) {
  constexpr int flags =
      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  char* top = stacks[child].data() + stacks[child].size();
  const int tid = ::clone(thread_main, top, flags, reinterpret_cast<void*>(std::uintptr_t{child}));
  return tid < 0 ? -errno : tid;
}

/// A filter may make clone(2) return 0 where it made no child: only a child finds its id.
long fork_actor(unsigned child) {
  static volatile pid_t child_id;
  child_id = 0;
  const auto at = reinterpret_cast<std::uint64_t>(&child_id);
  const long pid = call64(SYS_clone, {CLONE_PARENT | CLONE_CHILD_SETTID | SIGCHLD, 0, 0, at, 0, 0});
  if (child_id != 0) {
    child_id = 0;
    serve(child);
  }
  return pid;
}

long execve_actor(unsigned slot) {
  char digit[2] = {static_cast<char>('0' + slot), 0};
  char name[] = "actor";
  char flag[sizeof actor_flag];
  std::memcpy(flag, actor_flag, sizeof actor_flag);
  char* argv[] = {name, flag, digit, nullptr};
  char* envp[] = {nullptr};
  return call64(SYS_execve, {reinterpret_cast<std::uint64_t>("/proc/thread-self/exe"),
                             reinterpret_cast<std::uint64_t>(argv),
                             reinterpret_cast<std::uint64_t>(envp), 0, 0, 0});
}

long carry_out(const Order& order, unsigned slot) {
  switch (order.kind) {
    case Order::Kind::call64: return call64(order.nr, order.args);
    case Order::Kind::call32: return call32(order.nr, order.args);
    case Order::Kind::clone_thread: return clone_thread(order.child);
    case Order::Kind::fork: return fork_actor(order.child);
    case Order::Kind::execve: return execve_actor(slot);
    case Order::Kind::sigsys: set_sigsys(order.args[0]); return 0;
  }
  return 0;
}

void answer(unsigned slot, long value) {
  const Reply reply{.slot = slot, .value = value, .sigsys = shared().sigsys};
  call64(SYS_write, {reply_fd, reinterpret_cast<std::uint64_t>(&reply), sizeof reply, 0, 0, 0});
}

void serve(unsigned slot) {
  for (;;) {
    char byte = 0;
    const long got = call64(SYS_read, {static_cast<std::uint64_t>(order_fd) + slot,
                                       reinterpret_cast<std::uint64_t>(&byte), 1, 0, 0, 0});
    if (got == -EINTR) continue;
    if (got != 1) break;
    const Order order = shared().orders[slot];
    answer(slot, carry_out(order, slot));
  }
  for (;;) call64(SYS_exit, {99, 0, 0, 0, 0, 0});
}

std::uintptr_t code_end(unsigned slot) {
  return memory_address + state_size + slot * (code_size + page) + code_size;
}

void map_memory() {
  void* at = reinterpret_cast<void*>(memory_address);
  if (mmap(at, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, memory_fd,
           0) == MAP_FAILED)
    throw std::runtime_error("cannot map the shared memory");
  for (unsigned slot = 0; slot < max_actors; ++slot) {
    if (mprotect(reinterpret_cast<void*>(code_end(slot)), page, PROT_NONE) != 0)
      throw std::runtime_error("cannot protect the shared memory");
  }
}

void catch_interrupts() {
  struct sigaction act {};
  act.sa_handler = on_interrupt;
  sigaction(SIGUSR1, &act, nullptr);
}

/// After execve this program is an actor again, before anything else of it runs.
__attribute__((constructor)) void become_actor(int argc, char** argv, char**) {
  if (argc != 3 || std::strcmp(argv[1], actor_flag) != 0) return;
  map_memory();
  catch_interrupts();
  const auto slot = static_cast<unsigned>(argv[2][0] - '0');
  answer(slot, 0);
  serve(slot);
}

}  // namespace

std::uint64_t place_code(unsigned slot, const std::vector<Instruction>& program) {
  const std::size_t bytes = program.size() * sizeof(Instruction);
  const std::uintptr_t at = code_end(slot) - bytes;
  std::memcpy(reinterpret_cast<void*>(at), program.data(), bytes);
  return at;
}

Stage::Stage() {
  const int fd = memfd_create("callgate actors", 0);
  if (fd < 0 || ftruncate(fd, memory_size) != 0 || dup2(fd, memory_fd) < 0)
    throw std::runtime_error("cannot make the shared memory");
  close(fd);
  map_memory();
  memory_ = &shared();
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("cannot make a pipe");
  from_actors_ = ends[0];
  dup2(ends[1], reply_fd);
  close(ends[1]);
  for (unsigned slot = 0; slot < max_actors; ++slot) {
    if (pipe(ends) != 0) throw std::runtime_error("cannot make a pipe");
    dup2(ends[0], order_fd + static_cast<int>(slot));
    close(ends[0]);
    to_actor_[slot] = ends[1];
  }
}

Stage::~Stage() {
  for (const int fd : to_actor_) close(fd);
  for (unsigned slot = 0; slot < max_actors; ++slot) close(order_fd + static_cast<int>(slot));
  close(from_actors_);
  close(reply_fd);
  close(memory_fd);
  munmap(memory_, memory_size);
}

int Stage::start() {
  const int pid = fork();
  if (pid != 0) return pid;
  for (const int fd : to_actor_) close(fd);
  close(from_actors_);
  catch_interrupts();
  serve(0);
}

void Stage::order(unsigned slot, const Order& order) {
  memory_->orders[slot] = order;
  memory_->sigsys = {};
  const char byte = 1;
  if (write(to_actor_[slot], &byte, 1) != 1) throw std::runtime_error("cannot give an order");
}

std::optional<Reply> Stage::reply(int milliseconds) {
  pollfd wait{.fd = from_actors_, .events = POLLIN, .revents = 0};
  if (poll(&wait, 1, milliseconds) <= 0) return std::nullopt;
  Reply reply;
  if (read(from_actors_, &reply, sizeof reply) != static_cast<ssize_t>(sizeof reply))
    throw std::runtime_error("a broken reply");
  return reply;
}

void Stage::drain() {
  while (reply(0)) {
  }
  for (unsigned slot = 0; slot < max_actors; ++slot) {
    pollfd wait{.fd = order_fd + static_cast<int>(slot), .events = POLLIN, .revents = 0};
    char byte = 0;
    while (poll(&wait, 1, 0) > 0 && read(wait.fd, &byte, 1) == 1) {
    }
  }
}

namespace {

std::string read_task_file(int process, int thread, const char* name) {
  std::array<char, 96> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/%s", process, thread, name);
  const int fd = open(path.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text(4096, '\0');
  const ssize_t got = read(fd, text.data(), text.size());
  close(fd);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace

bool thread_is_gone(int process, int thread) {
  if (process != thread) return syscall(SYS_tgkill, process, thread, 0) != 0 && errno == ESRCH;
  const std::string stat = read_task_file(process, thread, "stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return true;
  return stat[name_end + 2] == 'Z' || stat[name_end + 2] == 'X';
}

std::optional<int> try_wait(int process) {
  int status = 0;
  if (waitpid(process, &status, WNOHANG | __WALL) != process) return std::nullopt;
  return status;
}

bool sleeps_in(int process, int thread, std::uint64_t nr) {
  const std::string text = read_task_file(process, thread, "syscall");
  if (text.empty() || text[0] == 'r') return false;
  return static_cast<std::int32_t>(std::strtol(text.c_str(), nullptr, 10)) ==
         static_cast<std::int32_t>(nr);
}

long status_field(int process, int thread, const std::string& name, int base) {
  const std::string text = read_task_file(process, thread, "status");
  const std::size_t at = text.find("\n" + name + ":");
  return at == std::string::npos ? -1
                                 : std::strtol(text.c_str() + at + name.size() + 2, nullptr, base);
}

}  // namespace callgate::test
