"""Boots a real kernel of another architecture and compares its verdicts with callgate's.

usage: boot.py MACHINE

Exit 77 where a kernel, an emulator or a compiler is missing: scripts/fetch-kernels fetches the
kernels into build/kernels. CALLGATE_QEMU_CASES is the program built from cases.cpp.
"""
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ["CALLGATE_SOURCE_DIR"]
KERNELS = os.environ.get("CALLGATE_KERNELS", f"{SOURCE}/build/kernels")
CASES = os.environ["CALLGATE_QEMU_CASES"]
COUNT = "900" if os.environ.get("CALLGATE_SCALE") == "full" else "300"
LIMIT = 600  # seconds for a machine

# ABI: clang's flags, linker.
BUILD = {
    "aarch64": (["--target=aarch64-linux-gnu"], "ld.lld-14"),
    "arm": (["--target=arm-linux-gnueabi", "-march=armv7-a", "-marm"], "ld.lld-14"),
    "s390x": (["--target=s390x-linux-gnu", "-march=z10"], "s390x-linux-gnu-ld"),
    "ppc64le": (["--target=powerpc64le-linux-gnu"], "ld.lld-14"),
    "mipsel64": (["--target=mips64el-linux-gnuabi64", "-mips64r2", "-mno-abicalls",
                  "-G0"], "ld.lld-14"),
}
# Machine: its ABIs, native first, and the emulator's command without kernel and files.
MACHINES = {
    "aarch64": (["aarch64", "arm"],
                ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57"], "ttyAMA0"),
    "s390x": (["s390x"], ["qemu-system-s390x", "-M", "s390-ccw-virtio"], "ttysclp0"),
    "ppc64le": (["ppc64le"], ["qemu-system-ppc64", "-M", "pseries", "-cpu", "power9", "-vga",
                              "none"], "hvc0"),
    "mipsel64": (["mipsel64"], ["qemu-system-mips64el", "-M", "malta", "-cpu", "5KEf", "-vga",
                  "none"], "ttyS0"),
}


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def kernel_of(machine):
    path = f"{KERNELS}/{machine}/vmlinuz"
    if not os.path.exists(path):
        skip(f"no kernel for {machine} in {KERNELS}; scripts/fetch-kernels fetches one")
    return path


def build(abi, folder):
    """The guest program of an ABI."""
    flags, linker = BUILD[abi]
    for tool in ("clang-14", linker):
        if shutil.which(tool) is None:
            skip(f"no {tool}")
    inside = f"{folder}/{abi}"
    os.makedirs(inside)
    with open(f"{inside}/numbers.h", "w", encoding="ascii") as out:
        subprocess.run([CASES, "numbers", abi], stdout=out, check=True)
    subprocess.run(["clang-14", *flags, "-O1", "-Wall", "-Wextra", "-Werror", "-ffreestanding",
                    "-fno-stack-protector", "-fno-pic", f"-I{inside}", "-c",
                    f"{SOURCE}/tests/qemu/guest.c", "-o", f"{inside}/guest.o"], check=True)
    subprocess.run([linker, "-static", "-e", "_start", "-z", "noexecstack", f"{inside}/guest.o", "-o",
                    f"{inside}/guest"], check=True)
    with open(f"{inside}/guest", "rb") as program:
        return program.read()


def write_cases(abi, folder):
    """The cases of an ABI as bytes, and the lines that the guest must print."""
    path = f"{folder}/{abi}/cases"
    done = subprocess.run([CASES, "cases", abi, COUNT, path], stdout=subprocess.PIPE, text=True,
                          check=True)
    with open(path, "rb") as cases:
        return cases.read(), done.stdout.splitlines()


def cpio_entry(name, mode, data=b"", device=(0, 0)):
    """One member of a "newc" archive, which the kernel unpacks as its first root."""
    label = name.encode() + b"\0"
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(label), 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + label
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def initramfs(files):
    members = [cpio_entry("dev", 0o40755), cpio_entry("dev/console", 0o20600, device=(5, 1))]
    members += [cpio_entry(name, 0o100755, data) for name, data in files.items()]
    return b"".join([*members, cpio_entry("TRAILER!!!", 0)])


def boot(machine, files, folder):
    """What a machine with these files printed."""
    _, emulator, console = MACHINES[machine]
    path = f"{folder}/initramfs"
    with open(path, "wb") as out:
        out.write(initramfs(files))
    command = [*emulator, "-m", "512", "-nographic", "-no-reboot", "-nic", "none", "-kernel", kernel_of(machine),
               "-initrd", path, "-append", f"console={console} quiet panic=-1 loglevel=1"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired as late:
        print((late.stdout or b"").decode(errors="replace")[-2000:])
        sys.exit(f"{machine} did not power off within {LIMIT} s")
    return done.stdout.decode(errors="replace").replace("\r", "").splitlines()


def compare(abi, wanted, lines):
    """What is wrong in the answers of an ABI."""
    # The kernel's last words may stand before the guest's first.
    answers = [line[line.index("@"):] for line in lines if f"@{abi} " in line]
    got = {line.split()[1]: line for line in answers}
    wrong = [f"{abi}: wanted {line}\n     got {got.get(line.split()[1])}" for line in wanted
             if got.get(line.split()[1]) != line]
    calls = sum(len(line.split()) - 3 for line in wanted if len(line.split()) > 3)
    refused = sum(line.split()[2:3] == ["-22"] for line in wanted)
    print(f"{abi}: {len(wanted) - 1} programs, {refused} of them refused, {calls} calls, "
          f"{len(wrong)} differences")
    return wrong


def main():
    machine = sys.argv[1]
    abis, emulator, _ = MACHINES[machine]
    kernel_of(machine)
    if shutil.which(emulator[0]) is None:
        skip(f"no {emulator[0]}")
    with tempfile.TemporaryDirectory() as folder:
        files, wanted = {}, {}
        for abi in abis:
            files["init" if abi == abis[0] else "compat"] = build(abi, folder)
            files[f"cases.{abi}"], wanted[abi] = write_cases(abi, folder)
        lines = boot(machine, files, folder)
    wrong = [text for abi in abis for text in compare(abi, wanted[abi], lines)]
    if wrong:
        print("\n".join(line for line in lines if not line.startswith("@"))[-3000:])
        print("\n".join(wrong[:20]))
        sys.exit(1)


if __name__ == "__main__":
    main()
