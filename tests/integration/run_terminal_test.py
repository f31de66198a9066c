"""Job control on a terminal, and a terminal that goes away."""
import os
import pty
import select
import signal
import time
import unittest

from harness import CALLGATE, main, need, wait_for
from run_support import RunTest, wait_for_text


class Terminal:
    """A shell on a pseudo-terminal, typed at and read from."""

    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # A runner in the background ignores these, and shells keep that.
            for number in (signal.SIGINT, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)
            os.execvp(command[0], command)
        self.seen = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, text, seconds=20):
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
            self.seen += os.read(self.fd, 4096).decode(errors="replace")
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class JobControl(RunTest):
    def shell(self):
        need("bash")
        terminal = Terminal("bash", "--norc", "--noprofile", "-i")
        terminal.type("PS1='ready> '; PS2=; set +o history; bind 'set enable-bracketed-paste off'\n")
        terminal.expect("ready> ")
        return terminal

    def check(self, rules):
        """What is typed while bash changes the terminal's mode may be lost, hence each prompt."""
        policy = self.policy(rules)
        terminal = self.shell()
        command = " ".join(self.command(policy, "sh", "-c",
                                        "'mkdir /nowhere/x 2>/dev/null; echo st\"\"arted; cat; echo en\"\"ded'"))
        terminal.type(command + "\n")
        terminal.expect("started")
        terminal.type("hello\n")
        terminal.expect("hello\r\nhello")
        terminal.type("\x1a")
        terminal.expect("Stopped")
        terminal.expect("ready> ")
        terminal.type("jobs; echo a\"\"live\n")
        terminal.expect("alive")
        terminal.expect("ready> ")
        terminal.type("fg\n")
        time.sleep(0.5)
        terminal.type("again\n")
        terminal.expect("again\r\nagain")
        terminal.type("\x04")
        terminal.expect("ended")
        terminal.expect("ready> ")
        terminal.type(command + "\n")
        terminal.expect("started")
        terminal.type("hello\n")
        terminal.expect("hello\r\nhello")
        terminal.type("\x03")
        terminal.expect("ready> ")
        terminal.type("echo code $?\n")
        terminal.expect("code 130")
        terminal.type("exit\n")
        terminal.close()

    def test_stop_continue_interrupt(self):
        self.check("errno(EXDEV) mkdir")

    def test_the_same_while_traced(self):
        self.check("errno(EXDEV) mkdir\nkill_process rmdir")


class ClosedTerminal(RunTest):
    def test_denials_stay_what_they_are(self):
        for rules in ("errno(EXDEV) mkdir", "errno(EXDEV) mkdir\nkill_process rmdir"):
            policy = self.policy(rules)
            result = self.path("result")
            code = ("import os, signal, time\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\nprint('up')\n"
                    "time.sleep(1)\ngot = []\n"
                    "for i in range(3):\n  try: os.mkdir('/nowhere/x')\n  except OSError as e: got.append(e.errno)\n"
                    f"open({result!r}, 'w').write(f'{{got}} end')")
            terminal = Terminal(*self.command(policy, "python3", "-c", code))
            terminal.expect("up\r\n")
            os.close(terminal.fd)
            wait_for_text(result, "end")
            os.waitpid(terminal.pid, 0)
            with open(result) as file:
                self.assertEqual(file.read(), "[18, 18, 18] end")
            os.unlink(result)

    def test_hangup_reaches_the_program(self):
        terminal = Terminal(*self.command(self.policy("errno(EXDEV) mkdir"), "sh", "-c", "echo up; sleep 30"))
        terminal.expect("up\r\n")
        os.close(terminal.fd)
        _, status = os.waitpid(terminal.pid, 0)
        self.assertEqual(os.WTERMSIG(status), signal.SIGHUP)


if __name__ == "__main__":
    main()
