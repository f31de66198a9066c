"""Units of systemd: what callgate reads in them is held against the filters that a running systemd loads
for the same text, and what it writes is loaded by one."""
import os
import random
import subprocess
import unittest

from harness import callgate, main, need, scratch, wait_for
from systemd_machine import PROGRAM, Machine

PROGRAMS = os.environ.get("CALLGATE_TEST_PROGRAMS", "build/tests")
SPIN = os.path.realpath(os.path.join(PROGRAMS, "spin"))
JUDGE = os.path.join(PROGRAMS, "unit_filters")
LIBSECCOMP = "6.7"  # what Debian 12's libseccomp 2.5.4-1+deb12u1 knows

HEAD = f"""[Unit]
DefaultDependencies=no
[Service]
ExecStart={PROGRAM}
Nice=19
StandardOutput=null
StandardError=null
"""

# Settings by what they try; each is one service.
CASES = {
    "allow-list": "SystemCallFilter=read write openat\n",
    "allow-errno": "SystemCallFilter=read write\nSystemCallErrorNumber=EPERM\n",
    "allow-group": "SystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM\n",
    "allow-but": "SystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\n",
    "allow-known": "SystemCallFilter=@known\n",
    "allow-sockets": "SystemCallFilter=connect accept4 send shmat semop msgget\nSystemCallErrorNumber=EACCES\n",
    "allow-other-abis": "SystemCallFilter=mmap2 socketcall waitpid _llseek ipc\nSystemCallErrorNumber=1\n",
    "allow-own-errno": "SystemCallFilter=@system-service\nSystemCallFilter=~socket:EAFNOSUPPORT @ipc:38\n",
    "allow-zero": "SystemCallFilter=read\nSystemCallFilter=~write:0 getpid:4094\n",
    "allow-again": "SystemCallFilter=read write\nSystemCallFilter=~read\nSystemCallFilter=read\n",
    "allow-reset": "SystemCallFilter=~mount\nSystemCallFilter=\nSystemCallFilter=read\n",
    "deny-list": "SystemCallFilter=~mount umount2 ptrace\nSystemCallErrorNumber=13\n",
    "deny-kill": "SystemCallFilter=~mount\n",
    "deny-sockets": "SystemCallFilter=~connect @ipc\nSystemCallErrorNumber=EACCES\n",
    "deny-one-socket": "SystemCallFilter=~connect\n",
    "deny-one-ipc": "SystemCallFilter=~semop\nSystemCallErrorNumber=EPERM\n",
    "deny-two-ipc": "SystemCallFilter=~semop:ENOSYS shmat\n",
    "deny-send": "SystemCallFilter=~send:EPERM recv\n",
    "log-socket": "SystemCallLog=connect\n",
    "log-send": "SystemCallLog=~send\n",
    "deny-socketcall": "SystemCallFilter=~socketcall:ENOSYS connect:EACCES bind\nSystemCallErrorNumber=EPERM\n",
    "deny-but": "SystemCallFilter=~@mount\nSystemCallFilter=mount\nSystemCallErrorNumber=EPERM\n",
    "deny-nothing": "SystemCallFilter=~\nSystemCallFilter=read\n",
    "own-errno": "SystemCallFilter=~mount:ENOSYS swapon:kill reboot\nSystemCallErrorNumber=EACCES\n",
    "errno-reset": "SystemCallErrorNumber=EPERM\nSystemCallErrorNumber=\nSystemCallFilter=~mount\n",
    "errno-kill": "SystemCallErrorNumber=EPERM\nSystemCallErrorNumber=kill\nSystemCallFilter=~mount\n",
    "errno-bad": "SystemCallErrorNumber=EPERM\nSystemCallErrorNumber=0\nSystemCallErrorNumber=5000\n"
                 "SystemCallErrorNumber=EWRONG\nSystemCallFilter=~mount\n",
    "errno-bases": "SystemCallErrorNumber=0x10\nSystemCallFilter=~mount reboot:010 swapon:+7\n",
    "unknown": "SystemCallFilter=~mount nosuchcall @nosuchgroup reboot:EWRONG swapon:\n"
               "SystemCallFilter=~:EPERM ptrace\nSystemCallErrorNumber=EPERM\n",
    "errno-for-allowed": "SystemCallFilter=read:EPERM write\n",
    "archs-native": "SystemCallArchitectures=native\n",
    "archs-two": "SystemCallArchitectures=x86-64 x86\nSystemCallFilter=~mount\n",
    "archs-not-native": "SystemCallArchitectures=x86\nSystemCallFilter=~mount\n",
    "archs-x32": "SystemCallArchitectures=x32\nSystemCallFilter=read\nLockPersonality=yes\n",
    "archs-all": "SystemCallArchitectures=native x86 x32\nSystemCallFilter=~mount\n",
    "archs-others": "SystemCallArchitectures=arm64 nosuch\n",
    "archs-bad": "SystemCallArchitectures=nosuch\nSystemCallFilter=~mount\n",
    "archs-reset": "SystemCallArchitectures=native\nSystemCallArchitectures=\nSystemCallFilter=~mount\n",
    "log": "SystemCallLog=mount connect\n",
    "log-others": "SystemCallLog=~read write @default\n",
    "log-and-filter": "SystemCallLog=~read\nSystemCallFilter=~mount:EPERM\n",
    "log-and-allow": "SystemCallLog=read\nSystemCallFilter=read write connect\n",
    "log-errno": "SystemCallLog=read:EPERM write\n",
    "families": "RestrictAddressFamilies=AF_INET AF_UNIX\n",
    "families-one": "RestrictAddressFamilies=AF_NETLINK\n",
    "families-not": "RestrictAddressFamilies=~AF_PACKET AF_FILE\n",
    "families-none": "RestrictAddressFamilies=none\n",
    "families-none-then": "RestrictAddressFamilies=none\nRestrictAddressFamilies=~AF_INET\n",
    "families-merge": "RestrictAddressFamilies=AF_INET AF_UNIX AF_INET6\nRestrictAddressFamilies=~AF_INET6\n",
    "families-bad": "RestrictAddressFamilies=AF_UNSPEC AF_NOSUCH inet\n",
    "write-execute": "MemoryDenyWriteExecute=yes\n",
    "realtime": "RestrictRealtime=1\n",
    "suid": "RestrictSUIDSGID=on\n",
    "namespaces": "RestrictNamespaces=yes\n",
    "namespaces-some": "RestrictNamespaces=mnt net\n",
    "namespaces-not": "RestrictNamespaces=~user\n",
    "namespaces-merge": "RestrictNamespaces=~user\nRestrictNamespaces=~net\nRestrictNamespaces=user\n",
    "namespaces-bad": "RestrictNamespaces=~user\nRestrictNamespaces=mnt nosuch\n",
    "namespaces-no": "RestrictNamespaces=yes\nRestrictNamespaces=no\nLockPersonality=yes\n",
    "namespaces-time": "RestrictNamespaces=time mnt\n",
    "tunables": "ProtectKernelTunables=yes\n",
    "modules": "ProtectKernelModules=y\n",
    "logs": "ProtectKernelLogs=true\n",
    "clock": "ProtectClock=t\n",
    "devices": "PrivateDevices=yes\n",
    "hostname": "ProtectHostname=yes\n",
    "personality": "LockPersonality=yes\n",
    "personality-x86": "LockPersonality=yes\nPersonality=x86\n",
    "personality-bad": "LockPersonality=yes\nPersonality=x86\nPersonality=arm\n",
    "dynamic": "DynamicUser=yes\n",
    "bool-bad": "RestrictRealtime=yes\nRestrictRealtime=maybe\nRestrictRealtime=\n",
    "ties": "ProtectClock=yes\nSystemCallFilter=~@clock:ENOSYS clone3:EACCES\nRestrictNamespaces=yes\n",
    "kill-over-errno": "RestrictNamespaces=yes\nMemoryDenyWriteExecute=yes\nRestrictSUIDSGID=yes\n"
                       "SystemCallFilter=@system-service\n",
    "errno-over-errno": "RestrictNamespaces=yes\nMemoryDenyWriteExecute=yes\nRestrictSUIDSGID=yes\n"
                        "RestrictAddressFamilies=AF_UNIX\nLockPersonality=yes\nProtectHostname=yes\n"
                        "SystemCallFilter=@system-service\nSystemCallErrorNumber=EACCES\n",
    "everything": "RestrictNamespaces=yes\nMemoryDenyWriteExecute=yes\nRestrictSUIDSGID=yes\n"
                  "RestrictRealtime=yes\nRestrictAddressFamilies=AF_UNIX\nLockPersonality=yes\n"
                  "ProtectHostname=yes\nProtectClock=yes\nProtectKernelLogs=yes\nProtectKernelModules=yes\n"
                  "ProtectKernelTunables=yes\nPrivateDevices=yes\nSystemCallArchitectures=native\n"
                  "SystemCallLog=~read\nSystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM\n",
    "continued": "SystemCallFilter=~mount \\\n  # not a call\n; nor this\n  umount2 \\\n\treboot\nSystemCallErrorNumber=EPERM\n",
    "continued-blank": "SystemCallFilter=~mount \\\n\nSystemCallErrorNumber=EPERM\n",
    "spaces": "  SystemCallFilter  =  ~  mount   umount2  \n SystemCallErrorNumber\t=\tEPERM\n",
    "returns": "SystemCallFilter=~mount\r\nSystemCallErrorNumber=EPERM\r\n",
    "case": "systemcallfilter=~mount\nSYSTEMCALLFILTER=~mount\nLockPersonality=YES\n",
    "sections": "[X-Mine]\nSystemCallFilter=~mount\n[Socket]\nSystemCallFilter=~mount\n[Service]\nLockPersonality=yes\n",
    "no-equals": "SystemCallFilter\nLockPersonality=yes\n",
    "quotes": "SystemCallFilter=~\"mount\" reboot\n",
}

