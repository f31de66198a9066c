#include "supervise/listener.h"

#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace callgate::supervise {
namespace {

// SECCOMP_IOCTL_NOTIF_SET_FLAGS and its flag (6.6), which older headers lack.
constexpr unsigned long ioctl_set_flags = _IOW('!', 4, __u64);
constexpr unsigned long sync_wake_up = 1;

}  // namespace

Listener::Listener(UniqueFd descriptor) : descriptor_(std::move(descriptor)) {
  seccomp_notif_sizes sizes{};
  ::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
  request_.resize(std::max<std::size_t>(sizes.seccomp_notif, sizeof(seccomp_notif)));
  response_.resize(std::max<std::size_t>(sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp)));
  // Faster answers where the kernel has it; nothing depends on it.
  ::ioctl(descriptor_.get(), ioctl_set_flags, sync_wake_up);
}

std::optional<Notification> Listener::receive() {
  std::fill(request_.begin(), request_.end(), '\0');
  if (::ioctl(descriptor_.get(), SECCOMP_IOCTL_NOTIF_RECV, request_.data()) < 0) {
    return std::nullopt;
  }
  seccomp_notif raw;
  std::memcpy(&raw, request_.data(), sizeof raw);
  Notification notification;
  notification.id = raw.id;
  notification.thread = static_cast<int>(raw.pid);
  notification.data.nr = static_cast<std::uint32_t>(raw.data.nr);
  notification.data.arch = raw.data.arch;
  notification.data.instruction_pointer = raw.data.instruction_pointer;
  std::copy(std::begin(raw.data.args), std::end(raw.data.args), notification.data.args.begin());
  return notification;
}

bool Listener::reply(std::uint64_t id, const Reply& reply) noexcept {
  std::fill(response_.begin(), response_.end(), '\0');
  seccomp_notif_resp raw{};
  raw.id = id;
  raw.error = -reply.error;
  raw.flags = reply.go_on ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
  std::memcpy(response_.data(), &raw, sizeof raw);
  return ::ioctl(descriptor_.get(), SECCOMP_IOCTL_NOTIF_SEND, response_.data()) == 0;
}

bool Listener::waits(std::uint64_t id) noexcept {
  return ::ioctl(descriptor_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

}  // namespace callgate::supervise
