// Readers and capabilities by name.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "callgate/formats/oci.h"

namespace callgate {
namespace {

/// capabilities(7), include/uapi/linux/capability.h of 6.12: by number.
constexpr std::array<std::string_view, 41> capabilities = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

/// The default set of dockerd (oci/caps/defaults.go).
constexpr std::array<std::string_view, 14> docker_defaults = {
    "CAP_CHOWN",      "CAP_DAC_OVERRIDE", "CAP_FOWNER",      "CAP_FSETID",           "CAP_KILL",
    "CAP_SETGID",     "CAP_SETUID",       "CAP_SETPCAP",     "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",
    "CAP_SYS_CHROOT", "CAP_MKNOD",        "CAP_AUDIT_WRITE", "CAP_SETFCAP",
};

std::string full_name(std::string_view word) {
  std::string name;
  for (const char c : word) {
    name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name.starts_with("CAP_") ? name : "CAP_" + name;
}

Result<std::vector<std::string_view>> capability_set(std::string_view word) {
  const auto all = capability_names();
  if (word == "none") return std::vector<std::string_view>{};
  if (word == "all") return std::vector<std::string_view>(all.begin(), all.end());
  if (word == "docker") {
    return std::vector<std::string_view>(docker_defaults.begin(), docker_defaults.end());
  }
  const std::string name = full_name(word);
  const auto found = std::find(all.begin(), all.end(), name);
  if (found != all.end()) return std::vector<std::string_view>{*found};
  const std::string_view near = nearest(name, all);
  return fail(fmt::format("no capability is named \"{}\"", word),
              near.empty() ? "none, all, docker, or names as in capabilities(7)"
                           : fmt::format("did you mean {}?", near));
}

Result<OciRuntime> runtime_of(std::string_view word) {
  if (word == "runc") return OciRuntime::runc;
  if (word == "crun") return OciRuntime::crun;
  return fail(fmt::format("\"{}\" is no runtime whose reading is known", word), "runc or crun");
}

Release default_version(OciRuntime runtime) {
  return runtime == OciRuntime::runc ? Release{1, 1, 5} : Release{1, 8, 1};
}

std::string_view frontend_name(OciFrontend frontend) {
  switch (frontend) {
    case OciFrontend::docker: return "docker";
    case OciFrontend::containerd: return "containerd";
    case OciFrontend::podman: return "podman";
    case OciFrontend::runtime: return "";
  }
  return "";
}

Result<OciReader> names_of(std::string_view text) {
  OciReader reader;
  std::string_view runtime = text;
  const std::size_t plus = text.find('+');
  reader.frontend = OciFrontend::runtime;
  for (const OciFrontend each :
       {OciFrontend::docker, OciFrontend::containerd, OciFrontend::podman}) {
    if (text.substr(0, plus) != frontend_name(each)) continue;
    reader.frontend = each;
    const bool alone = plus == std::string_view::npos;
    runtime = alone ? (each == OciFrontend::podman ? "crun" : "runc") : text.substr(plus + 1);
  }
  if (reader.frontend == OciFrontend::runtime && text != "runc" && text != "crun") {
    return fail(fmt::format("\"{}\" is no reader of OCI profiles", text),
                "docker, containerd, podman, runc or crun; docker+crun; runc@1.1.15");
  }
  CALLGATE_TRY(reader.runtime, runtime_of(runtime));
  reader.version = default_version(reader.runtime);
  return reader;
}

}  // namespace

std::span<const std::string_view> capability_names() noexcept { return capabilities; }
std::span<const std::string_view> docker_capabilities() noexcept { return docker_defaults; }

Result<std::vector<std::string>> parse_capabilities(std::string_view list) {
  std::array<bool, capabilities.size()> present{};
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    CALLGATE_TRY(const auto names, capability_set(list.substr(0, comma)));
    for (std::size_t i = 0; i < capabilities.size(); ++i) {
      present[i] =
          present[i] || std::find(names.begin(), names.end(), capabilities[i]) != names.end();
    }
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  std::vector<std::string> result;
  for (std::size_t i = 0; i < capabilities.size(); ++i) {
    if (present[i]) result.emplace_back(capabilities[i]);
  }
  return result;
}

Result<OciReader> parse_oci_reader(std::string_view text) {
  const std::size_t at = text.find('@');
  CALLGATE_TRY(OciReader reader, names_of(text.substr(0, at)));
  if (at == std::string_view::npos) return reader;
  const std::optional<Release> version = parse_release(text.substr(at + 1));
  if (!version) {
    return fail(fmt::format("\"{}\" is no version", text.substr(at + 1)), "write it as 1.1.5");
  }
  reader.version = *version;
  return reader;
}

std::string to_string(const OciReader& reader) {
  const std::string_view runtime = reader.runtime == OciRuntime::runc ? "runc" : "crun";
  const std::string_view frontend = frontend_name(reader.frontend);
  return fmt::format("{}{}{}@{}.{}.{}", frontend, frontend.empty() ? "" : "+", runtime,
                     reader.version.major, reader.version.minor, reader.version.patch);
}

bool looks_like_oci(std::string_view text) {
  constexpr std::string_view byte_order_mark =
      "\xef\xbb\xbf";  // refused by the reader, with its place
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

OciReader likely_reader(std::string_view json) {
  const auto uses = [&](std::initializer_list<std::string_view> keys) {
    return std::any_of(keys.begin(), keys.end(), [&](std::string_view key) {
      return json.find(key) != std::string_view::npos;
    });
  };
  OciReader reader{.frontend = OciFrontend::runtime};
  if (uses({"\"defaultErrno\"", "\"errno\""})) {
    reader = {OciFrontend::podman, OciRuntime::crun, default_version(OciRuntime::crun)};
  } else if (uses({"\"archMap\"", "\"includes\"", "\"excludes\"", "\"minKernel\"", "\"name\""})) {
    reader.frontend = OciFrontend::docker;
  }
  return reader;
}

}  // namespace callgate