# Services that systemd does not start, since libseccomp refuses a rule.
REFUSED = {
    "default-again": "SystemCallFilter=read\nSystemCallFilter=~write:kill\n",
    "errno-again": "SystemCallFilter=read\nSystemCallFilter=~write:EPERM\nSystemCallErrorNumber=1\n",
    "errno-past": "SystemCallFilter=~write:4095\n",
}


# Policies that a unit can express, each for a service that systemd starts.
POLICIES = {
    "allowing": "abi 6.7\notherwise allow\nunlisted kill_thread\narches x86_64\n"
                "errno(EPERM) mount, umount2\nerrno(EACCES) ptrace\nkill_process reboot\n",
    "denying": "abi 6.7\notherwise errno(EPERM)\nunknown errno(EPERM)\nunlisted kill_thread\n"
               "arches x86_64\nallow execve, read, write, exit_group\nerrno(ENOSYS) clone3\n",
    "killing": "abi 6.7\notherwise kill_process\nunknown kill_process\nunlisted kill_thread\n"
               "arches x86_64\nallow execve, read, write, exit_group\nerrno(0) getpid\n",
    "three-abis": "abi 6.7\notherwise errno(EPERM)\nunknown errno(EPERM)\nunlisted allow\n"
                  "arches x86_64, i386, x32\nallow execve, read, write, mmap2, waitpid\n",
    "two-abis": "abi 6.7\notherwise allow\nunlisted kill_thread\narches x86_64, i386\n"
                "errno(EPERM) mount, stime\n",
    "logging": "abi 6.7\notherwise allow\nunlisted kill_thread\narches x86_64\n"
               "log mount\nerrno(EPERM) reboot\n",
    "logs-others": "abi 6.7\notherwise log\nunlisted kill_thread\narches x86_64\n"
                   "allow execve, read, exit_group\nerrno(EPERM) reboot\n",
}

