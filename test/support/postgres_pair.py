"""PostgreSQL servers for failover tests: a primary, a standby, backups, and a TCP proxy that stops,
cuts and holds what goes through it."""

import contextlib
import os
import pathlib
import random
import shutil
import socket
import tempfile
import threading

from endpoints import wait_until
from postgres_server import OWNER, USER, PostgresServer


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
        self.a, self.b = (PostgresServer(name, self.directory / name / "data",
                                         self.directory / name / "log", self.directory / name)
                          for name in "ab")
        for server in (self.a, self.b):
            server.sockets.mkdir()
            if os.geteuid() == 0:
                shutil.chown(server.sockets, USER)
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
            if kind is not None and server.log.exists():
                server.show_log()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def conninfo(self):
        """Several hosts, the standby first: who is asked first must not matter."""
        return (f"host=127.0.0.1,127.0.0.1 port={self.to_b.port},{self.to_a.port} dbname=mail "
                f"user={OWNER}")

    def add_standby(self, synchronous):
        self.b.copy_of(self.stream.port)
        self.b.follow(self.stream.port)
        self.b.start()
        self.to_b.listen()
        wait_until("the standby streams", lambda: self.a.has_standby("state = 'streaming'"), 60)
        if synchronous:
            self.a.set_synchronous("standby")
            wait_until("the standby is synchronous",
                       lambda: self.a.has_standby("sync_state = 'sync'"), 60)
