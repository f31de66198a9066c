// What the judge's own processes tell one another, one message a packet.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "callgate/judge/judge.h"

namespace callgate::judging {

struct Message {
  enum class Kind : std::uint8_t {
    init,         ///< number: the process id of the program's init, seen from outside
    measure,      ///< name, how, why: isolation that was tried
    program,      ///< number: the program's process id; it waits for an answer
    closed,       ///< the policy is in force
    denial,       ///< number: JudgedDenial::Kind; name, how, why: call, text, rule
    ended,        ///< number: wait status of the program; cpu and peak of all
    not_started,  ///< number: errno of execve
    failed,       ///< how: why the judge cannot go on
  };
  Kind kind = Kind::failed;
  std::int64_t number = 0;
  std::int64_t cpu_us = 0;
  std::int64_t peak_memory = 0;
  std::string name;
  std::string how;
  std::string why;
};

/// One packet of a SOCK_SEQPACKET socket; long texts are cut. False if nobody is there to read it.
bool send_message(int channel, const Message& message);
/// The next message; none at the end, or (where the descriptor does not block) if there is none
/// yet.
[[nodiscard]] std::optional<Message> receive_message(int channel, bool& ended);

}  // namespace callgate::judging
