// The two-line form: a process that keeps what it needs and gives up the rest.
//   g++ -std=c++20 confine.cpp $(pkg-config --cflags --libs callgate)
#include <callgate/callgate.hpp>
#include <cstdio>

int main() {
  std::FILE* config = std::fopen("/etc/hostname", "r");
  callgate::confine("stdio inet dns").or_die();  // everything after runs confined
  char name[64] = "";
  if (config != nullptr && std::fgets(name, sizeof name, config) != nullptr)
    std::printf("%s", name);
  if (std::fopen("/tmp/new", "w") == nullptr) std::perror("/tmp/new");
}
