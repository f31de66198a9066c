"""OCI profiles on the command line: read as each reader reads them, written for a runtime, refused with
a place and exit code 2."""
import json
import os
import subprocess
import unittest

from harness import CALLGATE, callgate, main, scratch

PROFILE = """{
  "defaultAction": "SCMP_ACT_ERRNO",
  "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": null}],
  "syscalls": [
    {"names": ["read", "mount"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}}
  ]
}
"""


class Oci(unittest.TestCase):
    def file(self, content, name="p.json"):
        path = os.path.join(scratch(self), name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def convert(self, *arguments, code=0):
        done = callgate("convert", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_readers_differ(self):
        path = self.file(PROFILE)
        without = self.convert(path, "--to", "text", "--reader", "docker", "--caps", "none").stdout
        with_bpf = self.convert(path, "--to", "text", "--reader", "docker", "--caps", "bpf").stdout
        self.assertNotIn("bpf", without)
        self.assertIn("allow bpf", with_bpf)
        dropped = self.convert(path, "--to", "text", "--reader", "containerd")
        self.assertIn("allow bpf", dropped.stdout)
        self.assertIn("p.json:6:64: warning: containerd+runc@1.1.5 ignores `includes`", dropped.stderr)

    def test_text_says_the_same(self):
        path = self.file(PROFILE)
        text = self.file(self.convert(path, "--to", "text", "--reader", "docker").stdout, "p.policy")
        straight, round_about = (os.path.join(scratch(self), name) for name in ("a.bpf", "b.bpf"))
        self.convert(path, "--to", "raw", "--reader", "docker", "-o", straight)
        self.convert(text, "--to", "raw", "-o", round_about)
        with open(straight, "rb") as one, open(round_about, "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_written_for_a_runtime(self):
        done = self.convert("docker-default", "--to", "oci", "--runtime", "runc", "--caps", "docker",
                            "--arch", "x86_64,i386,x32")
        section = json.loads(done.stdout)
        self.assertEqual(section["architectures"],
                         ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"])
        self.assertTrue(any("chroot" in rule["names"] for rule in section["syscalls"]))

    def test_what_cannot_be_expressed_names_rule_and_runtime(self):
        policy = self.file("abi 6.12\notherwise allow\nunlisted kill_thread\n"
                           "errno(EPERM) read if ip > 5\n", "p.policy")
        done = self.convert(policy, "--to", "oci", "--runtime", "crun", "--arch", "x86_64", code=1)
        self.assertIn("p.policy:4:", done.stderr)
        self.assertEqual(done.stdout, "")
        done = self.convert(policy, "--to", "oci", "--runtime", "crun", "--arch", "x86_64",
                            "--approximate", "stricter")
        self.assertIn("read is refused altogether", done.stderr)

    def test_bad_input(self):
        deep = "[" * 100000
        for content, said in (("{", "not JSON"), ("{\"a\": " + deep, "deep"),
                              (b"{\"a\": \"\xff\"}", "UTF-8"), ("{} {}", "not JSON"),
                              ("{\"syscalls\": 3}", "must be an array"),
                              ("{\"x\": \"" + "y" * (17 << 20) + "\"}", "")):
            done = self.convert(self.file(content), "--to", "text", "--reader", "runc", code=2)
            self.assertIn(said, done.stderr)
        folder = scratch(self)
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        for path in (folder, fifo, os.path.join(folder, "missing.json")):
            self.convert(path, "--to", "text", code=2)
        self.convert(self.file(PROFILE), "--to", "text", "--reader", "rnc", code=2)
        self.convert(self.file(PROFILE), "--to", "text", "--caps", "CAP_NOPE", code=2)

    def test_a_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "w") as full:
            done = subprocess.run([CALLGATE, "convert", self.file(PROFILE), "--to", "text"], stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 2, done.stderr)


if __name__ == "__main__":
    main()
