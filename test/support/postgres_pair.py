"""PostgreSQL servers for failover tests: a primary, a standby, backups, and a TCP proxy that stops,
cuts and holds what goes through it."""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from endpoints import wait_until

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
OWNER = "boss"
USER = "roundtable"


def as_user(*command):
    """PostgreSQL does not run as root."""
    words = [str(word) for word in command]
    become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
    return become + words if os.geteuid() == 0 else words


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children_of(pid):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if int((entry / "stat").read_text().rsplit(") ", 1)[1].split()[1]) == pid:
                found.append(int(entry.name))
    return found


class Server:
    """One server: DIR/data, TCP on a port of its own, trust for everybody on this machine."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.port = free_port()
        self.process = None
        self.directory.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.directory, USER)

    def init(self):
        subprocess.run(as_user(PROGRAMS / "initdb", "-D", self.data, "-U", OWNER, "--auth=trust",
                               "--no-sync"), check=True, capture_output=True)

    def copy_of(self, port, standby):
        """Becomes a copy of the server on that port; a standby streams from there."""
        standby_options = ["-R"] if standby else []
        subprocess.run(as_user(PROGRAMS / "pg_basebackup", "-D", self.data, "-X", "stream", "-c",
                               "fast", "--no-sync", *standby_options, "-d",
                               f"host=127.0.0.1 port={port} user={OWNER} "
                               "application_name=standby"), check=True, capture_output=True)

    def start(self):
        self.process = subprocess.Popen(
            as_user(PROGRAMS / "postgres", "-D", self.data, "-k", self.directory, "-p", self.port,
                    "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200",
                    "-c", "fsync=off", "-c", "wal_keep_size=512MB"),
            stdout=(self.directory / "log").open("ab"), stderr=subprocess.STDOUT,
            start_new_session=True)
        wait_until("PostgreSQL answers", lambda: self.try_sql("SELECT 1"), 60)

    def pid(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def kill(self):
        """As if the machine were gone: SIGKILL for every process at once."""
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)  # no time for it to notice
        for each in (*children_of(pid), pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self.process.wait(30)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            os.kill(self.pid(), signal.SIGQUIT)
            self.process.wait(60)

    def promote(self):
        assert self.sql("SELECT pg_promote()") == "t"

    def sql(self, statement, database="postgres"):
        return subprocess.run(
            ["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-c", statement,
             f"host=127.0.0.1 port={self.port} user={OWNER} dbname={database} "
             "target_session_attrs=any"],
            check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    def try_sql(self, statement, database="postgres"):
        with contextlib.suppress(subprocess.SubprocessError):
            return self.sql(statement, database)
        return None

    def show_log(self):
        print(f"--- {self.directory}/log")
        print("\n".join((self.directory / "log").read_text(errors="replace").splitlines()[-15:]))


class Proxy:
    """Forwards TCP to a port, until told otherwise. Refuses connections until listen()."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.passing = threading.Event()
        self.passing.set()
        self.cut_after = None  # bytes, at most, before a connection is cut
        self.random = random.Random(7)
        self.cuts = 0
        self.lock = threading.Lock()
        self.pairs = set()

    def listen(self):
        self.listener.listen(256)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            pair = (client, server)
            with self.lock:
                self.pairs.add(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(pair, source, sink), daemon=True).start()

    def _pump(self, pair, source, sink):
        budget = None
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.passing.wait()
                limit = self.cut_after
                if limit is not None:
                    budget = self.random.randrange(limit) if budget is None else budget
                    if len(data) > budget:
                        sink.sendall(data[:budget])
                        self.cuts += 1
                        break
                    budget -= len(data)
                else:
                    budget = None
                sink.sendall(data)
        self._close(pair)

    def _close(self, pair):
        with self.lock:
            self.pairs.discard(pair)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def hold(self):
        """Nothing passes, and nothing says so: as when a machine is gone from the network."""
        self.passing.clear()

    def go_on(self):
        self.passing.set()

    def cut_all(self):
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            self._close(pair)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()
        self.passing.set()
        self.cut_all()


class Pair:
    """with Pair() as pair: the primary `a` behind the proxy `to_a`, and room for a standby `b`."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roundtable-pair-"))
        self.directory.chmod(0o755)
        self.a = Server(self.directory / "a")
        self.b = Server(self.directory / "b")
        self.to_a = Proxy(self.a.port)
        self.to_b = Proxy(self.b.port)
        self.stream = Proxy(self.a.port)  # what the standby follows

    def __enter__(self):
        self.a.init()
        self.a.start()
        self.a.sql("CREATE DATABASE mail")
        self.to_a.listen()
        self.stream.listen()
        return self

    def __exit__(self, kind, error, trace):
        for proxy in (self.to_a, self.to_b, self.stream):
            proxy.close()
        for server in (self.a, self.b):
            server.stop()
            if kind is not None and (server.directory / "log").exists():
                server.show_log()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def conninfo(self):
        """Several hosts, the standby first: who is asked first must not matter."""
        return (f"host=127.0.0.1,127.0.0.1 port={self.to_b.port},{self.to_a.port} dbname=mail "
                f"user={OWNER}")

    def add_standby(self, synchronous):
        self.b.copy_of(self.stream.port, standby=True)
        self.b.start()
        self.to_b.listen()
        wait_until("the standby streams", lambda: self.a.sql(
            "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"), 60)
        if synchronous:
            self.a.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            self.a.sql("SELECT pg_reload_conf()")
            wait_until("the standby is synchronous", lambda: self.a.sql(
                "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"), 60)
