"""Processes with filters that a test gives them, and no filter beside these."""
import ctypes
import os
import subprocess
import sys

LOADER = r"""
import ctypes, sys, time
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
for path in sys.argv[1:]:
    code = open(path, "rb").read()
    kept = ctypes.create_string_buffer(code, len(code))
    program = Program(len(code) // 8, ctypes.cast(kept, ctypes.c_void_p))
    assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, ctypes.get_errno()  # PR_SET_SECCOMP, filter
print("ready", flush=True)
sys.stdin.read()
"""


def start(case, *filters):
    """A Python that has loaded these raw filters, the oldest first, and waits; ended with the test. The
    filters must let it write and read."""
    process = subprocess.Popen([sys.executable, "-c", LOADER, *filters], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)

    def end():
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()

    case.addCleanup(end)
    if process.stdout.readline() != "ready\n":
        raise AssertionError("the filters cannot be loaded")
    return process


def can_read_filters():
    """Whether this process may read those of others: CAP_SYS_ADMIN, and no filter of its own."""
    with open("/proc/self/status", encoding="utf-8") as file:
        fields = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    is_admin = int(fields["CapEff"], 16) >> 21 & 1
    return bool(is_admin) and fields.get("Seccomp", "0").strip() == "0"
