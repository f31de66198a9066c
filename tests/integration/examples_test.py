"""The examples, built on an installed callgate: they do their work under their policies as without,
and an intruder in them gets what their README.md says, call by call.

  examples_test.py CALLGATE --write      writes the tables into the READMEs: read them before you commit
"""
import concurrent.futures
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import unittest

from harness import SOURCE, main, scratch, wait_for
from installed import build, class_scratch, install
from intruder_calls import Target, rows

EXAMPLES = os.path.join(SOURCE, "examples")
NAMES = ("kv_server", "login_server", "image_decoder")
TABLE = "<!-- Made by tests/integration/examples_test.py --write. -->\n"
STILL = "## What an intruder can still do"
IS_FULL = os.environ.get("CALLGATE_SCALE") == "full"
REFUSED = {-1: "EPERM", -38: "ENOSYS", None: "killed"}


def status(task):
    with open(f"/proc/{task}/status", encoding="ascii") as file:
        return file.read()


IS_FILTERED = "\nSeccomp:\t0\n" not in status("self")
IS_FREE = os.getuid() == 0 and not IS_FILTERED and "CapEff:\t000001ff" in status("self")


class Client:
    """A connection that is read line by line."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.reader = self.socket.makefile("rb")

    def send(self, text):
        self.socket.sendall(text.encode())

    def line(self):
        """The next line without its end; None where the connection has ended."""
        try:
            text = self.reader.readline()
        except ConnectionResetError:
            return None
        return text.decode().rstrip("\r\n") if text.endswith(b"\n") else None

    def ask(self, text):
        try:
            self.send(text + "\n")
        except (BrokenPipeError, ConnectionResetError):
            return None
        return self.line()

    def close(self):
        self.reader.close()
        self.socket.close()


class Process:
    """A server that says on its first line where it listens."""

    def __init__(self, case, command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        case.addCleanup(self.stop)
        first = self.process.stdout.readline()
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", first)
        if not found:
            raise AssertionError(f"{command}: {first}{self.process.stdout.read()}")
        self.port = int(found.group(1))
        self.pid = self.process.pid

    def descriptors(self):
        return {int(name) for name in os.listdir(f"/proc/{self.pid}/fd")}

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def obey(client, prefix, attempt):
    """The last answer to the attempt's lines as a number; None where the process was ended."""
    answer = None
    for line in attempt.lines:
        answer = client.ask(prefix + line)
        if answer is None:
            return None
    return int(re.search(r"-?\d+$", answer).group())  # behind what the call itself may have sent


