// A key-value server that speaks a part of memcached's protocol and confines itself once it has
// read its configuration and taken its port. README.md says what an intruder in it can still do.
//
//   kv_server [CONFIGURATION]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <latch>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include "callgate/callgate.hpp"
#include "session.h"

namespace cg = callgate;

namespace {

// What the server does once it serves, and nothing else: no file, no new socket, no program, no
// process or thread, no code that was not there at the start.
cg::Policy serving() {
  cg::Policy policy{.name = "kv_server", .abi = cg::linux_6_12, .otherwise = cg::deny(EPERM)};
  policy
      // Connections: taken from the one listening socket, read, answered, closed. With an address
      // sendto would reach other hosts from a datagram socket.
      .on({"@accept", "@epoll_wait", "epoll_ctl", "close"}, cg::allow)
      .on("recvfrom", cg::arg("src_addr") == nullptr, cg::allow)
      .on("sendto", cg::arg("dest_addr") == nullptr, cg::allow)
      // Memory for malloc: anonymous, never executable.
      .on("@mmap", (cg::arg("prot") & PROT_EXEC) == 0 && (cg::arg("flags") & MAP_ANONYMOUS) != 0,
          cg::allow)
      .on("mprotect", (cg::arg("prot") & PROT_EXEC) == 0, cg::allow)
      .on("madvise", cg::arg("advice") == MADV_DONTNEED, cg::allow)
      .on({"munmap", "brk"}, cg::allow)
      // Locks between the threads, the end.
      .on({"@futex", "@exit", "@sigreturn"}, cg::allow);
  return policy;
}

struct Configuration {
  std::string address = "127.0.0.1";
  std::uint16_t port = 11211;
  unsigned threads = 4;
  std::size_t memory = 64;  // MiB
};

[[noreturn]] void fail(const std::string& what) {
  std::cerr << "kv_server: " << what << "\n";
  std::exit(1);
}

[[noreturn]] void fail_errno(const std::string& what) { fail(what + ": " + std::strerror(errno)); }

Configuration read_configuration(const char* path) {
  Configuration configuration;
  std::ifstream file(path);
  if (!file) fail_errno(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string key;
    if (!(words >> key)) continue;
    if (key == "address")
      words >> configuration.address;
    else if (key == "port")
      words >> configuration.port;
    else if (key == "threads")
      words >> configuration.threads;
    else if (key == "memory")
      words >> configuration.memory;
    else
      fail(std::string(path) + ": unknown word: " + key);
    if (!words) fail(std::string(path) + ": bad value of " + key);
  }
  if (configuration.threads < 1 || configuration.threads > 256) fail("threads: 1 to 256");
  return configuration;
}

int listen_on(const Configuration& configuration) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(configuration.port);
  if (::inet_pton(AF_INET, configuration.address.c_str(), &address.sin_addr) != 1)
    fail("not an IPv4 address: " + configuration.address);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, sizeof address) != 0) fail_errno("bind");
  if (::listen(listener, 128) != 0) fail_errno("listen");
  socklen_t length = sizeof address;
  ::getsockname(listener, generic, &length);
  std::cout << "listening on " << configuration.address << ":" << ntohs(address.sin_port) << "\n"
            << std::flush;
  return listener;
}

struct Connection {
  Connection(int connected, Store& store) : fd(connected), session(store) {}
  ~Connection() { ::close(fd); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd;
  Session session;
  std::string out;
  bool closing = false;
};

/// One thread's share of the connections.
class Worker {
 public:
  Worker(int listener, Store& store) : listener_(listener), store_(store) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN | EPOLLEXCLUSIVE, .data = {.ptr = nullptr}};
    if (epoll_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener, &event) != 0)
      fail_errno("epoll");
  }

  [[noreturn]] void serve() {
    epoll_event events[64];
    for (;;) {
      const int count = ::epoll_wait(epoll_, events, 64, -1);
      for (int i = 0; i < count; ++i) {
        auto* const connection = static_cast<Connection*>(events[i].data.ptr);
        if (connection == nullptr)
          accept_one();
        else if (!advance(*connection))
          delete connection;
      }
    }
  }

 private:
  void accept_one() {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    auto connection = std::make_unique<Connection>(fd, store_);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = connection.get()}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) connection.release();
  }

  /// Reads or writes what can be; false where the connection is over.
  bool advance(Connection& connection) {
    if (connection.out.empty()) {
      char bytes[16384];
      const ssize_t got = ::recv(connection.fd, bytes, sizeof bytes, 0);
      if (got < 0) return errno == EAGAIN || errno == EINTR;
      if (got == 0) return false;
      const std::string_view read(bytes, static_cast<std::size_t>(got));
      connection.closing = !connection.session.feed(read, connection.out);
    }
    return flush(connection);
  }

  bool flush(Connection& connection) {
    while (!connection.out.empty()) {
      const std::string& out = connection.out;
      const ssize_t sent = ::send(connection.fd, out.data(), out.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent < 0) return await(connection, EPOLLOUT);
      connection.out.erase(0, static_cast<std::size_t>(sent));
    }
    return !connection.closing && await(connection, EPOLLIN);
  }

  bool await(Connection& connection, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.ptr = &connection}};
    return ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event) == 0;
  }

  int listener_;
  Store& store_;
  int epoll_;
};

/// Only a server that was built for the tests can be run without its policy.
bool is_unconfined([[maybe_unused]] int argc, [[maybe_unused]] char** argv) {
#ifdef EXAMPLE_INTRUDER
  return argc > 2 && std::strcmp(argv[2], "--unconfined") == 0;
#else
  return false;
#endif
}

}  // namespace

int main(int argc, char** argv) {
  const Configuration configuration = read_configuration(argc > 1 ? argv[1] : "kv_server.conf");
  Store store(configuration.memory << 20);
  const int listener = listen_on(configuration);

  // The threads are made first, since none can be made later, and serve once all are confined. They
  // have to be there by then: what the C library does in a new thread is more than serving().
  std::latch started(configuration.threads);
  std::latch confined(1);
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < configuration.threads; ++i)
    threads.emplace_back([&, worker = Worker(listener, store)]() mutable {
      started.count_down();
      confined.wait();
      worker.serve();
    });
  started.wait();
  if (!is_unconfined(argc, argv)) cg::confine(serving()).or_die();
  confined.count_down();
}
