"""A systemd of its own: process 1 of a process, mount, network, UTS, IPC and cgroup namespace, that runs
the units it is given and nothing else. Its root is read-only."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

SYSTEMD = "/lib/systemd/systemd"
PROGRAM = "/run/program"

# What runs in the namespaces before systemd: nothing of the host's can be written but its own cgroup.
START = r"""
set -e
units=$1
mount --make-rprivate /
mkdir "$units/dev"
mount -t tmpfs none "$units/dev"
mount -o remount,bind,ro /
for node in null zero full random urandom tty; do
  touch "$units/dev/$node"
  mount --bind "/dev/$node" "$units/dev/$node"
done
touch "$units/dev/console"
mount --bind "$3" "$units/dev/console"
mkdir "$units/dev/shm" "$units/dev/pts" "$units/dev/mqueue" "$units/dev/hugepages"
mount -t devpts -o newinstance,ptmxmode=0666 none "$units/dev/pts"
ln -s pts/ptmx "$units/dev/ptmx"
mount --rbind "$units/dev" /dev
mount -t tmpfs none /run
mkdir -p /run/systemd/system
cp -r "$units"/units/. /run/systemd/system/
cp "$4" /run/program
mount -t tmpfs none /tmp
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
exec env -i container=callgate SYSTEMD_UNIT_PATH=/run/systemd/system PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  "$2" --system --unit=all.target --log-target=console --log-level=info --show-status=no
"""


def own_group():
    """The folder of this process's cgroup in the second hierarchy, or None."""
    mounted = None
    with open("/proc/self/mountinfo") as file:
        for line in file:
            fields = line.split()
            if fields[fields.index("-") + 1] == "cgroup2":
                mounted = fields[4]
    with open("/proc/self/cgroup") as file:
        paths = [line.strip()[3:] for line in file if line.startswith("0::")]
    return mounted + paths[0] if mounted and paths else None


class Machine:
    """Runs every unit of `units` ({name: text}); `program` is there as PROGRAM."""

    def __init__(self, case, units, program):
        if os.geteuid() != 0:
            raise unittest.SkipTest("a systemd of one's own needs root")
        if not os.path.exists(SYSTEMD) or shutil.which("unshare") is None:
            raise unittest.SkipTest("not installed: systemd, unshare")
        self.folder = tempfile.mkdtemp(prefix="callgate-systemd-")
        case.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self._write(units)
        self.group = os.path.join(own_group() or "/nowhere", os.path.basename(self.folder))
        try:
            os.mkdir(self.group)
        except OSError as error:
            raise unittest.SkipTest(f"no cgroup of one's own: {error}")
        case.addCleanup(self._remove_groups)
        self._start(case, program)

    def _write(self, units):
        folder = os.path.join(self.folder, "units")
        os.mkdir(folder)
        wants = " ".join(name for name in units if "/" not in name)
        target = f"[Unit]\nDefaultDependencies=no\nWants={wants}\n"
        for name, text in {"all.target": target, **units}.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)

    def _start(self, case, program):
        self.console, terminal = os.openpty()
        case.addCleanup(os.close, self.console)
        case.addCleanup(os.close, terminal)
        os.set_blocking(self.console, False)
        self.said = b""
        script = f'echo $$ > "{self.group}/cgroup.procs"; exec "$@"'
        self.process = subprocess.Popen(
            ["sh", "-c", script, "sh", "unshare", "-mpCnui", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", START, "sh", self.folder, SYSTEMD, os.ttyname(terminal), program],
            stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal)
        case.addCleanup(self.stop)

    def stop(self):
        """Ends the parent of process 1, and with it everything in its namespace."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _remove_groups(self):
        deadline = time.monotonic() + 10
        while os.path.isdir(self.group) and time.monotonic() < deadline:
            for path, _, _ in os.walk(self.group, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    time.sleep(0.01)

    def text_of_log(self):
        """What systemd and what started it have said so far."""
        try:
            while more := os.read(self.console, 65536):
                self.said += more
        except OSError:
            pass
        return self.said.decode(errors="replace").replace("\r\n", "\n")

    def process_of(self, unit):
        """The service's process, or None if it has none."""
        try:
            with open(os.path.join(self.group, "system.slice", unit, "cgroup.procs")) as file:
                pids = file.read().split()
            return int(pids[0]) if pids else None
        except OSError:
            return None

    def wait_for(self, units, seconds=60):
        """{unit: process} of the services that run PROGRAM; each is stopped as soon as it is seen."""
        found = {}
        deadline = time.monotonic() + seconds
        quiet = time.monotonic()
        while len(found) < len(units) and time.monotonic() < deadline:
            for unit in units:
                pid = None if unit in found else self.process_of(unit)
                try:
                    if pid and os.readlink(f"/proc/{pid}/exe") == PROGRAM:
                        os.kill(pid, signal.SIGSTOP)
                        found[unit] = pid
                        quiet = time.monotonic()
                except OSError:
                    pass
            self.text_of_log()
            if self.process.poll() is not None:
                raise unittest.SkipTest("systemd does not run here: " + self.text_of_log()[-2000:])
            if time.monotonic() - quiet > 8:
                break
            time.sleep(0.02)
        return found