FULL = os.environ.get("CALLGATE_SCALE") == "full"
SWITCHES = ["MemoryDenyWriteExecute", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality",
            "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectClock",
            "ProtectHostname", "PrivateDevices", "DynamicUser"]
OTHERS = ["SystemCallFilter", "SystemCallLog", "SystemCallErrorNumber", "SystemCallArchitectures",
          "RestrictAddressFamilies", "RestrictNamespaces", "Personality"]


def own_settings(path):
    """The lines of a unit's [Service] section that have to do with filters, with those that go on."""
    kept, section, keeps = [], "", False
    with open(path, errors="surrogateescape") as file:
        for line in file:
            if line.startswith("["):
                section, keeps = line.strip(), False
            elif not (kept and keeps and kept[-1].endswith("\\\n")):
                keeps = section == "[Service]" and line.split("=")[0].strip() in SWITCHES + OTHERS
            if keeps:
                kept.append(line)
    return "".join(kept)


def calls_and_groups():
    """What this systemd's sets are called, and every call in them."""
    need("systemd-analyze")
    listed = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True,
                            text=True, check=True).stdout.split("\n")
    words = {line.strip() for line in listed if line.startswith("    ") and "#" not in line}
    return sorted(word for word in words if word[0] != "@"), sorted(
        line.strip() for line in listed if line.startswith("@"))


