"""Real programs under docker-default: each does its work twice, plain and confined, and its output
must be the same."""
import http.client
import json
import os
import re
import signal
import subprocess
import time
import unittest

from harness import CALLGATE, Server, free_port, main, need, scratch, wait_for

REPORT = "denials.txt"


def confined(folder):
    """The prefix that confines a program and reports what it is denied into a file of the folder."""
    return [CALLGATE, "run", "--profile", "docker-default", "--report-file",
            os.path.join(folder, REPORT), "--json", "--"]


EXPECTED = {("clone3", "errno(ENOSYS)")}


def denied(folder):
    """What was denied: (call, action) of each denial. clone3 alone is expected: without CAP_SYS_ADMIN
    Docker's profile calls it unimplemented, so that libc falls back to clone."""
    found = set()
    with open(os.path.join(folder, REPORT)) as report:
        for line in report:
            entry = json.loads(line)
            if entry["event"] == "denial":
                found.add((entry["call"], entry["action"]))
    return found
PYTHON = "/usr/bin/python3"


def output(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    return done.returncode, done.stdout, done.stderr


class SameOutput(unittest.TestCase):
    """Programs that end by themselves."""
    maxDiff = None

    def compare(self, command, **options):
        self.compare_in(lambda: options.get("cwd"), command, **options)

    def compare_in(self, folder, command, **options):
        """The same for a command that wants a fresh folder for each run."""
        plain = output(command, **{**options, "cwd": folder()})
        reports = scratch(self)
        under = output(confined(reports) + command, **{**options, "cwd": folder()})
        self.assertEqual(plain[0], 0, plain)
        self.assertEqual(under, plain)
        self.assertLessEqual(denied(reports), EXPECTED)

    def test_bash(self):
        need("bash")
        self.compare(["bash", "-c", """
            set -e
            x=$(seq 1 1000 | sort -rn | head -1); echo "$x"
            for i in 1 2 3; do (sleep 0.0$i; echo $i) & wait; done
            diff <(echo a) <(echo a) && echo same
            trap 'echo caught' USR1; kill -USR1 $$; echo "${RANDOM:+random}"
        """])

    def test_python_subprocess(self):
        need(PYTHON)
        self.compare([PYTHON, "-c", """
import subprocess
for i in range(20):
    print(subprocess.run(['/bin/echo', str(i)], capture_output=True, text=True).stdout, end='')
print(subprocess.run('exit 3', shell=True).returncode)
"""])

    def test_python_threading(self):
        need(PYTHON)
        self.compare([PYTHON, "-c", """
import concurrent.futures, queue, threading
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(sum(pool.map(lambda n: n * n, range(1000))))
q = queue.Queue()
t = threading.Thread(target=lambda: [q.put(i) for i in range(100)])
t.start(); t.join()
print(q.qsize())
"""])

    def test_python_ssl(self):
        need(PYTHON, "openssl")
        folder = scratch(self)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem",
                        "-out", "c.pem", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost"], cwd=folder, check=True, capture_output=True)
        self.compare([PYTHON, "-c", """
import socket, ssl, threading
server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_context.load_cert_chain('c.pem', 'k.pem')
listener = socket.create_server(('127.0.0.1', 0))
def serve():
    connection, _ = listener.accept()
    with server_context.wrap_socket(connection, server_side=True) as tls:
        tls.sendall(tls.recv(100)[::-1])
thread = threading.Thread(target=serve); thread.start()
client = ssl.create_default_context(cafile='c.pem')
with client.wrap_socket(socket.create_connection(listener.getsockname()), server_hostname='localhost') as tls:
    tls.sendall(b'hello')
    print(tls.recv(100), tls.version())
thread.join()
"""], cwd=folder)

    def test_git(self):
        need("git")
        script = r"""
            set -e
            export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='2000-01-01 00:00:00 +0000' \
                   GIT_COMMITTER_DATE='2000-01-01 00:00:00 +0000'
            git config --global user.name t; git config --global user.email t@localhost
            git init -q -b main origin && cd origin
            for i in $(seq 1 40); do echo $i > f$i; git add f$i; git commit -q -m "c$i"; done
            cd .. && git clone -q origin copy && cd copy
            echo more >> f1; git commit -qam more; git gc -q; git fsck --full 2>/dev/null
            git log --oneline | wc -l; git rev-parse HEAD; git count-objects -v | grep in-pack
        """
        self.compare_in(lambda: scratch(self), ["bash", "-c", script])

    def test_sqlite_wal_with_two_writers(self):
        need("sqlite3")
        script = """
            set -e
            sqlite3 d.db 'pragma journal_mode=wal; create table t(w, n);'
            writer() { for i in $(seq 1 50); do
              sqlite3 -cmd '.timeout 20000' d.db "insert into t values('$1', $i);"; done; }
            writer a & writer b & wait
            sqlite3 d.db 'select w, count(*), sum(n) from t group by w; pragma integrity_check;'
        """
        self.compare_in(lambda: scratch(self), ["bash", "-c", script])

    def test_curl_against_loopback(self):
        need("curl", PYTHON)
        folder = scratch(self)
        with open(os.path.join(folder, "page"), "w") as page:
            page.write("x" * 100_000)
        port = free_port()
        Server(self, [PYTHON, "-m", "http.server", "--bind", "127.0.0.1", str(port)], port, cwd=folder,
               env={**os.environ, "PYTHONUNBUFFERED": "1"})
        self.compare(["curl", "-sS", f"http://127.0.0.1:{port}/page"])


class Nginx(unittest.TestCase):
    """1000 requests and a reload in their midst."""

    CONFIG = """
worker_processes 2; daemon off; pid {folder}/pid; error_log {folder}/error.log; user {user};
events {{}}
http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; }}
"""

    def serve(self, prefix):
        folder, port = scratch(self), free_port()
        os.chmod(folder, 0o755)
        os.mkdir(os.path.join(folder, "www"))
        with open(os.path.join(folder, "www", "page"), "w") as page:
            page.write("page\n" * 500)
        with open(os.path.join(folder, "conf"), "w") as config:
            config.write(self.CONFIG.format(folder=folder, port=port, user="nobody nogroup"))
        server = Server(self, prefix + ["nginx", "-c", folder + "/conf", "-e", folder + "/error.log"], port)
        answers = [self.get(port) for _ in range(500)]
        with open(os.path.join(folder, "pid")) as pid_file:
            master = int(pid_file.read())
        before = self.workers(master)
        os.kill(master, signal.SIGHUP)
        wait_for(lambda: self.workers(master) and not before & self.workers(master), what="reload")
        answers += [self.get(port) for _ in range(500)]
        os.kill(master, signal.SIGQUIT)
        server.process.wait(20)
        with open(os.path.join(folder, "error.log")) as log:
            errors = [re.sub(r"^\S+ \S+ \[(\w+)\] [0-9#]+:", r"\1", line) for line in log
                      if "[notice]" not in line]
        return answers, server.process.returncode, server.stop(), errors

    @staticmethod
    def get(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/page")
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    @staticmethod
    def workers(master):
        with open(f"/proc/{master}/task/{master}/children") as children:
            return set(children.read().split())

    def test_serves_1000_requests_and_reloads(self):
        need("nginx")
        plain = self.serve([])
        self.assertEqual(len(plain[0]), 1000)
        self.assertEqual({status for status, _ in plain[0]}, {200})
        reports = scratch(self)
        self.assertEqual(self.serve(confined(reports)), plain)
        self.assertLessEqual(denied(reports), EXPECTED)


class Redis(unittest.TestCase):
    """SET and GET, a background save and the append-only file."""

    def serve(self, prefix):
        folder, port = scratch(self), free_port()
        server = Server(self, prefix + ["redis-server", "--port", str(port), "--bind", "127.0.0.1",
                                        "--dir", folder, "--appendonly", "yes", "--save", "",
                                        "--loglevel", "warning"], port)
        out = []

        def cli(*words):
            done = subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True,
                                  timeout=60)
            return done.stdout.strip()

        for i in range(50):
            out.append(cli("set", f"k{i}", str(i * i)))
        out.append(cli("get", "k7"))
        out.append(cli("bgsave"))
        wait_for(lambda: "rdb_bgsave_in_progress:0" in cli("info", "persistence"), what="bgsave")
        out.append(re.search(r"rdb_last_bgsave_status:\w+", cli("info", "persistence")).group())
        out.append(cli("bgrewriteaof"))
        time.sleep(0.2)
        wait_for(lambda: "aof_rewrite_in_progress:0" in cli("info", "persistence"), what="aof")
        out.append(re.search(r"aof_last_bgrewrite_status:\w+", cli("info", "persistence")).group())
        out.append(os.path.exists(os.path.join(folder, "dump.rdb")))
        out.append(len(os.listdir(os.path.join(folder, "appendonlydir"))))
        cli("shutdown", "nosave")
        server.process.wait(30)
        return out, server.process.returncode, self.without_dates(server.stop())

    @staticmethod
    def without_dates(log):
        return re.sub(r"^\d+:\w .*? [#*] |pid=\d+|Port: \d+|PID: \d+", "", log, flags=re.M)

    def test_set_get_bgsave_aof(self):
        need("redis-server", "redis-cli")
        plain = self.serve([])
        self.assertIn("rdb_last_bgsave_status:ok", plain[0])
        reports = scratch(self)
        self.assertEqual(self.serve(confined(reports)), plain)
        self.assertLessEqual(denied(reports), EXPECTED)


if __name__ == "__main__":
    main()
