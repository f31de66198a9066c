"""Writes a and b: libseccomp's filters for the same rules at its optimisation levels 1 and 2."""
import ctypes
import os

ALLOW, ERRNO_EPERM, CTL_OPTIMIZE = 0x7FFF0000, 0x00050001, 8
NAMES = ["read", "write", "openat", "close", "mmap", "mprotect", "munmap", "brk", "futex", "exit_group",
         "rt_sigreturn", "clock_gettime", "getpid", "poll", "socket", "connect"]


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


MASKED_EQUAL = 7
library = ctypes.CDLL("libseccomp.so.2")
library.seccomp_init.restype = ctypes.c_void_p
library.seccomp_init.argtypes = [ctypes.c_uint32]
library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
library.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
                                           ctypes.POINTER(Comparison)]
library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]

for level, name in [(1, "a"), (2, "b")]:
    context = library.seccomp_init(ERRNO_EPERM)
    assert library.seccomp_attr_set(context, CTL_OPTIMIZE, level) == 0
    for call in NAMES:
        number = library.seccomp_syscall_resolve_name(call.encode())
        assert library.seccomp_rule_add_array(context, ALLOW, number, 0, None) == 0
    clone = library.seccomp_syscall_resolve_name(b"clone")
    no_namespaces = Comparison(0, MASKED_EQUAL, 0x7E020000, 0)
    assert library.seccomp_rule_add_array(context, ALLOW, clone, 1, ctypes.byref(no_namespaces)) == 0
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    assert library.seccomp_export_bpf(context, fd) == 0
    os.close(fd)