def random_settings(chance, calls, groups):
    """Lines of every setting, as a person or a fuzzer might write them."""

    def words():
        names = [chance.choice(groups) if chance.random() < 0.2 else chance.choice(calls)
                 for _ in range(chance.randint(1, 12))]
        errors = ["", "", ":EPERM", ":ENOSYS", ":13", ":kill", ":0", ":nonsense"]
        marks = errors if chance.random() < 0.4 else [""]
        return " ".join(name + chance.choice(marks) for name in names)

    def line():
        kind = chance.random()
        tilde = chance.choice(["", "~"])
        if kind < 0.45:
            return "SystemCallFilter=" + chance.choice([tilde + words()] * 9 + [""])
        if kind < 0.55:
            return "SystemCallLog=" + tilde + words()
        if kind < 0.65:
            return "SystemCallErrorNumber=" + chance.choice(["EPERM", "EACCES", "38", "kill", "", "no"])
        if kind < 0.7:
            return "SystemCallArchitectures=" + chance.choice(["native", "x86", "x32 x86-64", "", "arm"])
        if kind < 0.77:
            return "RestrictAddressFamilies=" + chance.choice(
                ["none", "", tilde + "AF_UNIX AF_INET", tilde + "AF_NETLINK", tilde + "AF_MCTP AF_KEY"])
        if kind < 0.84:
            return "RestrictNamespaces=" + chance.choice(
                ["yes", "no", "", tilde + "user", tilde + "net mnt pid", tilde + "time uts", "cgroup ipc"])
        return chance.choice(SWITCHES) + "=" + chance.choice(["yes", "yes", "no"])

    # The last line lets systemd itself free its memory and start the program.
    return "\n".join(line() for _ in range(chance.randint(1, 9))) + (
        "\nSystemCallFilter=execve munmap brk close\n")