class KvIntruder:
    """In kv_server: one process whose clients' descriptors lie side by side."""

    def __init__(self, case, program, options):
        self.case, self.options = case, options
        configuration = os.path.join(scratch(case), "kv.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write("port 0\nthreads 2\nmemory 8\n")
        self.command = [program, configuration, *options]
        self.start()

    def start(self):
        self.server = Process(self.case, self.command)
        self.client, self.connection = self.connect()
        self.neighbour, self.other = self.connect()

    def connect(self):
        before = self.server.descriptors()
        client = Client(self.server.port)
        self.case.addCleanup(client.close)
        client.ask("version")
        return client, (self.server.descriptors() - before).pop()

    def attempt(self, attempt):
        result = obey(self.client, "intruder ", attempt)
        if result is None:
            self.case.assertEqual(self.server.process.wait(20), -signal.SIGSYS, attempt.shown)
            self.start()
        return result


class LoginIntruder:
    """In one of login_server's processes: a new connection for each attempt."""

    def __init__(self, case, program, options, role):
        self.role = role
        self.server = Process(case, [program, "0", users(), *options])
        self.connection, self.other = (0, 1) if role == "session" else (3, 4)

    def attempt(self, attempt):
        client = Client(self.server.port)
        try:
            client.line()
            if self.role == "session":
                client.ask("login alice wonderland")
            return obey(client, f"intruder {self.role} ", attempt)
        finally:
            client.close()


class DecoderIntruder:
    """In image_decoder: an image that is a list of orders."""

    connection, other = 0, 1

    def __init__(self, case, program, options):
        self.folder = scratch(case)
        self.command = [program, *options, os.path.join(self.folder, "image"), os.path.join(self.folder, "out")]

    def attempt(self, attempt):
        with open(self.command[-2], "w", encoding="ascii") as image:
            image.write("intruder\n" + "\n".join(attempt.lines) + "\n")
        done = subprocess.run(self.command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        answer = re.search(r"the intruder got (-?\d+)", done.stderr)
        return int(answer.group(1)) if answer else None


def users():
    return os.path.join(EXAMPLES, "login_server", "users.conf")


def cell(verdicts):
    """The verdict of most attempts of a row, then the others by name."""
    kinds = {}
    for shown, verdict in verdicts:
        kinds.setdefault(verdict, []).append(shown)
    ordered = sorted(kinds, key=lambda verdict: -len(kinds[verdict]))
    others = [f"{verdict}: " + ", ".join(f"`{shown}`" for shown in kinds[verdict]) for verdict in ordered[1:]]
    return "; ".join(["**possible**" if ordered[0] == "possible" else ordered[0],
                      *[text.replace("possible:", "**possible:**") for text in others]])


def table(columns, results):
    """`results`: (what for, [shown], [verdicts of each column])."""
    lines = ["| what for | tried | " + " | ".join(columns) + " |", "|---|---|" + "---|" * len(columns)]
    for what, shown, verdicts in results:
        cells = [cell(list(zip(shown, column))) for column in verdicts]
        lines.append(f"| {what} | " + ", ".join(f"`{name}`" for name in shown) + " | " + " | ".join(cells) + " |")
    return "\n".join(lines).replace("openat|0x", "openat\\|0x").replace("socket|0x", "socket\\|0x").replace(
        "PROT_WRITE|", "PROT_WRITE\\|") + "\n"


class Examples(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if os.uname().machine != "x86_64":
            raise unittest.SkipTest("the intruder is for x86-64")
        cls.folder = class_scratch(cls)
        cls.prefix = os.path.join(cls.folder, "prefix")
        install(cls.prefix)
        build(cls.prefix, [(os.path.join(EXAMPLES, name), os.path.join(cls.folder, name)) for name in NAMES],
              "-DEXAMPLE_INTRUDER=ON")

    def program(self, name):
        return os.path.join(self.folder, name, name)

    # What an intruder gets.

    def test_kv_server_intruder(self):
        self.intrude("kv_server", {"verdict": KvIntruder})

    def test_login_server_intruder(self):
        self.intrude("login_server", {role: lambda *given, role=role: LoginIntruder(*given, role)
                                      for role in ("network", "monitor", "session")})

    def test_image_decoder_intruder(self):
        self.need_strict_mode()
        self.intrude("image_decoder", {"verdict": DecoderIntruder})

    def intrude(self, name, columns):
        target = self.surroundings()
        verdicts = [self.verdicts(name, start, *target) for start in columns.values()]
        shown = [(what, [attempt.shown for attempt in attempts])
                 for what, attempts in rows(Target(0, 0, 1, *target[1:]))]
        results = [(what, names, [column[i] for column in verdicts]) for i, (what, names) in enumerate(shown)]
        self.compare_table(name, table(list(columns), results))
        possible = {call for _, names, columns_of in results for column in columns_of
                    for call, verdict in zip(names, column) if verdict == "possible"}
        self.explains(name, possible)

    def surroundings(self):
        """A victim that survives, a folder with files, a port at which somebody listens."""
        folder = scratch(self)
        os.chmod(folder, 0o777)
        for name in ("secret", "open"):
            with open(os.path.join(folder, name), "w", encoding="ascii"):
                os.chmod(os.path.join(folder, name), 0o666)
        victim = subprocess.Popen(["bash", "-c", "trap '' TERM; echo; exec sleep 600"], stdout=subprocess.PIPE)
        self.addCleanup(lambda: (victim.kill(), victim.wait(), victim.stdout.close()))
        victim.stdout.readline()
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return victim.pid, folder, listener.getsockname()[1]

    def verdicts(self, name, start, *surroundings):
        """For each row what each attempt gets; each is first shown to get further without a policy."""
        free, confined = (start(self, self.program(name), options) for options in (["--unconfined"], []))
        found = []
        for (_, attempts), (_, free_attempts) in zip(
                *(rows(Target(place.connection, place.other, *surroundings)) for place in (confined, free))):
            found.append([])
            for attempt, again in zip(attempts, free_attempts):
                verdict = REFUSED.get(confined.attempt(attempt), "possible")
                if verdict != "possible":
                    self.gets_further(free, again, verdict)
                found[-1].append(verdict)
        return found

    def gets_further(self, free, attempt, verdict):
        """Else it would be no attempt: the refusal would not be the policy's. An ENOSYS is a kernel
        that lacks the call; an EPERM is without a policy a process that is not root; and a kernel may
        lack int $0x80."""
        result = free.attempt(attempt)
        if result is None and attempt.lines[-1].startswith("call32"):
            return
        self.assertIsNotNone(result, f"{attempt.shown}: ends the process without a policy too")
        if verdict == "EPERM" and IS_FREE and not isinstance(free, LoginIntruder):
            self.assertNotEqual(result, -1, f"{attempt.shown}: EPERM without a policy too")

    def compare_table(self, name, made):
        path = os.path.join(EXAMPLES, name, "README.md")
        with open(path, encoding="utf-8") as file:
            head, _, tail = file.read().partition(TABLE)
        end = tail.find("\n\n") + 1 or len(tail)
        if "--write" in sys.argv:
            with open(path, "w", encoding="utf-8") as file:
                file.write(head + TABLE + made + tail[end:])
            return
        self.assertEqual(tail[:end], made)

    def explains(self, name, possible):
        with open(os.path.join(EXAMPLES, name, "README.md"), encoding="utf-8") as file:
            section = file.read().partition(STILL)[2].partition("\n## ")[0]
        missing = [call for call in sorted(possible) if f"`{call}`" not in section]
        self.assertEqual(missing, [], f"{name}/README.md does not say what these mean")

    # What they are for.

    def test_kv_server_answers_as_without_its_policy(self):
        answers = []
        for options in (["--unconfined"], []):
            server = KvIntruder(self, self.program("kv_server"), options).server
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
                speaker = threading.Thread(target=client.sendall, args=(TRANSCRIPT,))
                speaker.start()
                answers.append(b"".join(iter(lambda: client.recv(65536), b"")))
                speaker.join()
        self.assertEqual(answers[1], answers[0])
        self.assertTrue(answers[1].startswith(b"STORED\r\nVALUE a 7 3\r\nx\ny\r\nEND\r\n"), answers[1])
        self.assertIn(b"VALUE big 0 300000\r\n" + b"v" * 300000 + b"\r\nEND\r\n", answers[1])

    def test_kv_server_serves_many_at_once(self):
        server = KvIntruder(self, self.program("kv_server"), []).server

        def one(number):
            client = Client(server.port)
            for i in range(100):
                client.send(f"set key{number} 0 0 {len(str(i))}\r\n{i}\r\nget key{number} common\r\n")
                client.send(f"set common 0 0 1\r\n{number}\r\ndelete key{number}\r\n")
                seen = [client.line() for _ in range(3)]
                self.assertEqual(seen, ["STORED", f"VALUE key{number} 0 {len(str(i))}", str(i)])
                while client.line() != "END":
                    pass
                self.assertEqual([client.line(), client.line()], ["STORED", "DELETED"])
            client.close()
            return number

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(list(pool.map(one, range(8))), list(range(8)))
        tasks = os.listdir(f"/proc/{server.pid}/task")
        self.assertEqual(len(tasks), 3)
        for task in tasks:
            self.assertIn("\nSeccomp:\t2\n", status(f"{server.pid}/task/{task}"))

    def test_kv_server_reads_a_neighbour_s_bytes(self):
        """What its README calls the price of one process for all clients."""
        intruder = KvIntruder(self, self.program("kv_server"), [])
        self.assertEqual(intruder.client.ask("intruder poke 0 666f7267656420616e737765720a"), "ok")
        self.assertEqual(intruder.client.ask(f"intruder call 44 {intruder.other} @0 14 0 0 0"), "14")
        self.assertEqual(intruder.neighbour.line(), "forged answer")

    def test_login(self):
        server = self.login_server()
        client = Client(server.port)
        self.assertEqual(client.line(), "login USER PASSWORD")
        self.assertEqual(client.ask("login alice builder"), "no")
        self.assertEqual(client.ask("nonsense"), "no")
        self.assertEqual(client.ask("login alice wonderland"), "hello, alice; cat listens")
        client.send("run\n")
        self.assertEqual(client.ask("to the cat"), "to the cat")
        cat = [pid for pid in children(server.pid) if name_of(pid) == "cat"]
        self.assertEqual(len(cat), 1)
        self.assertRegex(status(cat[0]), "\nSeccomp:\t2\nSeccomp_filters:\t2\n")
        client.close()

    def test_login_has_three_attempts(self):
        client = Client(self.login_server().port)
        client.line()
        self.assertEqual([client.ask("login bob guess") for _ in range(4)], ["no", "no", "no", None])
        client.close()

    def test_passwords_are_in_the_monitor_alone(self):
        server = self.login_server()
        client = Client(server.port)
        client.line()
        client.ask("login bob guess")
        wait_for(lambda: len(children(server.pid)) == 3, what="three processes")
        knows = {pid: b"wonderland" in writable_memory(pid) for pid in [server.pid, *children(server.pid)]}
        self.assertEqual(sorted(knows.values()), [False, False, False, True])
        client.close()

    def test_the_session_runs_cat_and_no_other_program(self):
        """Neither another path nor another page in the place of the pinned one; then the pinned call."""
        page, flags_fixed = 0x10000000, 0x32
        server = self.login_server()
        client = Client(server.port)
        client.line()
        client.ask("login alice wonderland")
        for call in (f"59 @0 {page + 0x100} {page + 0x200}", f"59 {page} @0 {page + 0x200}",
                     f"9 {page} 4096 3 {flags_fixed} -1 0", f"9 {page - 4096} 12288 3 {flags_fixed} -1 0",
                     f"9 0 {page + 4096} 3 {flags_fixed} -1 0", f"9 {page} 4096 3 0x22 -1 0",
                     f"9 {page + 0x2000} 4096 3 0x122 -1 0",
                     f"10 {page} 4096 3", f"10 {page - 4096} 8192 3", f"11 {page} 4096", "11 4096 0x10000000",
                     f"25 @0 4096 4096 3 {page}", f"28 {page} 4096 4"):
            self.assertEqual(client.ask(f"intruder session call {call}"), "-1", call)
        self.assertEqual(client.ask(f"intruder session call 59 {page} {page + 0x100} {page + 0x200}\nmew"), "mew")
        client.close()

    def test_image_decoder(self):
        """An image, and what is wrong with others: in the file, in the decoder, in its time."""
        self.need_strict_mode()
        pixels = [(x // 3 * (1, 5, 40)[y % 3] % 256, y // 8 * 9, (x // 2 ^ y // 8) % 8, 255 - y // 8)
                  for y in range(31) for x in range(53)]
        good = qoi(53, pixels)
        code, message, out = self.decode(good)
        self.assertEqual((code, message), (0, ""))
        head = b"P7\nWIDTH 53\nHEIGHT 31\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
        self.assertEqual(out, head + b"".join(bytes(pixel) for pixel in pixels))
        for image, complaint in (
                (b"", "no QOI image"), (b"P6 1 1 255 abc", "no QOI image"), (good[:200], "image ends early"),
                (good[:4] + bytes(8) + good[12:], "bad header"),
                (good[:4] + b"\xff" * 8 + good[12:], "image too large"),
                (b"intruder\ncrash\n", "decoder: killed by signal 11"),
                (b"intruder\ncall 257 0 0 0\n", "decoder: killed for call 257 (openat)"),
                (b"intruder\ncall 60 0\n", "decoder: exited with 0"),
                (b"intruder\nloop\n", "decoder: killed at the time limit")):
            code, message, out = self.decode(image)
            self.assertEqual((code, message, out), (1, complaint, None))

    def need_strict_mode(self):
        if IS_FILTERED:
            self.skipTest("strict mode is refused to a process under a filter")

    def decode(self, image):
        """Exit code, message, output."""
        folder = scratch(self)
        names = [os.path.join(folder, name) for name in ("image", "out")]
        with open(names[0], "wb") as file:
            file.write(image)
        done = subprocess.run([self.program("image_decoder"), *names], capture_output=True, text=True, timeout=60)
        out = None
        if os.path.exists(names[1]):
            with open(names[1], "rb") as file:
                out = file.read()
        return done.returncode, done.stderr.replace(f"image_decoder: {names[0]}: ", "").rstrip("\n"), out

    def login_server(self):
        return LoginIntruder(self, self.program("login_server"), [], "network").server

    def test_the_builds_for_use_hold_no_intruder(self):
        if not IS_FULL:
            self.skipTest("at full size only")
        folders = {name: os.path.join(self.folder, "for-use", name) for name in NAMES}
        build(self.prefix, [(os.path.join(EXAMPLES, name), folder) for name, folder in folders.items()])
        for name, folder in folders.items():
            with open(os.path.join(folder, name), "rb") as file:
                program = file.read()
            self.assertNotIn(b"intruder", program)
            self.assertNotIn(b"--unconfined", program)


TRANSCRIPT = (b"set a 7 0 3\r\nx\ny\r\nget a\r\nget a b\r\nset b 0 0 0 noreply\r\n\r\nget a b\r\n"
              b"delete b\r\ndelete b\r\n"
              b"set big 0 0 300000\r\n" + b"v" * 300000 + b"\r\nget big\r\ndelete a noreply\r\nstats\r\nversion\r\n"
              b"nonsense\r\nget\r\nset c 0 0 10 \r\n0123456789\r\nset huge 0 0 1000000\r\n" + b"h" * 1000000 +
              b"\r\n" + b"".join(b"set huge%d 0 0 1000000\r\n" % i + b"h" * 1000000 + b"\r\n" for i in range(8)) +
              b"get c\r\nset c 0 0 3\r\ntoo..")


def qoi(width, pixels):
    """Encoded by all kinds of chunk (qoiformat.org): run, index, difference, luma, RGB, RGBA."""
    data = b"qoif" + struct.pack(">II", width, len(pixels) // width) + b"\x04\x00"
    seen, last, run = [(0, 0, 0, 0)] * 64, (0, 0, 0, 255), 0
    for pixel in pixels:
        if pixel == last and run < 62:
            run += 1
            continue
        if run:
            data += bytes([0xc0 | run - 1])
        run = 0
        slot = (pixel[0] * 3 + pixel[1] * 5 + pixel[2] * 7 + pixel[3] * 11) % 64
        red, green, blue = ((new - old + 128) % 256 - 128 for new, old in zip(pixel[:3], last))
        if pixel == last:
            run = 1
        elif seen[slot] == pixel:
            data += bytes([slot])
        elif pixel[3] != last[3]:
            data += b"\xff" + bytes(pixel)
        elif all(-2 <= difference <= 1 for difference in (red, green, blue)):
            data += bytes([0x40 | red + 2 << 4 | green + 2 << 2 | blue + 2])
        elif -32 <= green <= 31 and -8 <= red - green <= 7 and -8 <= blue - green <= 7:
            data += bytes([0x80 | green + 32, red - green + 8 << 4 | blue - green + 8])
        else:
            data += b"\xfe" + bytes(pixel[:3])
        seen[slot], last = pixel, pixel
    return data + (bytes([0xc0 | run - 1]) if run else b"") + bytes(7) + b"\x01"


def name_of(pid):
    with open(f"/proc/{pid}/comm", encoding="ascii") as file:
        return file.read().strip()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()


def writable_memory(pid):
    """What the process has in memory that it can write, without the inherited parts of the program's file."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            first, last = (int(end, 16) for end in line.split()[0].split("-"))
            if line.split()[1].startswith("rw"):
                memory.seek(first)
                found.append(memory.read(last - first))
    return b"".join(found)


if __name__ == "__main__":
    main()
