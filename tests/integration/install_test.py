"""`cmake --install` of the build that is tested, and what is built on it: every file and command of
docs/install.md, then the folder itself.
"""
import os
import re
import shutil
import subprocess
import unittest

from harness import CALLGATE, SOURCE, main, need
from installed import BUILD, class_scratch, install, run
from readme_test import blocks, pattern, steps

IS_FULL = os.environ.get("CALLGATE_SCALE") == "full"


def files_under(folder):
    return sorted(os.path.relpath(os.path.join(path, name), folder)
                  for path, _, names in os.walk(folder) for name in names)


class Installed(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        need("cmake", "g++", "pkg-config")
        cls.folder = class_scratch(cls)
        cls.prefix = os.path.join(cls.folder, "first")
        install(cls.prefix)

    def installed(self, pattern_text):
        return [name for name in files_under(self.prefix) if re.fullmatch(pattern_text, name)]

    def test_headers(self):
        headers = [name for name in files_under(os.path.join(SOURCE, "include")) if name.endswith((".h", ".hpp"))]
        self.assertGreater(len(headers), 30)
        self.assertEqual(["include/" + name for name in headers], self.installed("include/.*"))

    def test_headers_need_nothing_else(self):
        """Together at quick size, each alone at full size; those for C as C99, too."""
        headers = [name[len("include/"):] for name in self.installed(r"include/.*\.h(pp)?")]
        groups = [[name] for name in headers] if IS_FULL else [headers]
        for group in groups:
            run("g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Werror", "-I", self.prefix + "/include", "-x", "c++",
                "-", input="".join(f"#include <{name}>\n" for name in group))
        for name in ("callgate/runtime/embedded.h", "callgate.h"):
            if name in headers:
                run("cc", "-std=c99", "-pedantic-errors", "-Wall", "-Werror", "-fsyntax-only", "-I",
                    self.prefix + "/include", "-x", "c", "-", input=f"#include <{name}>\n")

    def test_a_library_for_each_folder(self):
        with open(os.path.join(SOURCE, "src/CMakeLists.txt"), encoding="utf-8") as table:
            folders = re.findall(r"^callgate_library\((\w+)", table.read(), flags=re.M)
        with open(self.prefix + "/lib/cmake/callgate/callgateTargets.cmake", encoding="utf-8") as file:
            targets = re.findall(r"^add_library\(callgate::(\w+) ", file.read(), flags=re.M)
        self.assertEqual(set(folders) - set(targets), {"cli"})
        libraries = {re.search(r"_(\w+)\.a", name).group(1) for name in self.installed(r"lib/libcallgate_\w+\.a")}
        self.assertLessEqual(libraries, set(targets))
        self.assertLessEqual({"abi", "compiler", "formats", "runtime"}, libraries)

    def test_no_file_knows_where_it_was_made_or_lies(self):
        for name in files_under(self.prefix):
            with open(os.path.join(self.prefix, name), "rb") as file:
                content = file.read()
            for place in (self.prefix, SOURCE + "/", BUILD + "/"):
                self.assertNotIn(place.encode(), content, name)

    def test_libraries_are_found_by_the_system_alone(self):
        need("readelf")
        for name in ("bin/callgate", "lib/libcallgate.so.0"):
            dynamic = run("readelf", "-d", os.path.join(self.prefix, name))
            self.assertIn("NEEDED", dynamic)
            self.assertNotRegex(dynamic, "RPATH|RUNPATH")

    def test_components_are_all_and_share_nothing(self):
        parts = {}
        for component in ("command", "runtime", "dev"):
            root = os.path.join(self.folder, component)
            run("cmake", "--install", BUILD, "--prefix", "/usr", "--component", component,
                env={**os.environ, "DESTDIR": root})
            parts[component] = files_under(root + "/usr")
            self.assertEqual(os.listdir(root) if os.path.exists(root) else ["usr"], ["usr"])
        self.assertEqual(sorted(sum(parts.values(), [])), files_under(self.prefix))
        self.assertEqual({name.split("/")[0] for name in parts["command"]}, {"bin", "share"})
        self.assertEqual({name.split("/")[0] for name in parts["dev"]}, {"include", "lib"})
        self.assertEqual([name for name in parts["runtime"] if not name.startswith("lib/libcallgate.so.")], [])

    def test_manual(self):
        pages = self.installed("share/man/.*")
        verbs = [line.split("\t")[0] for line in run(CALLGATE, "complete", "--", "").splitlines()]
        expected = ["callgate.1"] + [f"callgate-{verb}.1" for verb in verbs]
        self.assertEqual(sorted(os.path.basename(page) for page in pages if "/man1/" in page), sorted(expected))
        if shutil.which("lowdown"):
            self.assertIn("share/man/man5/callgate.policy.5", pages)
        if shutil.which("mandoc") is None:
            self.skipTest("not installed: mandoc")
        for page in pages:
            lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], cwd=self.prefix,
                                  capture_output=True, text=True, timeout=60).stdout
            # No date: the same input gives the same bytes on every day.
            lines = [line for line in lint.splitlines() if "missing date" not in line]
            self.assertEqual(lines, [])
        page = run("mandoc", "-T", "ascii", "share/man/man1/callgate-compile.1", cwd=self.prefix)
        page = re.sub(".\b", "", page)
        for text in ("callgate-compile - compile a policy", "callgate compile [OPTIONS] POLICY",
                     "--form raw|text|header", "--stop-after", "callgate compile app.policy -o app.bpf"):
            self.assertIn(text, page)

    def test_completions_are_what_the_command_prints(self):
        for shell, place in (("bash", "bash-completion/completions/callgate"), ("zsh", "zsh/site-functions/_callgate"),
                             ("fish", "fish/vendor_completions.d/callgate.fish")):
            with open(os.path.join(self.prefix, "share", place), encoding="utf-8") as file:
                self.assertEqual(file.read(), run(CALLGATE, "completion", shell))

    def test_version_that_is_asked_for(self):
        project = os.path.join(self.folder, "version")
        os.mkdir(project)
        for version, found in (("0.1", True), ("0.2", False), ("1.0", False)):
            with open(os.path.join(project, "CMakeLists.txt"), "w", encoding="utf-8") as file:
                file.write("cmake_minimum_required(VERSION 3.25)\nproject(version LANGUAGES CXX)\n"
                           f"find_package(callgate {version} REQUIRED PATHS {self.prefix} NO_DEFAULT_PATH)\n")
            done = subprocess.run(["cmake", "-S", project, "-B", project + "/build" + version], capture_output=True,
                                  text=True, timeout=120)
            self.assertEqual(done.returncode == 0, found, done.stderr)

    def test_install_md(self):
        """What its commands use was installed in another place and moved."""
        home = os.path.join(self.folder, "home")
        os.makedirs(os.path.join(home, "part"))
        os.symlink(BUILD, os.path.join(home, "build"))
        os.symlink(SOURCE, os.path.join(home, "part/callgate"))
        environment = {**os.environ, "HOME": home, "LC_ALL": "C.UTF-8"}
        with open(os.path.join(SOURCE, "docs/install.md"), encoding="utf-8") as page:
            text = page.read()
        ran = 0
        shell = ""  # PATH and PKG_CONFIG_PATH stay from step to step
        for kind, name, lines in blocks(text):
            if name:
                os.makedirs(os.path.dirname(os.path.join(home, name)), exist_ok=True)
                with open(os.path.join(home, name), "w", encoding="utf-8") as file:
                    file.write("\n".join(lines) + "\n")
            if kind != "console":
                continue
            for command, expected in steps(lines):
                done = subprocess.run(["bash", "-c", f"{shell}{command}"], cwd=home, env=environment, timeout=300,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                self.assertRegex(done.stdout, r"\A" + pattern(expected).pattern + r"\Z", command)
                self.assertEqual(done.returncode, 0, command)
                ran += 1
                if re.match(r"export |PATH=", command):
                    shell += command + "\n"
                if command.startswith("cmake --install"):
                    shutil.rmtree(home + "/callgate")
                    shutil.copytree(self.prefix, home + "/callgate", symlinks=True)
        self.assertGreaterEqual(ran, 18)


if __name__ == "__main__":
    main()
