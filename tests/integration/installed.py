"""`cmake --install` of the build that is tested, and projects that are built on it as a user would."""
import os
import re
import subprocess
import unittest

from harness import CALLGATE, need, scratch

BUILD = os.path.dirname(os.path.dirname(os.path.abspath(CALLGATE)))


def class_scratch(case):
    """A folder that is removed when the test case's class ends."""
    class Whole:
        addCleanup = staticmethod(case.addClassCleanup)
    return scratch(Whole)


def run(*command, **options):
    """What the command prints, on standard error too; raises it where the command fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=300, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def install(prefix):
    """Installs into `prefix`, or skips by name."""
    need("cmake", "g++")
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as cache:
        text = cache.read()
    if re.search(r"^CALLGATE_SANITIZE:\w+=.", text, flags=re.M) or "CALLGATE_COVERAGE:BOOL=ON" in text:
        raise unittest.SkipTest("instrumented libraries are not for installing")
    run("cmake", "--install", BUILD, "--prefix", prefix)


def build(prefix, projects, *options):
    """Builds each (source, build folder) on the installed prefix, all at once."""
    running = []
    for source, folder in projects:
        configure = ["cmake", "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}",
                     "-DCMAKE_CXX_FLAGS=-O1", *options]
        command = f"{' '.join(configure)} && cmake --build {folder} -j 2"
        running.append((source, subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE,
                                                 stderr=subprocess.STDOUT, text=True)))
    failed = [f"{source}:\n{output}" for source, process in running
              for output in [process.communicate(timeout=600)[0]] if process.returncode != 0]
    if failed:
        raise AssertionError("\n".join(failed))