class Systemd(unittest.TestCase):
    def setUp(self):
        tried = callgate("convert", "-", "--to", "text", input="[Service]\nSystemCallFilter=read\n")
        if "groups of systemd are not" in tried.stderr:
            raise unittest.SkipTest("the groups of systemd are not among the tables")

    def loaded(self, units, refused=()):
        """{name: (process, path)} of the units, as services of a systemd of their own; a name may be
        that of a drop-in, "a.service.d/b.conf"."""
        folder = scratch(self)
        for name, text in units.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", errors="surrogateescape", newline="") as file:
                file.write(text)
        self.machine = Machine(self, units, SPIN)
        expected = sorted(name for name in units if "/" not in name and name not in refused)
        processes = self.machine.wait_for(expected)
        self.assertEqual(sorted(set(expected) - set(processes)), [], self.machine.text_of_log())
        return {name: (pid, os.path.join(folder, name)) for name, pid in processes.items()}

    def judged(self, loaded):
        """{name: what unit_filters says} of {name: (process, files)}."""
        lines = "".join(f"{pid} {path}\n" for pid, path in loaded.values())
        done = subprocess.run([JUDGE, LIBSECCOMP], input=lines, capture_output=True, text=True,
                              timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        return dict(zip(loaded, done.stdout.splitlines()))

    def hold(self, units, loaded, at_least=0):
        """Every process has the filters that its file says; some of them have some."""
        verdicts = self.judged(loaded)
        for name, verdict in verdicts.items():
            with self.subTest(name):
                self.assertTrue(verdict.startswith("equal"), f"{units[name]}\n{verdict}")
        some = [verdict for verdict in verdicts.values() if verdict not in ("equal 0",)]
        self.assertGreaterEqual(len(some), at_least)

    def refuses(self, name, text):
        """systemd does not start the service, and callgate says so."""
        wait_for(lambda: f"{name}: Main process exited, code=exited, status=228/SECCOMP"
                 in self.machine.text_of_log(), what=f"systemd refuses {name}")
        read = callgate("convert", "-", "--to", "text", input=text)
        self.assertEqual(read.returncode, 2, text)
        self.assertIn("does not start", read.stderr)

    def test_settings(self):
        units = {f"unit-{name}.service": HEAD + text for name, text in {**CASES, **REFUSED}.items()}
        refused = {f"unit-{name}.service" for name in REFUSED}
        self.hold(units, self.loaded(units, refused), at_least=len(CASES) - 2)
        for name in sorted(refused):
            with self.subTest(name):
                self.refuses(name, units[name])

    def test_groups(self):
        """Each of systemd's sets, refused; execve is let through for systemd itself."""
        units = {f"group-{name[1:]}.service": HEAD + f"SystemCallFilter=~{name}\n"
                 "SystemCallFilter=execve\nSystemCallErrorNumber=EPERM\n"
                 for name in calls_and_groups()[1]}
        self.hold(units, self.loaded(units), at_least=len(units))

    def test_random_lists(self):
        chance = random.Random(20261124)
        known = calls_and_groups()
        units = {f"random-{i}.service": HEAD + random_settings(chance, *known)
                 for i in range(400 if FULL else 60)}
        refused = {name for name, text in units.items()
                   if callgate("convert", "-", "--to", "text", "--libseccomp", LIBSECCOMP,
                               input=text).returncode != 0}
        self.assertLess(len(refused), len(units) / 4)
        self.hold(units, self.loaded(units, refused), at_least=len(units) / 2)
        for name in sorted(refused):
            with self.subTest(name):
                self.refuses(name, units[name])

    def test_units_of_debian(self):
        """What callgate reads in the whole unit is what systemd loads for its settings."""
        folder = "/lib/systemd/system"
        paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))
                 if name.endswith(".service")]
        paths = [path for path in paths if os.path.isfile(path)]
        units = {f"real-{i}.service": HEAD + own_settings(path) for i, path in enumerate(paths)}
        if not units:
            raise unittest.SkipTest("no units in " + folder)
        loaded = self.loaded(units)
        whole = {name: (loaded[name][0], path) for name, path in zip(units, paths)}
        self.hold(dict(zip(units, paths)), whole, at_least=10)

    def test_drop_ins(self):
        units = {
            "a.service": HEAD + "SystemCallFilter=~mount reboot\nSystemCallErrorNumber=EPERM\n",
            "a.service.d/20-more.conf": "[Service]\nSystemCallFilter=~umount2\n",
            "a.service.d/10-less.conf": "[Service]\nSystemCallFilter=reboot\nRestrictRealtime=yes\n",
            "a.service.d/ignored": "[Service]\nSystemCallFilter=~read\n",
        }
        pid, path = self.loaded(units)["a.service"]
        files = " ".join([path, path + ".d/10-less.conf", path + ".d/20-more.conf"])
        self.hold({"a.service": files}, {"a.service": (pid, files)}, at_least=1)
        by_command = callgate("convert", "unit:" + path, "--to", "text", "--libseccomp", LIBSECCOMP)
        self.assertIn("errno(EPERM) mount, umount2", by_command.stdout)
        self.assertNotIn("reboot", by_command.stdout)
        self.assertIn("sched_setscheduler", by_command.stdout)
        self.assertIn("10-less.conf: note: read after the unit", by_command.stderr)

    def test_written_drop_ins(self):
        """A policy, written as a drop-in that replaces what the unit says, is what systemd loads."""
        units, policies = {}, {}
        for name, text in POLICIES.items():
            policies[name] = os.path.join(scratch(self), name + ".policy")
            with open(policies[name], "w") as file:
                file.write(text)
            done = callgate("convert", policies[name], "--to", "systemd", "--libseccomp", LIBSECCOMP)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr, "")
            units[f"{name}.service"] = HEAD + (
                "SystemCallFilter=~read\nSystemCallErrorNumber=5\nSystemCallArchitectures=x86\n"
                "SystemCallLog=write\n")
            units[f"{name}.service.d/callgate.conf"] = done.stdout
        loaded = self.loaded(units)
        whole = {name: (pid, policies[name[:-len(".service")]]) for name, (pid, _) in loaded.items()}
        self.hold({name: units[name + ".d/callgate.conf"] for name in whole}, whole,
                  at_least=len(POLICIES))


