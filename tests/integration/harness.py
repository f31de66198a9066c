"""What the integration tests share: the command under test, scratch folders, skips by name."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

CALLGATE = os.environ.get("CALLGATE") or (sys.argv[1] if len(sys.argv) > 1 else "callgate")
SOURCE = os.environ.get("CALLGATE_SOURCE_DIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def need(*programs):
    """Skips the test by name where a program is missing."""
    missing = [p for p in programs if shutil.which(p) is None]
    if missing:
        raise unittest.SkipTest("not installed: " + ", ".join(missing))


def callgate(*arguments, **options):
    """Runs the command; returns the CompletedProcess with text output."""
    options.setdefault("timeout", 120)
    return subprocess.run([CALLGATE, *arguments], capture_output=True, text=True, **options)


def scratch(case):
    """A folder that is removed when the test case ends."""
    folder = tempfile.mkdtemp(prefix="callgate-test-")
    case.addCleanup(shutil.rmtree, folder, ignore_errors=True)
    return folder


def callgate_for_everyone(case):
    """A copy of the command that every user can run: where it was built only its owner may get to."""
    folder = scratch(case)
    os.chmod(folder, 0o755)
    copy = shutil.copy(CALLGATE, os.path.join(folder, "callgate"))
    os.chmod(copy, 0o755)
    return copy


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds=20, what="condition"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A server process of ours, ended by its own PID."""

    def __init__(self, case, command, port, **options):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, **options)
        case.addCleanup(self.stop)
        wait_for(lambda: listens(port) or self.process.poll() is not None,
                 what=" ".join(command) + " listens")
        if self.process.poll() is not None:
            raise AssertionError(f"{command} ended: {self.process.stdout.read()}")

    def stop(self, with_signal=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        output = self.process.stdout.read() if not self.process.stdout.closed else ""
        self.process.wait()
        self.process.stdout.close()
        return output


def main():
    """unittest's main with ctest's skip code: 77 if nothing ran but skips."""
    program = unittest.main(argv=[sys.argv[0]], exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    if result.testsRun and len(result.skipped) == result.testsRun:
        sys.exit(77)
