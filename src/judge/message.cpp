#include "judge/message.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace callgate::judging {
namespace {

constexpr std::size_t most_text = 8000;  // of each text

struct Head {
  Message::Kind kind;
  std::int64_t number;
  std::int64_t cpu_us;
  std::int64_t peak_memory;
};

void append(std::string& packet, std::string_view text) {
  packet += text.substr(0, most_text);
  packet += '\0';
}

std::string take(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\0'), rest.size());
  std::string text(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return text;
}

}  // namespace

bool send_message(int channel, const Message& message) {
  const Head head{message.kind, message.number, message.cpu_us, message.peak_memory};
  std::string packet(sizeof head, '\0');
  std::memcpy(packet.data(), &head, sizeof head);
  append(packet, message.name);
  append(packet, message.how);
  append(packet, message.why);
  ssize_t sent = 0;
  do {
    sent = ::send(channel, packet.data(), packet.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(packet.size());
}

std::optional<Message> receive_message(int channel, bool& ended) {
  std::array<char, sizeof(Head) + 3 * (most_text + 1)> packet;
  ssize_t got = 0;
  do {
    got = ::recv(channel, packet.data(), packet.size(), 0);
  } while (got < 0 && errno == EINTR);
  ended = got == 0 || (got < 0 && errno != EAGAIN);
  if (got < static_cast<ssize_t>(sizeof(Head))) return std::nullopt;
  Head head;
  std::memcpy(&head, packet.data(), sizeof head);
  std::string_view rest(packet.data() + sizeof head, static_cast<std::size_t>(got) - sizeof head);
  Message message{head.kind, head.number, head.cpu_us, head.peak_memory, {}, {}, {}};
  message.name = take(rest);
  message.how = take(rest);
  message.why = take(rest);
  return message;
}

}  // namespace callgate::judging