class Command(unittest.TestCase):
    """What a user sees; no systemd is needed."""

    setUp = Systemd.setUp

    def file(self, name, text):
        path = os.path.join(scratch(self), name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def test_a_unit_is_a_source_everywhere(self):
        path = self.file("a.service", "[Service]\nSystemCallFilter=~mount\nSystemCallErrorNumber=EPERM\n")
        for source in (path, "unit:" + path):
            self.assertIn("error: mount is refused, but x86_64 move_mount",
                          callgate("check", source).stdout)
            program = os.path.join(scratch(self), "a.bpf")
            self.assertEqual(callgate("compile", source, "-o", program).returncode, 0)
            done = callgate("run", "--profile", source, "--", "true")
            self.assertEqual(done.returncode, 0, done.stderr)
            back = callgate("convert", source, "--to", "systemd")
            self.assertEqual(back.returncode, 0, back.stderr)
            self.assertIn("SystemCallFilter=~mount\n", back.stdout)
        denied = callgate("run", "--profile", "unit:" + path, "--", "unshare", "-m", "mount", "-t",
                          "tmpfs", "none", "/tmp")
        self.assertNotEqual(denied.returncode, 0)

    def test_mistakes_have_a_place(self):
        cases = [
            (b"\x00[Service]\n", "a NUL byte at offset 0"),
            (b"[Service\n", "a.service:1:1: error: a section's header without its `]`"),
            (b"[Service]\n\xff=1\n", "a.service:2:1: error: not UTF-8"),
            (b"[Service]\nSystemCallFilter=read \\\n  wri\\te\n",
             "a.service:3:6: error: SystemCallFilter= with a quote or a backslash"),
            (b"[Service]\nRestrictAddressFamilies='AF_INET\n",
             "a.service:2:25: error: RestrictAddressFamilies= with a quote"),
            (b"[Service]\nDynamicUser=perhaps\n",
             "a.service:2:13: error: `perhaps` is neither yes nor no"),
        ]
        for text, message in cases:
            with self.subTest(text):
                done = callgate("convert", "unit:" + self.file("a.service", text), "--to", "text")
                self.assertEqual(done.returncode, 2)
                self.assertIn(message, done.stderr)
        missing = callgate("convert", "unit:/nowhere/a.service", "--to", "text")
        self.assertEqual(missing.returncode, 2)
        self.assertIn("/nowhere/a.service", missing.stderr)

    def test_what_systemd_ignores_is_said(self):
        cases = [
            ("SystemCallFilter=~mont", "2:19: warning: mont is no system call that callgate knows: "
                                       "systemd ignores it\n", "did you mean mount?"),
            ("SystemCallFilter=~@systemservice", "@systemservice is no group of systemd 252", ""),
            ("SystemCallFilter=read:EPERM", "an errno for a call that is let through", ""),
            ("SystemCallFilters=read", "no setting is called SystemCallFilters", "SystemCallFilter?"),
            ("ProtectKernellogs=yes", "no setting is called ProtectKernellogs", "ProtectKernelLogs?"),
            ("RestrictRealtime=maybe", "`maybe` is neither yes nor no", ""),
            ("ExecStart=+/bin/true", "ExecStart=+ runs its command without any of the filters", ""),
            ("User=root", "no setting of this unit restricts a system call", ""),
        ]
        for line, message, hint in cases:
            with self.subTest(line):
                path = self.file("a.service", f"[Service]\n{line}\n")
                done = callgate("convert", path, "--to", "text")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(message, done.stderr)
                self.assertIn(hint, done.stderr)

    def test_what_a_unit_cannot_say(self):
        head = "abi 6.7\notherwise errno(EPERM)\nunknown errno(EPERM)\nallow execve\n"
        lines = "unlisted kill_thread\narches x86_64\n"
        cases = [
            (head + lines + "allow socket if domain == AF_UNIX\n",
             "p.policy:7:1: error: a unit cannot look at the arguments of socket"),
            (head + lines + "trap ptrace\n", "p.policy:7:1: error: a unit cannot say trap"),
            (head + "unlisted kill_process\narches x86_64\n",
             "gets kill_thread under systemd, not kill_process"),
            (head + "unlisted kill_thread\narches i386\n",
             "systemd never refuses the calls of the machine's own ABI, x86_64"),
            (head + lines + "allow 5000\n",
             "p.policy:7:1: error: number 0x1388 on x86_64: allow cannot be expressed for systemd"),
        ]
        for text, message in cases:
            with self.subTest(message):
                done = callgate("convert", self.file("p.policy", text), "--to", "systemd")
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(message, done.stderr)
        narrowed = callgate("convert", self.file("p.policy", cases[0][0]), "--to", "systemd",
                            "--approximate", "stricter", "--libseccomp", LIBSECCOMP)
        self.assertEqual(narrowed.returncode, 0, narrowed.stderr)
        self.assertIn("warning: a unit cannot look at the arguments of socket: it gets errno(EPERM) "
                      "altogether", narrowed.stderr)
        self.assertNotIn("socket ", narrowed.stdout)


if __name__ == "__main__":
    main()
