"""The pinned sources, fetched once into a cache folder."""
import os
import subprocess
import sys

LINUX = ("linux-source-6.12", "6.12.117-1~deb12u1")
MANPAGES = ("manpages-dev", "6.03-2")
GLIBC = ("glibc-source", "2.36-9+deb12u14")
GO_SYS = "v0.49.0"


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.stdout


def debian(package, version, cache):
    """The unpacked files of one version of a Debian package."""
    folder = f"{cache}/{package}_{version}"
    if not os.path.isdir(folder):
        run(["apt-get", "download", f"{package}={version}"], cache)
        name = next(n for n in sorted(os.listdir(cache))
                    if n.startswith(f"{package}_") and n.endswith(".deb"))
        run(["dpkg-deb", "-x", name, folder + ".part"], cache)
        os.rename(folder + ".part", folder)
    return folder


def linux_tree(cache):
    """Debian's newest kernel source that bookworm offers."""
    name, version = LINUX
    folder = f"{debian(name, version, cache)}/usr/src"
    if not os.path.isdir(f"{folder}/{name}/kernel"):
        run(["tar", "xf", f"{name}.tar.xz"], folder)
    return f"{folder}/{name}"


def manual_pages(cache):
    return f"{debian(*MANPAGES, cache)}/usr/share/man/man2"


def glibc_tree(cache):
    """sysdeps/unix/sysv/linux of Debian's glibc."""
    folder = f"{debian(*GLIBC, cache)}/usr/src/glibc"
    name = next(n for n in sorted(os.listdir(folder)) if n.endswith(".tar.xz"))
    tree = f"{folder}/{name[:-len('.tar.xz')]}"
    if not os.path.isdir(tree):
        run(["tar", "xf", name, "--wildcards", "*/arch-syscall.h"], folder)
    return f"{tree}/sysdeps/unix/sysv/linux"


def go_sys(cache):
    """golang.org/x/sys/unix by the Go module proxy; go.sum's database checks its hash."""
    module = f"golang.org/x/sys@{GO_SYS}"
    answer = run(["go", "mod", "download", "-json", module], cache)
    folder = next(line.split('"')[3] for line in answer.splitlines() if '"Dir"' in line)
    return f"{folder}/unix"
