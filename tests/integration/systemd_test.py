"""Units of systemd: what callgate reads in them is held against the filters that a running systemd loads
for the same text, and what it writes is loaded by one."""
import os
import subprocess
import unittest

from harness import callgate, main, scratch, wait_for
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


class Systemd(unittest.TestCase):
    def setUp(self):
        tried = callgate("convert", "-", "--to", "text", input="[Service]\nSystemCallFilter=read\n")
        if "groups of systemd are not" in tried.stderr:
            raise unittest.SkipTest("the groups of systemd are not among the tables")

    def loaded(self, units, refused=()):
        """{name: (process, path)} of the units, as services of a systemd of their own."""
        folder = scratch(self)
        for name, text in units.items():
            with open(os.path.join(folder, name), "w", errors="surrogateescape", newline="") as file:
                file.write(text)
        self.machine = Machine(self, units, SPIN)
        expected = sorted(set(units) - set(refused))
        processes = self.machine.wait_for(expected)
        log = self.machine.text_of_log()
        self.assertEqual(sorted(set(expected) - set(processes)), [], log)
        return {name: (pid, os.path.join(folder, name)) for name, pid in processes.items()}

    def judged(self, loaded):
        """{name: what unit_filters says}."""
        lines = "".join(f"{pid} {path}\n" for pid, path in loaded.values())
        done = subprocess.run([JUDGE, LIBSECCOMP], input=lines, capture_output=True, text=True,
                              timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        return dict(zip(loaded, done.stdout.splitlines()))

    def test_settings(self):
        units = {f"unit-{name}.service": HEAD + text for name, text in {**CASES, **REFUSED}.items()}
        refused = {f"unit-{name}.service" for name in REFUSED}
        judged = self.judged(self.loaded(units, refused))
        for name, verdict in judged.items():
            with self.subTest(name):
                self.assertTrue(verdict.startswith("equal"), f"{units[name]}\n{verdict}")
        for name in refused:
            with self.subTest(name):
                wait_for(lambda: f"{name}: Main process exited, code=exited, status=228/SECCOMP"
                         in self.machine.text_of_log(), what=f"systemd refuses {name}")
                read = callgate("convert", "-", "--to", "text", input=units[name])
                self.assertEqual(read.returncode, 2, read.stdout)
                self.assertIn("does not start", read.stderr)


if __name__ == "__main__":
    main()
